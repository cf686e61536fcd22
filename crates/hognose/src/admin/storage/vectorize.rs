//! Vectorize indexes: what is in them, and querying one. A query by text is two steps for whoever asks: a model of Workers
//! AI gives the values.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use hognose_services::vectorize::{
    Detail, Filter, Match, Query, SqliteIndex, Target, Vectorize, VectorizeError, check_query,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::known;
use crate::admin::Admin;
use crate::admin::answers::{Answer, Found, Problem, found};
use crate::catalog::{Resource, ResourceKind};

/// The most matches of one query.
const MATCHES_MAX: usize = 100;

pub(super) fn routes() -> Router<Arc<Admin>> {
    Router::new().route("/vectorize", get(indexes)).route("/vectorize/{name}/query", post(query))
}

/// An index, who uses it, and how it stands: none where `hognose vectorize create` has not made it yet.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    resource: Resource,
    about: Option<Value>,
}

async fn indexes(State(admin): State<Arc<Admin>>) -> Found<Vec<Listed>> {
    let mut listed = Vec::new();
    for resource in admin.catalog.all(ResourceKind::Vectorize) {
        let described = admin.engines.get().index(&resource.id).describe().wait().await.ok();
        let about = described.map(|index| {
            json!({
                "dimensions": index.shape.dimensions,
                "metric": index.shape.metric.name(),
                "vectors": index.vector_count,
            })
        });
        listed.push(Listed { resource, about });
    }
    found(listed)
}

/// What to look for the neighbours of: values, or a vector of the index.
#[derive(Deserialize)]
struct Wanted {
    vector: Option<Vec<f32>>,
    id: Option<String>,
    #[serde(default = "a_few")]
    top_k: usize,
    namespace: Option<String>,
    filter: Option<Value>,
}

fn a_few() -> usize {
    10
}

async fn query(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    Json(wanted): Json<Wanted>,
) -> Answer<Vec<Value>> {
    known(&admin, ResourceKind::Vectorize, &name)?;
    let target = match (wanted.vector, wanted.id) {
        (Some(values), None) => Target::Values(values),
        (None, Some(id)) => Target::Id(id),
        _ => return Err(Problem::engine("a query has either a `vector` or an `id`")),
    };
    let filter = wanted.filter.map(|filter| Filter::parse(&filter.to_string())).transpose();
    let query = Query {
        target,
        top_k: wanted.top_k.clamp(1, MATCHES_MAX),
        return_values: false,
        return_metadata: Detail::All,
        namespace: wanted.namespace,
        filter: filter.map_err(Problem::engine)?,
    };
    let matches = matches(&admin.engines.get().index(&name), query).await.map_err(Problem::engine)?;
    Ok(found(matches.iter().map(shown).collect()))
}

async fn matches(index: &SqliteIndex, query: Query) -> Result<Vec<Match>, VectorizeError> {
    check_query(&query, &index.shape().wait().await?)?;
    index.query(query).wait().await
}

fn shown(found: &Match) -> Value {
    let metadata = found.metadata.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    json!({ "id": found.id, "score": found.score, "namespace": found.namespace, "metadata": metadata })
}

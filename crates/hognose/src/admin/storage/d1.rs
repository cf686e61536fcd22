//! D1 databases: running SQL. Tables are looked at with SQL, too.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use hognose_services::d1::{D1, Statement, StatementResult, Value as Sql};
use serde::Deserialize;
use serde_json::{Value, json};

use super::known;
use crate::admin::Admin;
use crate::admin::answers::{Answer, Found, Problem, found};
use crate::catalog::{Resource, ResourceKind};
use crate::data::d1_insights::QueryInsight;
use crate::table;

pub(super) fn routes() -> Router<Arc<Admin>> {
    Router::new()
        .route("/d1/database", get(databases))
        .route("/d1/database/{id}/raw", post(query))
        .route("/d1/database/{id}/insights", get(insights))
}

async fn databases(State(admin): State<Arc<Admin>>) -> Found<Vec<Resource>> {
    found(admin.catalog.all(ResourceKind::D1))
}

/// What to run: statements, of which only a single one may have parameters.
#[derive(Deserialize)]
struct Query {
    sql: String,
    #[serde(default)]
    params: Vec<Value>,
}

async fn query(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    Json(Query { sql, params }): Json<Query>,
) -> Answer<Vec<Value>> {
    known(&admin, ResourceKind::D1, &id)?;
    let params = params.into_iter().map(parameter).collect::<Result<_, _>>()?;
    let database = admin.engines.get().database(&id);
    let outcome = database.query(vec![Statement { sql, params }]).wait().await.map_err(Problem::engine)?;
    Ok(found(outcome.results.iter().map(raw).collect()))
}

async fn insights(State(admin): State<Arc<Admin>>, Path(id): Path<String>) -> Answer<Vec<QueryInsight>> {
    known(&admin, ResourceKind::D1, &id)?;
    let all = admin.engines.get().database(&id).insights();
    Ok(found(all.into_iter().map(|(query, costs)| QueryInsight::new(query, costs)).collect()))
}

fn parameter(value: Value) -> Result<Sql<'static>, Problem> {
    Ok(match value {
        Value::Null => Sql::Null,
        Value::Bool(flag) => Sql::Integer(i64::from(flag)),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Sql::Integer(whole),
            None => Sql::Real(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => Sql::Text(Cow::Owned(text)),
        Value::Array(_) | Value::Object(_) => {
            return Err(Problem::engine("a parameter is a text, a number, a boolean or null"));
        }
    })
}

/// A result with its rows as arrays, for columns need not have different names.
fn raw(result: &StatementResult) -> Value {
    let rows: Vec<Vec<Value>> =
        result.rows().iter().map(|row| row.iter().map(table::cell).collect()).collect();
    json!({
        "results": { "columns": result.columns, "rows": rows },
        "success": true,
        "meta": table::meta(&result.meta),
    })
}

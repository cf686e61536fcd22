//! KV namespaces: listing keys, reading, writing and deleting values.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hognose_services::kv::limits::{KEY_MAX_BYTES, LIST_MAX_KEYS};
use hognose_services::kv::{Kv, ListQuery, PutOptions};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{as_data, known};
use crate::admin::Admin;
use crate::admin::answers::{Answer, Found, Problem, found, page};
use crate::admin::body::{body, content};
use crate::catalog::{Resource, ResourceKind};

/// The headers that carry what is stored beside a value.
const METADATA: &str = "x-kv-metadata";
const EXPIRATION: &str = "x-kv-expiration";

pub(super) fn routes() -> Router<Arc<Admin>> {
    Router::new()
        .route("/storage/kv/namespaces", get(namespaces))
        .route("/storage/kv/namespaces/{id}/keys", get(keys))
        .route("/storage/kv/namespaces/{id}/values/{*key}", get(value).put(put).delete(remove))
}

async fn namespaces(State(admin): State<Arc<Admin>>) -> Found<Vec<Resource>> {
    found(admin.catalog.all(ResourceKind::Kv))
}

/// Which keys.
#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    prefix: String,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// A key as Cloudflare's API lists it.
#[derive(Serialize)]
struct Key {
    name: String,
    expiration: Option<i64>,
    metadata: Option<Value>,
}

async fn keys(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    Query(Wanted { prefix, cursor, limit }): Query<Wanted>,
) -> Answer<Vec<Key>> {
    let namespace = open(&admin, &id)?;
    let limit = limit.unwrap_or(100).clamp(1, LIST_MAX_KEYS as usize);
    let query = ListQuery { prefix: &prefix, limit, after: cursor.as_deref() };
    let listed = namespace.list(query).wait().await.map_err(Problem::engine)?;
    let last = listed.keys.last().filter(|_| !listed.complete).map(|key| key.name.clone());
    let key = |key: hognose_services::kv::ListedKey| Key {
        name: key.name,
        expiration: key.expiration_s,
        metadata: key.metadata.and_then(|text| serde_json::from_str(&text).ok()),
    };
    Ok(page(listed.keys.into_iter().map(key).collect(), last))
}

async fn value(
    State(admin): State<Arc<Admin>>,
    Path((id, key)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let entry = open(&admin, &id)?.get(checked(&key)?).wait().await.map_err(Problem::engine)?;
    let entry = entry.ok_or_else(|| Problem::missing(format!("there is no key `{key}`")))?;
    let metadata = entry.metadata.unwrap_or_default();
    let metadata =
        metadata.chars().all(|letter| letter.is_ascii() && !letter.is_ascii_control()).then_some(metadata);
    let beside = [(METADATA, metadata.unwrap_or_default())];
    Ok((as_data("application/octet-stream"), beside, body(entry.value)).into_response())
}

async fn put(
    State(admin): State<Arc<Admin>>,
    Path((id, key)): Path<(String, String)>,
    headers: HeaderMap,
    value: Body,
) -> Answer<Value> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty());
    let metadata = text(METADATA).map(str::to_owned);
    if metadata.as_deref().is_some_and(|metadata| serde_json::from_str::<Value>(metadata).is_err()) {
        return Err(Problem::engine("the metadata is no JSON"));
    }
    let expiration_s = text(EXPIRATION).map(str::parse).transpose();
    let expiration_s = expiration_s.map_err(|_| Problem::engine("the expiration is no number of seconds"))?;
    let length = text(header::CONTENT_LENGTH.as_str()).and_then(|text| text.parse::<u64>().ok());
    if length.is_some_and(|length| length > hognose_services::kv::limits::VALUE_MAX_BYTES) {
        return Err(Problem::engine("the value is larger than 25 MiB"));
    }
    let options = PutOptions { expiration_s, metadata };
    let stored = open(&admin, &id)?.put(checked(&key)?, content(value), options).wait().await;
    stored.map_err(Problem::engine)?;
    Ok(found(json!({})))
}

async fn remove(State(admin): State<Arc<Admin>>, Path((id, key)): Path<(String, String)>) -> Answer<Value> {
    open(&admin, &id)?.delete(checked(&key)?).wait().await.map_err(Problem::engine)?;
    Ok(found(json!({})))
}

fn open(admin: &Admin, id: &str) -> Result<impl Kv + use<>, Problem> {
    known(admin, ResourceKind::Kv, id)?;
    admin.engines.get().namespace(id).map_err(Problem::from)
}

/// A key that a Worker could use too.
fn checked(key: &str) -> Result<&str, Problem> {
    match key {
        "" | "." | ".." => Err(Problem::engine(format!("a key cannot be `{key}`"))),
        key if key.len() > KEY_MAX_BYTES => Err(Problem::engine(format!(
            "a key has at most {KEY_MAX_BYTES} bytes; this one has {}",
            key.len()
        ))),
        key => Ok(key),
    }
}

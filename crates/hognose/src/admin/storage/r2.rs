//! R2 buckets: listing, uploading, downloading and deleting objects.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hognose_services::r2::{GetOptions, Got, HttpMetadata, ListQuery, Object, Properties, PutOptions, R2};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{as_data, known};
use crate::admin::Admin;
use crate::admin::answers::{Answer, Found, Problem, found, page};
use crate::admin::body::{body, content};
use crate::catalog::{Resource, ResourceKind};

/// The most objects of a page (Cloudflare's).
const PAGE_MAX: usize = 1000;
/// The most bytes of a key (Cloudflare's).
const KEY_MAX_BYTES: usize = 1024;
/// What an object is where nobody said.
const UNKNOWN: &str = "application/octet-stream";

pub(super) fn routes() -> Router<Arc<Admin>> {
    Router::new()
        .route("/r2/buckets", get(buckets))
        .route("/r2/buckets/{bucket}/objects", get(objects))
        .route("/r2/buckets/{bucket}/objects/{*key}", get(object).put(put).delete(remove))
}

async fn buckets(State(admin): State<Arc<Admin>>) -> Found<Vec<Resource>> {
    found(admin.catalog.all(ResourceKind::R2))
}

/// Which objects.
#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    delimiter: String,
    cursor: Option<String>,
    limit: Option<usize>,
}

async fn objects(
    State(admin): State<Arc<Admin>>,
    Path(bucket): Path<String>,
    Query(Wanted { prefix, delimiter, cursor, limit }): Query<Wanted>,
) -> Answer<Value> {
    let limit = limit.unwrap_or(100).clamp(1, PAGE_MAX);
    let query = ListQuery { prefix, limit, delimiter, cursor, start_after: None };
    let listed = open(&admin, &bucket)?.list(&query).wait().await.map_err(Problem::engine)?;
    let objects: Vec<Value> = listed.objects.iter().map(about).collect();
    Ok(page(json!({ "objects": objects, "prefixes": listed.delimited_prefixes }), listed.cursor))
}

fn about(object: &Object) -> Value {
    json!({
        "key": object.key,
        "size": object.size,
        "etag": object.etag,
        "uploaded_ms": object.uploaded,
        "content_type": object.http_metadata.content_type,
        "custom_metadata": object.custom_metadata,
    })
}

async fn object(
    State(admin): State<Arc<Admin>>,
    Path((bucket, key)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let got = open(&admin, &bucket)?.get(&key, GetOptions::default()).wait().await;
    match got.map_err(Problem::engine)? {
        Got::Found(object, content) => {
            let kind = object.http_metadata.content_type.as_deref().unwrap_or(UNKNOWN);
            // What cannot stand in a header was put there by a Worker, and is no type of content.
            let kind = if header::HeaderValue::from_str(kind).is_ok() { kind } else { UNKNOWN };
            Ok((as_data(kind), body(content)).into_response())
        }
        Got::Missing | Got::Unwanted(_) => Err(Problem::missing(format!("there is no object `{key}`"))),
    }
}

async fn put(
    State(admin): State<Arc<Admin>>,
    Path((bucket, key)): Path<(String, String)>,
    headers: HeaderMap,
    value: Body,
) -> Answer<Value> {
    if key.len() > KEY_MAX_BYTES {
        return Err(Problem::engine(format!(
            "a key has at most {KEY_MAX_BYTES} bytes; this one has {}",
            key.len()
        )));
    }
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).map(str::to_owned);
    let http_metadata = HttpMetadata { content_type, ..HttpMetadata::default() };
    let options = PutOptions {
        properties: Properties { http_metadata, ..Properties::default() },
        ..PutOptions::default()
    };
    let stored = open(&admin, &bucket)?.put(&key, content(value), options).wait().await;
    Ok(found(stored.map_err(Problem::engine)?.as_ref().map_or(Value::Null, about)))
}

async fn remove(
    State(admin): State<Arc<Admin>>,
    Path((bucket, key)): Path<(String, String)>,
) -> Answer<Value> {
    open(&admin, &bucket)?.delete(vec![key]).wait().await.map_err(Problem::engine)?;
    Ok(found(json!({})))
}

fn open(admin: &Admin, bucket: &str) -> Result<impl R2 + use<>, Problem> {
    known(admin, ResourceKind::R2, bucket)?;
    admin.engines.get().bucket(bucket).map_err(Problem::from)
}

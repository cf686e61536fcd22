//! What `caches` holds for each Worker: listing it and purging it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::routing::get;
use hognose_services::cache::{self, CachedResponse};
use hognose_services::kv::SqliteNamespace;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::admin::Admin;
use crate::admin::answers::{Answer, Found, Problem, found, page};

/// The most responses of one page.
const PAGE_MAX: usize = 1000;

pub(super) fn routes() -> Router<Arc<Admin>> {
    Router::new().route("/cache", get(workers)).route("/cache/{worker}", get(list).delete(purge))
}

async fn workers(State(admin): State<Arc<Admin>>) -> Found<Vec<String>> {
    found(admin.catalog.workers())
}

/// Which responses: those whose URLs begin so.
#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    prefix: String,
    cursor: Option<String>,
    limit: Option<usize>,
}

async fn list(
    State(admin): State<Arc<Admin>>,
    Path(worker): Path<String>,
    Query(Wanted { prefix, cursor, limit }): Query<Wanted>,
) -> Answer<Vec<CachedResponse>> {
    let caches = open(&admin, &worker)?;
    let limit = limit.unwrap_or(100).clamp(1, PAGE_MAX);
    let (responses, next) =
        cache::list(&caches, &prefix, limit, cursor.as_deref()).await.map_err(Problem::engine)?;
    Ok(page(responses, next))
}

/// Which responses to purge: one, or all whose URLs begin with `prefix`.
#[derive(Deserialize)]
struct Purge {
    #[serde(default)]
    prefix: String,
    key: Option<String>,
}

async fn purge(
    State(admin): State<Arc<Admin>>,
    Path(worker): Path<String>,
    Query(Purge { prefix, key }): Query<Purge>,
) -> Answer<Value> {
    let caches = open(&admin, &worker)?;
    let count = match key {
        Some(key) => cache::forget(&caches, &key).await.map(|()| 1),
        None => cache::purge(&caches, &prefix).await,
    };
    Ok(found(json!({ "purged": count.map_err(Problem::engine)? })))
}

fn open(admin: &Admin, worker: &str) -> Result<SqliteNamespace, Problem> {
    if !admin.catalog.workers().iter().any(|name| name == worker) {
        return Err(Problem::missing(format!("no Worker `{worker}` is served")));
    }
    Ok(admin.engines.get().cached(worker)?)
}

//! The data behind the Workers' bindings, in the paths of wrangler's local explorer. Only what a served Worker has in
//! its configuration can be reached, and all of it through the same engines, so that what is written here is what the
//! Worker reads.

mod cache;
mod d1;
mod kv;
mod objects;
mod pull;
mod queues;
mod r2;
mod vectorize;
mod workflows;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderName, header};

use super::Admin;
use super::answers::Problem;
use crate::catalog::ResourceKind;

pub(super) fn routes() -> Router<Arc<Admin>> {
    let stores = kv::routes().merge(d1::routes()).merge(r2::routes()).merge(cache::routes());
    let queues = queues::routes().merge(pull::routes());
    stores.merge(queues).merge(objects::routes()).merge(vectorize::routes()).merge(workflows::routes())
}

/// Refuses what no served Worker has.
fn known(admin: &Admin, kind: ResourceKind, id: &str) -> Result<(), Problem> {
    if admin.catalog.has(kind, id) {
        return Ok(());
    }
    let what = match kind {
        ResourceKind::Kv => "KV namespace",
        ResourceKind::D1 => "D1 database",
        ResourceKind::R2 => "R2 bucket",
        ResourceKind::Queue => "queue",
        ResourceKind::Vectorize => "Vectorize index",
        ResourceKind::Workflow => "workflow",
    };
    Err(Problem::missing(format!("no Worker that is served has the {what} `{id}`")))
}

/// What goes with stored bytes: whatever they are, a browser is not to run them as a page of the dashboard's.
pub(super) fn as_data(content_type: &str) -> [(HeaderName, String); 4] {
    [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (header::CONTENT_DISPOSITION, "attachment".to_owned()),
        (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ]
}

//! Workers, their versions and their deployments.

use std::fs;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use hognose_supervisor::monitor::WorkerStatus;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::answers::{Answer, Found, Problem, found};
use super::{Admin, Order, Reply};
use crate::deployments::{Deployment, Upload, UploadedVersion};

/// The size of a page of memory, which `statm` counts in. It is the same on all machines that hognose is built for.
const PAGE_BYTES: u64 = 4096;

pub(super) fn routes() -> Router<Arc<Admin>> {
    Router::new()
        .route("/local/workers", get(workers))
        .route("/local/anew", post(begin_anew))
        .route("/workers", post(deploy))
        .route("/workers/{worker}", delete(remove))
        .route("/workers/{worker}/versions", get(versions))
        .route("/workers/{worker}/deployments", get(history).post(activate))
}

/// A Worker, with what only the operating system knows.
#[derive(Serialize)]
struct Worker {
    #[serde(flatten)]
    status: WorkerStatus,
    /// Resident memory of each isolate, in bytes, in their order.
    memory_bytes: Vec<Option<u64>>,
}

async fn workers(State(admin): State<Arc<Admin>>) -> Found<Vec<Worker>> {
    let worker = |status: WorkerStatus| {
        let isolates = status.version.iter().flat_map(|version| &version.isolates);
        let memory_bytes = isolates.map(|isolate| memory_bytes(isolate.pid)).collect();
        Worker { status, memory_bytes }
    };
    found(admin.monitor.workers().into_iter().map(worker).collect())
}

/// The resident memory of a process; `None` where it has ended.
pub(super) fn memory_bytes(pid: u32) -> Option<u64> {
    let counts = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    Some(counts.split_whitespace().nth(1)?.parse::<u64>().ok()? * PAGE_BYTES)
}

async fn deploy(State(admin): State<Arc<Admin>>, Json(upload): Json<Upload>) -> Answer<Value> {
    let (worker, version) = order(&admin, |reply| Order::Deploy(upload, reply)).await?;
    Ok(found(json!({ "worker": worker, "version": version })))
}

async fn versions(
    State(admin): State<Arc<Admin>>,
    Path(worker): Path<String>,
) -> Answer<Vec<UploadedVersion>> {
    Ok(found(admin.deployments.versions(&worker)?))
}

async fn history(State(admin): State<Arc<Admin>>, Path(worker): Path<String>) -> Answer<Vec<Deployment>> {
    Ok(found(admin.deployments.history(&worker)?))
}

/// Which version is to serve, and why.
#[derive(Deserialize)]
struct Activation {
    version_id: String,
    #[serde(default)]
    message: String,
}

async fn activate(
    State(admin): State<Arc<Admin>>,
    Path(worker): Path<String>,
    Json(Activation { version_id: version, message }): Json<Activation>,
) -> Answer<Deployment> {
    Ok(found(order(&admin, |reply| Order::Activate { worker, version, message, reply }).await?))
}

async fn remove(State(admin): State<Arc<Admin>>, Path(worker): Path<String>) -> Answer<()> {
    Ok(found(order(&admin, |reply| Order::Delete { worker, reply }).await?))
}

async fn begin_anew(State(admin): State<Arc<Admin>>) -> Answer<()> {
    if !admin.may_begin_anew {
        let why = "only a server that tests have started for themselves forgets its data";
        return Err(Problem::new(axum::http::StatusCode::FORBIDDEN, why));
    }
    Ok(found(order(&admin, Order::BeginAnew).await?))
}

/// Has an order carried out.
async fn order<T>(admin: &Admin, make: impl FnOnce(Reply<T>) -> Order) -> Result<T, Problem> {
    let stopping = || Problem::new(axum::http::StatusCode::SERVICE_UNAVAILABLE, "the server is stopping");
    let (reply, outcome) = oneshot::channel();
    admin.orders.send(make(reply)).await.map_err(|_| stopping())?;
    Ok(outcome.await.map_err(|_| stopping())??)
}

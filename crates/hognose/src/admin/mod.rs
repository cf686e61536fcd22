//! Looking into a running server and changing what it serves: one HTTP API, and the dashboard that uses it.
//!
//! It is reached in three ways, which differ in who is let in ([`guard`]): through `control.sock` in the state folder,
//! which only the server's user can open; under `/cdn-cgi/explorer` of `hognose dev`, from this machine; and on the
//! port of `hognose serve --admin-port`, with the token of a file that only the server's user can read.
//!
//! What only looks is answered here. What changes a Worker is an [`Order`] to the one task that owns the session.

mod ai;
mod answers;
mod body;
mod crons;
mod dashboard;
mod guard;
mod invocations;
mod listen;
mod metrics;
mod reloads;
mod storage;
mod workers;

use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get};
use hognose_supervisor::Monitor;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::catalog::Catalog;
use crate::deployments::{Deployment, Deployments, Upload, UploadedVersion};
use crate::engines::CurrentEngines;
use crate::error::CommandError;

pub(crate) use listen::{Listening, local_service};

/// What all paths begin with.
pub(crate) const PREFIX: &str = "/cdn-cgi/explorer";

/// What the API looks at.
pub(crate) struct Admin {
    pub(crate) about: About,
    pub(crate) monitor: Monitor,
    pub(crate) engines: CurrentEngines,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) deployments: Deployments,
    /// Where changes go.
    pub(crate) orders: mpsc::Sender<Order>,
    /// The number of the newest version of any Worker: when the server began, in milliseconds since the epoch, and one
    /// more for each that has come.
    pub(crate) reloads: watch::Sender<u64>,
    /// Whether clients may have all data forgotten: what is served is tested.
    pub(crate) may_begin_anew: bool,
    /// Cancelled when the server stops: streams that would go on for ever end.
    pub(crate) stop: CancellationToken,
}

/// What the server is.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct About {
    /// hognose's version.
    pub version: &'static str,
    /// `dev` or `serve`.
    pub mode: &'static str,
    /// Where the Workers listen.
    pub url: String,
    /// The Python they run under.
    pub python: String,
    /// The server's process id.
    pub pid: u32,
    /// When it started, in milliseconds since the epoch.
    pub started_ms: u64,
}

/// A change, for the task that owns the session.
pub(crate) enum Order {
    /// Copy a project into a version, and let it serve if that is wanted.
    Deploy(Upload, Reply<(String, UploadedVersion)>),
    /// Let a version serve that was uploaded before.
    Activate { worker: String, version: String, message: String, reply: Reply<Deployment> },
    /// Take a Worker away, and forget its versions.
    Delete { worker: String, reply: Reply<()> },
    /// End what runs, and let all Workers serve with nothing stored.
    BeginAnew(Reply<()>),
}

/// Where the outcome of an order goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, CommandError>>;

/// Everything under [`PREFIX`], and `/metrics` beside it.
pub(crate) fn router(admin: Arc<Admin>) -> Router {
    let api = Router::new()
        .route("/server", get(about))
        .merge(workers::routes())
        .merge(invocations::routes())
        .merge(storage::routes())
        .merge(crons::routes())
        .merge(ai::routes())
        .merge(reloads::routes())
        .route("/{*path}", any(answers::no_such_path));
    Router::new()
        .nest(&format!("{PREFIX}/api"), api)
        .route("/metrics", get(metrics::metrics))
        .merge(dashboard::routes())
        .with_state(admin)
}

async fn about(axum::extract::State(admin): axum::extract::State<Arc<Admin>>) -> answers::Found<About> {
    answers::found(admin.about.clone())
}

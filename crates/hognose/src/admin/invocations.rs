//! What the Workers do now and did lately.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use axum::routing::get;
use futures_util::Stream;
use futures_util::stream::unfold;
use hognose_supervisor::trace::Trace;
use serde::Serialize;
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::Admin;
use super::answers::{Found, found};

pub(super) fn routes() -> Router<Arc<Admin>> {
    Router::new().route("/invocations", get(list)).route("/invocations/stream", get(stream))
}

/// Those under way and those that are over, the newest first.
#[derive(Serialize)]
struct Invocations {
    open: Vec<Trace>,
    recent: Vec<Trace>,
}

async fn list(State(admin): State<Arc<Admin>>) -> Found<Invocations> {
    let recent = admin.monitor.recent().iter().map(|trace| Trace::clone(trace)).collect();
    found(Invocations { open: admin.monitor.open(), recent })
}

/// Each invocation as it ends, as server-sent events: `trace` with the trace, `lost` with how many were missed.
async fn stream(State(admin): State<Arc<Admin>>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let following = (admin.monitor.follow(), admin.stop.clone());
    let traces = unfold(following, |(mut traces, stop)| async move {
        let event = stop.run_until_cancelled(next(&mut traces)).await??;
        Some((Ok(event), (traces, stop)))
    });
    Sse::new(traces).keep_alive(KeepAlive::default())
}

async fn next(traces: &mut Receiver<Arc<Trace>>) -> Option<Event> {
    match traces.recv().await {
        Ok(trace) => {
            let text = serde_json::to_string(&*trace).expect("invariant: a trace has a JSON form");
            Some(Event::default().event("trace").data(text))
        }
        Err(RecvError::Lagged(count)) => {
            Some(Event::default().event("lost").data(json!({ "count": count }).to_string()))
        }
        Err(RecvError::Closed) => None,
    }
}

//! Workers AI: which models a Worker has, and asking one. A call here is the call of the Worker's own binding, so that it
//! finds the same models, engines and errors.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hognose_services::{Answer as Answered, Call, Content, Service};
use hognose_wire::{ai as wire, payload};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Admin;
use super::answers::{Answer, Problem, found};
use super::body::body;
use super::storage::as_data;

pub(super) fn routes() -> Router<Arc<Admin>> {
    Router::new().route("/ai", get(list)).route("/ai/run", post(run))
}

/// A Worker with Workers AI, and the models that its settings name, as Cloudflare lists models.
#[derive(Serialize)]
struct Listed {
    worker: String,
    models: Value,
}

async fn list(State(admin): State<Arc<Admin>>) -> Answer<Vec<Listed>> {
    let mut listed = Vec::new();
    for worker in admin.catalog.workers() {
        if let Some(ai) = admin.catalog.ai(&worker) {
            let answer = call(&*ai, "models", &"{}", Vec::new()).await?;
            let text: &str = payload::unpack(&answer.bytes).map_err(Problem::engine)?;
            listed.push(Listed { worker, models: serde_json::from_str(text).unwrap_or_default() });
        }
    }
    Ok(found(listed))
}

/// What to ask which model.
#[derive(Deserialize)]
struct Run {
    worker: String,
    model: String,
    inputs: Value,
}

/// The model's answer as it is: JSON, a stream of events, a picture, or the error that a Worker would get.
async fn run(
    State(admin): State<Arc<Admin>>,
    Json(Run { worker, model, inputs }): Json<Run>,
) -> Result<Response, Problem> {
    let missing = || Problem::missing(format!("the Worker `{worker}` has no Workers AI"));
    let ai = admin.catalog.ai(&worker).ok_or_else(missing)?;
    let params = wire::Run { model: &model, options: "{}", stream: None };
    let inputs = Content::Whole(inputs.to_string().into());
    let mut answer = call(&*ai, "run", &params, vec![inputs]).await?;
    let head: wire::Response<'_> = payload::unpack(&answer.bytes).map_err(Problem::engine)?;
    let content_type = head.headers.iter().find(|(name, _)| *name == "content-type");
    let content_type = content_type.map_or("application/json", |(_, value)| value);
    let status = StatusCode::from_u16(head.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let content = answer.bodies.pop().map(body).unwrap_or_default();
    Ok((status, as_data(content_type), content).into_response())
}

async fn call(
    ai: &dyn Service,
    method: &str,
    params: &impl Serialize,
    bodies: Vec<Content>,
) -> Result<Answered, Problem> {
    let params = payload::pack(params);
    let called = ai.call(Call { method, params: &params, bodies });
    called.wait().await.map_err(Problem::engine)
}

//! Workflows: their instances, what has become of each step, and steering them.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use hognose_services::workflows::{InstanceRow, StepRow, WorkflowError, Workflows};
use hognose_wire::workflows::{Action, NewInstance, SendEvent};
use serde::Deserialize;
use serde_json::{Value, json};

use super::known;
use crate::admin::Admin;
use crate::admin::answers::{Answer, Found, Problem, found};
use crate::catalog::{Resource, ResourceKind};
use crate::clones::{packed, shown};
use crate::workflows::{random_id, step_output};

/// The most instances that are listed: the newest.
const LISTED_MAX: usize = 200;

pub(super) fn routes() -> Router<Arc<Admin>> {
    Router::new()
        .route("/workflows", get(workflows))
        .route("/workflows/{name}/instances", get(instances).post(create))
        .route("/workflows/{name}/instances/{id}", get(instance).delete(forget))
        .route("/workflows/{name}/instances/{id}/status", post(control))
        .route("/workflows/{name}/instances/{id}/events/{kind}", post(send_event))
}

async fn workflows(State(admin): State<Arc<Admin>>) -> Found<Vec<Resource>> {
    found(admin.catalog.all(ResourceKind::Workflow))
}

/// Which instances.
#[derive(Deserialize)]
struct Wanted {
    status: Option<String>,
}

async fn instances(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    Query(Wanted { status }): Query<Wanted>,
) -> Answer<Vec<Value>> {
    let rows = open(&admin, &name)?.list(&name, status.as_deref()).map_err(problem)?;
    Ok(found(rows.iter().take(LISTED_MAX).map(about).collect()))
}

/// An instance to make.
#[derive(Deserialize)]
struct New {
    id: Option<String>,
    #[serde(default)]
    params: Value,
}

async fn create(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    Json(New { id, params }): Json<New>,
) -> Answer<Value> {
    let id = id.unwrap_or_else(random_id);
    let params = packed(&params).to_string();
    let new = NewInstance { id: id.clone(), params, success_kept_ms: None, error_kept_ms: None };
    open(&admin, &name)?.create(&name, vec![new], false).wait().await.map_err(problem)?;
    Ok(found(json!({ "id": id })))
}

async fn instance(
    State(admin): State<Arc<Admin>>,
    Path((name, id)): Path<(String, String)>,
) -> Answer<Value> {
    let store = open(&admin, &name)?;
    let rows = store.list(&name, None).map_err(problem)?;
    let row = rows.iter().find(|row| row.id == id).ok_or(WorkflowError::NotFound).map_err(problem)?;
    let steps = store.steps(&name, &id).map_err(problem)?;
    let mut instance = about(row);
    instance["steps"] = steps.iter().map(step).collect();
    Ok(found(instance))
}

/// What to do with an instance.
#[derive(Deserialize)]
struct Control {
    action: Action,
}

async fn control(
    State(admin): State<Arc<Admin>>,
    Path((name, id)): Path<(String, String)>,
    Json(Control { action }): Json<Control>,
) -> Answer<Value> {
    open(&admin, &name)?.control(&name, &id, action).wait().await.map_err(problem)?;
    Ok(found(json!({})))
}

async fn forget(State(admin): State<Arc<Admin>>, Path((name, id)): Path<(String, String)>) -> Answer<Value> {
    open(&admin, &name)?.control(&name, &id, Action::Delete).wait().await.map_err(problem)?;
    Ok(found(json!({})))
}

async fn send_event(
    State(admin): State<Arc<Admin>>,
    Path((name, id, kind)): Path<(String, String, String)>,
    Json(payload): Json<Value>,
) -> Answer<Value> {
    let event = SendEvent { id, kind, payload: packed(&payload).to_string() };
    open(&admin, &name)?.send_event(&name, event).wait().await.map_err(problem)?;
    Ok(found(json!({})))
}

fn open(admin: &Admin, name: &str) -> Result<Workflows, Problem> {
    known(admin, ResourceKind::Workflow, name)?;
    Ok(admin.engines.get().workflow_store().clone())
}

fn problem(error: WorkflowError) -> Problem {
    match error {
        WorkflowError::NotFound => Problem::missing(error.to_string()),
        WorkflowError::InvalidId | WorkflowError::InvalidEventType | WorkflowError::TooLarge => {
            Problem::new(StatusCode::BAD_REQUEST, error.to_string())
        }
        other => Problem::engine(other),
    }
}

fn about(row: &InstanceRow) -> Value {
    let error = row.status.error.as_ref();
    json!({
        "id": row.id,
        "status": row.status.status,
        "created_ms": row.created_ms,
        "ended_ms": row.ended_ms,
        "output": row.status.output.as_deref().map(shown),
        "error": error.map(|error| json!({ "name": error.name, "message": error.message })),
    })
}

fn step(row: &StepRow) -> Value {
    let attempts: Value = serde_json::from_str(&row.attempts).unwrap_or_default();
    let output = step_output(row);
    json!({ "name": row.name, "state": row.state, "due_ms": row.due_ms, "attempts": attempts, "output": output })
}

//! Queues: how full they are, and sending a message.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use hognose_services::queues::limits::{DELAY_MAX_S, MESSAGE_MAX_BYTES};
use hognose_services::queues::{ContentType, Message, Metrics, Queue};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::known;
use crate::admin::Admin;
use crate::admin::answers::{Answer, Problem, found};
use crate::catalog::{Resource, ResourceKind};

pub(super) fn routes() -> Router<Arc<Admin>> {
    Router::new().route("/queues", get(queues)).route("/queues/{name}/messages", post(send))
}

/// A queue, who uses it and how full it is.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    resource: Resource,
    backlog: Metrics,
}

async fn queues(State(admin): State<Arc<Admin>>) -> Answer<Vec<Listed>> {
    let mut listed = Vec::new();
    for resource in admin.catalog.all(ResourceKind::Queue) {
        let backlog = admin.engines.queue(&resource.id)?.metrics().map_err(Problem::engine)?;
        listed.push(Listed { resource, backlog });
    }
    Ok(found(listed))
}

/// A message to send.
#[derive(Deserialize)]
struct Sent {
    body: Value,
    #[serde(default)]
    delay_seconds: i64,
}

async fn send(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    Json(Sent { body, delay_seconds }): Json<Sent>,
) -> Answer<Value> {
    known(&admin, ResourceKind::Queue, &name)?;
    let (content_type, body) = match body {
        Value::String(text) => (ContentType::Text, text.into_bytes()),
        json => (ContentType::Json, json.to_string().into_bytes()),
    };
    if body.len() > MESSAGE_MAX_BYTES || !(0..=DELAY_MAX_S).contains(&delay_seconds) {
        let text = format!(
            "a message has at most {MESSAGE_MAX_BYTES} bytes and a delay of at most {DELAY_MAX_S} seconds"
        );
        return Err(Problem::engine(text));
    }
    let message = Message { content_type, body, delay_s: delay_seconds };
    admin.engines.queue(&name)?.send(vec![message]).wait().await.map_err(Problem::engine)?;
    Ok(found(json!({})))
}

//! Queues: how full they are, what waits in them, sending messages and acting on those that wait.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use hognose_services::queues::limits::{DELAY_MAX_S, MESSAGE_MAX_BYTES};
use hognose_services::queues::{
    ContentType, Message, Metrics, Queue, QueueError, SqliteQueue, WaitingMessage,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::known;
use crate::admin::Admin;
use crate::admin::answers::{Answer, Problem, found};
use crate::catalog::{Resource, ResourceKind};

/// How many messages are shown where nobody says, and the most.
const PEEK_DEFAULT: usize = 20;
const PEEK_MAX: usize = 100;

pub(super) fn routes() -> Router<Arc<Admin>> {
    Router::new()
        .route("/queues", get(queues))
        .route("/queues/{name}/messages", get(peek).post(send).delete(purge))
        .route("/queues/{name}/messages/{id}", delete(remove))
        .route("/queues/{name}/messages/{id}/retry", post(retry))
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
        let backlog = admin.engines.get().queue(&resource.id)?.metrics().map_err(Problem::engine)?;
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
    admin.engines.get().queue(&name)?.send(vec![message]).wait().await.map_err(Problem::engine)?;
    Ok(found(json!({})))
}

/// How many messages to show.
#[derive(Deserialize)]
struct Peek {
    limit: Option<usize>,
}

async fn peek(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    Query(Peek { limit }): Query<Peek>,
) -> Answer<Vec<Value>> {
    let limit = limit.unwrap_or(PEEK_DEFAULT).clamp(1, PEEK_MAX);
    let waiting = queue(&admin, &name)?.peek(limit).map_err(Problem::engine)?;
    Ok(found(waiting.iter().map(shown).collect()))
}

fn shown(message: &WaitingMessage) -> Value {
    json!({
        "id": message.id,
        "sent_ms": message.sent_ms,
        "ready_ms": message.ready_ms,
        "attempts": message.attempts,
        "in_delivery": message.is_leased,
        "content_type": message.content_type,
        "size": message.size,
        "body": message.text(),
    })
}

async fn purge(State(admin): State<Arc<Admin>>, Path(name): Path<String>) -> Answer<Value> {
    let queue = queue(&admin, &name)?;
    let purged = spawn_blocking(move || queue.purge()).await.map_err(Problem::engine)?;
    Ok(found(json!({ "purged": purged.map_err(Problem::engine)? })))
}

async fn retry(State(admin): State<Arc<Admin>>, Path((name, id)): Path<(String, String)>) -> Answer<Value> {
    act(&admin, &name, id, SqliteQueue::deliver_now).await
}

async fn remove(State(admin): State<Arc<Admin>>, Path((name, id)): Path<(String, String)>) -> Answer<Value> {
    act(&admin, &name, id, SqliteQueue::remove).await
}

/// Does something with one message, off the threads that must not wait for the disk.
async fn act(
    admin: &Admin,
    name: &str,
    id: String,
    action: impl FnOnce(&SqliteQueue, &str) -> Result<bool, QueueError> + Send + 'static,
) -> Answer<Value> {
    let queue = queue(admin, name)?;
    let acted = spawn_blocking(move || action(&queue, &id)).await.map_err(Problem::engine)?;
    if acted.map_err(Problem::engine)? {
        return Ok(found(json!({})));
    }
    Err(Problem::missing("no such message waits: it was delivered, is being delivered, or has expired"))
}

fn queue(admin: &Admin, name: &str) -> Result<SqliteQueue, Problem> {
    known(admin, ResourceKind::Queue, name)?;
    Ok(admin.engines.get().queue(name)?)
}

//! Queues for consumers outside of Workers: pulling messages and acknowledging them, in the paths and forms of
//! Cloudflare's API.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hognose_services::queues::limits::DELAY_MAX_S;
use hognose_services::queues::{
    BATCH_DEFAULT, BATCH_MAX, ContentType, Delivered, Lease, VISIBILITY_MAX_MS, Verdict,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::admin::Admin;
use crate::admin::answers::{Answer, Problem, found};

pub(super) fn routes() -> Router<Arc<Admin>> {
    let messages = "/accounts/{account}/queues/{queue}/messages";
    Router::new()
        .route(&format!("{messages}/pull"), post(pull))
        .route(&format!("{messages}/ack"), post(acknowledge))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Pull {
    batch_size: Option<usize>,
    /// In milliseconds.
    visibility_timeout: Option<i64>,
}

async fn pull(
    State(admin): State<Arc<Admin>>,
    Path((_account, queue)): Path<(String, String)>,
    asked: Option<Json<Pull>>,
) -> Answer<Value> {
    let Pull { batch_size, visibility_timeout } = asked.map(|Json(asked)| asked).unwrap_or_default();
    let (count, range) = (batch_size.unwrap_or(BATCH_DEFAULT), 0..=VISIBILITY_MAX_MS);
    if !(1..=BATCH_MAX).contains(&count) {
        return Err(Problem::engine(format!("batch_size must be a number from 1 to {BATCH_MAX}")));
    }
    if visibility_timeout.is_some_and(|timeout| !range.contains(&timeout)) {
        let text =
            format!("visibility_timeout must be a number of milliseconds from 0 to {VISIBILITY_MAX_MS}");
        return Err(Problem::engine(text));
    }
    let consumer = admin.engines.get().pull_consumer(&queue).ok_or_else(|| missing(&queue))?;
    let batch = consumer.pull(count, visibility_timeout).await.map_err(Problem::engine)?;
    let messages: Vec<Value> = batch.messages.iter().map(message).collect();
    Ok(found(json!({ "message_backlog_count": batch.metrics.backlog_count, "messages": messages })))
}

fn missing(queue: &str) -> Problem {
    Problem::missing(format!(
        "no Worker that is served has a consumer of the type \"http_pull\" for the queue `{queue}`"
    ))
}

/// Texts come as they are; other bodies in base64.
fn message(message: &Delivered) -> Value {
    let (kind, body) = match message.content_type {
        ContentType::Text => ("text", String::from_utf8_lossy(&message.body).into_owned()),
        ContentType::Json => ("json", STANDARD.encode(&message.body)),
        ContentType::Bytes => ("bytes", STANDARD.encode(&message.body)),
        ContentType::V8 => ("v8", STANDARD.encode(&message.body)),
    };
    json!({
        "body": body,
        "id": message.id,
        "timestamp_ms": message.timestamp_ms,
        "attempts": message.attempts,
        "metadata": { "CF-sourceMessageSource": "worker", "CF-Content-Type": kind },
        "lease_id": Lease::of(message).text(),
    })
}

#[derive(Deserialize)]
struct Acknowledgement {
    #[serde(default)]
    acks: Vec<Held>,
    #[serde(default)]
    retries: Vec<Held>,
}

#[derive(Deserialize)]
struct Held {
    lease_id: String,
    delay_seconds: Option<i64>,
}

async fn acknowledge(
    State(admin): State<Arc<Admin>>,
    Path((_account, queue)): Path<(String, String)>,
    Json(Acknowledgement { acks, retries }): Json<Acknowledgement>,
) -> Answer<Value> {
    let consumer = admin.engines.get().pull_consumer(&queue).ok_or_else(|| missing(&queue))?;
    let (ack_count, retry_count) = (acks.len(), retries.len());
    let acks = acks.iter().map(|held| Ok((lease(held)?, Verdict::Ack)));
    let retries = retries.iter().map(|held| Ok((lease(held)?, Verdict::Retry(delay(held)?))));
    let verdicts = acks.chain(retries).collect::<Result<Vec<_>, Problem>>()?;
    consumer.settle(verdicts).await.map_err(Problem::engine)?;
    Ok(found(json!({ "ackCount": ack_count, "retryCount": retry_count, "warnings": [] })))
}

fn lease(held: &Held) -> Result<Lease, Problem> {
    Lease::parse(&held.lease_id).ok_or_else(|| Problem::engine(format!("`{}` is no lease_id", held.lease_id)))
}

fn delay(held: &Held) -> Result<Option<i64>, Problem> {
    match held.delay_seconds {
        Some(delay_s) if !(0..=DELAY_MAX_S).contains(&delay_s) => {
            Err(Problem::engine(format!("delay_seconds must be a number from 0 to {DELAY_MAX_S}")))
        }
        delay_s => Ok(delay_s),
    }
}

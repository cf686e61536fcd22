//! The vocabulary of queues: what a producer's capability is asked, and what travels with [`crate::Event::Queue`] and
//! back. Some of the types also have a JSON form, in which the client half has them from JavaScript.
//! What each means is in Cloudflare's documentation of Queues; limits and error texts are the service's.

use serde::{Deserialize, Serialize};

use crate::form;

/// `send`; body 0 is the postcard of a `Vec<NewMessage>`. Answer: [`Metrics`] as before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Send {
    /// Whether it is `sendBatch`, whose errors are worded differently.
    pub is_batch: bool,
    /// For messages without a delay of their own, in seconds; `None`: the queue's.
    pub delay_s: Option<i64>,
}

/// `metrics`. Answer: [`Metrics`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadMetrics {}

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewMessage {
    /// What the body is.
    pub content_type: ContentType,
    /// The body.
    #[serde(serialize_with = "form::bytes")]
    pub body: Vec<u8>,
    /// In seconds; `None`: as the call says.
    pub delay_s: Option<i64>,
}

/// What a message's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ContentType {
    /// JSON.
    Json,
    /// UTF-8.
    Text,
    /// Bytes.
    Bytes,
    /// A structured clone, in the cell's own form.
    V8,
}

/// The state of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    /// How many messages it holds.
    pub backlog_count: u64,
    /// How many bytes their bodies have.
    pub backlog_bytes: u64,
    /// When the oldest was sent, in milliseconds since the epoch.
    pub oldest_message_ms: Option<i64>,
}

/// The messages of one delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// At least one.
    pub messages: Vec<Delivered>,
    /// The queue's state at delivery.
    pub metrics: Metrics,
}

/// A message as it is delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    /// The same at each delivery.
    pub id: String,
    /// When it was sent, in milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// Counts the deliveries, from 1.
    pub attempts: u32,
    /// What the body is.
    pub content_type: ContentType,
    /// The body.
    #[serde(serialize_with = "form::bytes")]
    pub body: Vec<u8>,
}

/// What the handler decided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Disposition {
    /// Whether the handler raised, or was never there.
    #[serde(default)]
    pub failed: bool,
    /// `ackAll()` was called.
    pub ack_all: bool,
    /// `retryAll()` was called.
    pub retry_all: bool,
    /// With this delay in seconds.
    pub retry_all_delay: Option<i64>,
    /// The ids of messages whose `ack()` was called.
    pub acks: Vec<String>,
    /// Those whose `retry()` was called, and the delay in seconds.
    pub retries: Vec<(String, Option<i64>)>,
}

/// What [`crate::Event::Queue`] brings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The capability that takes the verdict, by one call of `settle` before the event is completed.
    pub settle_through: u32,
    /// Which delivery of that capability's it is.
    pub number: u64,
    /// The messages.
    pub batch: Batch,
}

/// `settle`, on a consumer's capability. Answer: nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settle {
    /// As the event gave it.
    pub number: u64,
    /// What the handler decided.
    pub disposition: Disposition,
}

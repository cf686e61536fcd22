//! Queues: messages that are kept until a consumer has dealt with them, each delivered at least once.
//!
//! [`Queue`] is what an engine does for one queue; [`SqliteQueues`] is the embedded engine. [`QueueService`] stands
//! between a producer's cell and an engine. A [`QueueConsumer`] says when there is
//! a batch and what becomes of it; who delivers it is the supervisor.

mod calls;
mod consumer;
mod disposition;
mod error;
pub mod limits;
mod pull;
pub(crate) mod signal;
mod sqlite;

pub use calls::QueueService;
pub use consumer::{ConsumerRules, Leased, Look, QueueConsumer};
pub use disposition::{Verdict, verdicts};
pub use error::QueueError;
pub use hognose_wire::queues::{Batch, ContentType, Delivered, Disposition, Metrics};
pub use pull::{BATCH_DEFAULT, BATCH_MAX, Lease, PullConsumer, VISIBILITY_MAX_MS};
pub use signal::Signal;
pub use sqlite::{QueueInfo, QueueSettings, SqliteQueue, SqliteQueues, WaitingMessage};

use std::sync::Arc;

use crate::Pending;

/// One queue, as an engine keeps it. Arguments are within [`limits`].
pub trait Queue: Send + Sync {
    /// Its name.
    fn name(&self) -> &str;

    /// How long messages are held back where neither they nor their producer say, in seconds.
    fn delivery_delay_s(&self) -> Result<i64, QueueError>;

    /// Adds messages, all or none; resolved once they are durable, with the state before.
    fn send(&self, messages: Vec<Message>) -> Pending<Result<Metrics, QueueError>>;

    /// Its state.
    fn metrics(&self) -> Result<Metrics, QueueError>;

    /// How things stand for a consumer that wants up to `count_max` messages.
    fn readiness(&self, count_max: usize) -> Result<Readiness, QueueError>;

    /// Takes messages that are ready, the oldest first: nobody else gets them for `lease_ms` milliseconds.
    fn lease(&self, count_max: usize, lease_ms: i64) -> Pending<Result<Batch, QueueError>>;

    /// Ends the leases of messages; of one that has run out meanwhile the verdict is not heard.
    fn settle(
        &self,
        verdicts: Vec<(Delivered, Verdict)>,
        retries: RetryRules,
    ) -> Pending<Result<Settled, QueueError>>;

    /// Told whenever there may be something new to deliver.
    fn signal(&self) -> Arc<Signal>;
}

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What the body is.
    pub content_type: ContentType,
    /// The body.
    pub body: Vec<u8>,
    /// How long it is held back, in seconds.
    pub delay_s: i64,
}

/// How things stand for a consumer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// How many messages can be had, counted up to the most that are wanted.
    pub count: usize,
    /// Since when the first of them can, in milliseconds since the epoch.
    pub since_ms: Option<i64>,
    /// When the next one can that cannot yet.
    pub next_ms: Option<i64>,
}

/// What becomes of messages that were delivered in vain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetryRules {
    /// How often a message is delivered again.
    pub retries_max: u32,
    /// How long it is held back where nobody says otherwise, in seconds.
    pub delay_s: i64,
    /// The queue it then goes to; `None`: it is deleted.
    pub dead_letter_queue: Option<String>,
}

/// What settling has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// How many messages went to the dead letter queue.
    pub dead: usize,
    /// How many were deleted after their last retry.
    pub lost: usize,
}

//! Events that a Worker hands to another one by a service binding: `binding.scheduled()` and `binding.queue()`. Each is a
//! call on the binding's capability, by a name that no method of a Worker's can have; the answer is what the handler
//! decided, a [`crate::report::ScheduledReport`] or a [`crate::queues::Disposition`], as postcard.

use serde::{Deserialize, Serialize};

/// The call that runs the `scheduled` handler; its params are a [`Due`], as postcard.
pub const SCHEDULED: &str = "scheduled event";

/// The call that runs the `queue` handler; its params are an array of the queue's name, the messages and what is known of
/// the queue, as a structured clone. They become an [`crate::Event::Other`] with the handler `queue`.
pub const QUEUE: &str = "queue event";

/// What a `scheduled` handler is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Due {
    /// The pattern.
    pub cron: String,
    /// When it was due, in milliseconds since the epoch.
    pub time_ms: f64,
}

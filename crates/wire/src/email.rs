//! The vocabulary of email: what an `email` event brings, what its handler decides, and what is sent.

use serde::{Deserialize, Serialize};

/// The largest message, in bytes (Cloudflare: 25 MiB).
pub const MESSAGE_MAX: usize = 25 << 20;

/// What [`crate::Event::Other`] with the handler `email` brings; body 0 is the message as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The capability that takes [`Send`]: what the handler forwards, and its replies.
    pub through: u32,
    /// The sender, as the envelope has it.
    pub from: String,
    /// The recipient, as the envelope has it.
    pub to: String,
}

/// To that event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EmailReport {
    /// Whether the handler raised; what, is in the log.
    pub failed: bool,
    /// Why the message was rejected, where it was.
    pub rejected: Option<String>,
}

/// `send`; body 0 is the message. Answer: [`Sent`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Send {
    /// The sender, as the envelope is to have it.
    pub from: String,
    /// The recipients; for none those that the binding names.
    pub to: Vec<String>,
    /// Whether the message was written by the Worker, and is checked; else it is one that came and is forwarded.
    pub is_own: bool,
}

/// What has become of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    /// Its `Message-ID`, without the brackets.
    pub message_id: String,
    /// The file in which it is kept.
    pub file: String,
}

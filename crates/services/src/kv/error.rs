//! KV's failures, and how the Worker reads of them.

use std::borrow::Cow;
use std::fmt;

use crate::{CallError, Failure, StreamError};

/// What a KV call was doing, as its errors name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `get`, `getWithMetadata` of one key, and `list`.
    Get,
    /// `get` and `getWithMetadata` of several keys.
    GetBulk,
    /// `put`.
    Put,
    /// `delete`.
    Delete,
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Get => "GET",
            Self::GetBulk => "GET_BULK",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        })
    }
}

/// Why KV did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KvError {
    /// The request is outside KV's limits.
    #[error("{status} {text}")]
    Refused {
        /// HTTP's, as Cloudflare's KV gives it.
        status: u16,
        /// Cloudflare's text.
        text: String,
    },
    /// The stream that was to bring the value broke off. Nothing was stored.
    #[error("{0}")]
    Source(StreamError),
    /// The store has no room left.
    #[error("507 Insufficient Storage")]
    Full {
        /// What the engine said.
        cause: String,
    },
    /// The store is held by someone else for longer than one waits.
    #[error("503 Service Unavailable")]
    Busy {
        /// What the engine said.
        cause: String,
    },
    /// The store failed.
    #[error("500 Internal Server Error")]
    Engine {
        /// What the engine said.
        cause: String,
    },
}

impl KvError {
    /// A request outside the limits.
    pub(super) fn refused(status: u16, text: impl Into<String>) -> Self {
        Self::Refused { status, text: text.into() }
    }

    /// As the answer to a call of `operation`.
    pub(super) fn during(self, operation: Operation) -> CallError {
        let message = format!("KV {operation} failed: {self}");
        CallError::Failed(match self {
            Self::Refused { .. } => failure(message, false, None),
            Self::Source(StreamError { name, message }) => {
                Failure { name: Cow::Owned(name), ..failure(message, false, None) }
            }
            Self::Full { cause } | Self::Engine { cause } => failure(message, false, Some(cause)),
            Self::Busy { cause } => failure(message, true, Some(cause)),
        })
    }
}

fn failure(message: String, retryable: bool, cause: Option<String>) -> Failure {
    Failure { name: Cow::Borrowed("Error"), message, retryable, cause }
}

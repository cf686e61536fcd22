//! Queues' failures, and how the Worker reads of them. The client half puts the method before the text.

use std::borrow::Cow;

use crate::{CallError, Failure};

/// Why a queue did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// The request is outside the limits.
    #[error("{0}")]
    Refused(String),
    /// The messages did not arrive whole. None was sent.
    #[error("Network connection lost.")]
    Incomplete,
    /// The disk has no room left.
    #[error("Storage Limit Exceeded")]
    Full {
        /// What the engine said.
        cause: String,
    },
    /// The engine failed.
    #[error("Unknown Internal Error")]
    Engine {
        /// What it said.
        cause: String,
    },
}

impl From<QueueError> for CallError {
    fn from(error: QueueError) -> Self {
        let message = error.to_string();
        let cause = match error {
            QueueError::Full { cause } | QueueError::Engine { cause } => Some(cause),
            _ => None,
        };
        Self::Failed(Failure { name: Cow::Borrowed("Error"), message, retryable: false, cause })
    }
}

impl From<rusqlite::Error> for QueueError {
    fn from(error: rusqlite::Error) -> Self {
        let cause = error.to_string();
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full { cause },
            _ => Self::Engine { cause },
        }
    }
}

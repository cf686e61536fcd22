//! Vectorize's failures, and how the Worker reads of them. Codes and texts are those seen of Cloudflare's; where none is
//! known, the code is that of a request that cannot be read.

use std::borrow::Cow;
use std::fmt;

use crate::{CallError, Failure};

/// What a call was doing, as its errors name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `describe`.
    Info,
    /// `query` and `queryById`.
    Query,
    /// `insert`.
    Insert,
    /// `upsert`.
    Upsert,
    /// `getByIds`.
    Get,
    /// `deleteByIds`.
    Delete,
}

impl Operation {
    /// What the texts call it.
    pub(super) fn verb(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Query => "query",
            Self::Insert => "insert",
            Self::Upsert => "upsert",
            Self::Get => "get",
            Self::Delete => "delete",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Info => "INDEX_GET",
            Self::Query => "VECTOR_QUERY",
            Self::Insert => "VECTOR_INSERT",
            Self::Upsert => "VECTOR_UPSERT",
            Self::Get => "VECTOR_GET",
            Self::Delete => "VECTOR_DELETE",
        })
    }
}

/// Why an index did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VectorizeError {
    /// The request is outside the limits, or makes no sense.
    #[error("{text}")]
    Refused {
        /// Cloudflare's number for it.
        code: u32,
        /// What is wrong.
        text: String,
    },
    /// There is no such index.
    #[error(
        "there is no index \"{name}\"; make it with `hognose vectorize create {name} --dimensions <N> --metric <METRIC>`"
    )]
    Missing {
        /// Its name.
        name: String,
    },
    /// There is an index of that name already.
    #[error("there is an index \"{name}\" already")]
    Exists {
        /// Its name.
        name: String,
    },
    /// The store is held by someone else for longer than one waits.
    #[error("the index is busy: {cause}")]
    Busy {
        /// What the engine said.
        cause: String,
    },
    /// The store failed.
    #[error("the index cannot be used: {cause}")]
    Engine {
        /// What the engine said.
        cause: String,
    },
}

/// Cloudflare's number for an index that is not there.
const NO_INDEX: u32 = 3000;

impl VectorizeError {
    pub(super) fn refused(code: u32, text: impl Into<String>) -> Self {
        Self::Refused { code, text: text.into() }
    }

    /// As the answer to a call of `operation`.
    pub(super) fn during(self, operation: Operation) -> CallError {
        let coded = |code, text: &dyn fmt::Display| format!("{operation}_ERROR (code = {code}): {text}");
        let status = |status| format!("{operation}_ERROR: Status + {status}");
        CallError::Failed(match &self {
            Self::Refused { code, text } => failure(coded(*code, text), false, None),
            Self::Missing { .. } | Self::Exists { .. } => failure(coded(NO_INDEX, &self), false, None),
            Self::Busy { cause } => failure(status(503), true, Some(cause.clone())),
            Self::Engine { cause } => failure(status(500), false, Some(cause.clone())),
        })
    }
}

fn failure(message: String, retryable: bool, cause: Option<String>) -> Failure {
    Failure { name: Cow::Borrowed("Error"), message, retryable, cause }
}

impl From<rusqlite::Error> for VectorizeError {
    fn from(error: rusqlite::Error) -> Self {
        let cause = error.to_string();
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                Self::Busy { cause }
            }
            _ => Self::Engine { cause },
        }
    }
}

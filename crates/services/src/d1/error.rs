//! D1's failures, and how the Worker reads of them. The client half puts `D1_ERROR: ` before the text.

use std::borrow::Cow;

use crate::{CallError, Failure};

/// Why a query gave nothing. Whatever it had done before was rolled back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum D1Error {
    /// The SQL is wrong, does what it may not, or violates a constraint: SQLite's text and code.
    #[error("{0}")]
    Sql(String),
    /// It ran for longer than it may.
    #[error("D1 DB storage operation exceeded timeout which caused object to be reset.")]
    Timeout,
    /// Its rows are more than a Worker can take.
    #[error("D1 DB's isolate exceeded its memory limit and was reset.")]
    ResultTooLarge,
    /// The query itself is larger than what travels.
    #[error("D1 DB query is too large: its statements and parameters are more than {limit} bytes.")]
    QueryTooLarge {
        /// The most it may have, in bytes.
        limit: usize,
    },
    /// The database has reached its largest size.
    #[error("Exceeded maximum DB size")]
    DatabaseFull,
    /// Too many queries wait.
    #[error("D1 DB is overloaded. Too many requests queued.")]
    Overloaded,
    /// Another process has held the database for longer than one waits.
    #[error("D1 DB is overloaded. Requests queued for too long.")]
    Busy,
    /// The statements did not arrive whole.
    #[error("Network connection lost.")]
    Incomplete,
    /// The database cannot be opened or read.
    #[error("D1 DB cannot be read: the operator's log says why.")]
    Unusable {
        /// What is wrong with it.
        cause: String,
    },
}

impl From<D1Error> for CallError {
    fn from(error: D1Error) -> Self {
        let message = error.to_string();
        let retryable = matches!(error, D1Error::Overloaded | D1Error::Busy);
        let cause = match error {
            D1Error::Unusable { cause } => Some(cause),
            _ => None,
        };
        Self::Failed(Failure { name: Cow::Borrowed("Error"), message, retryable, cause })
    }
}

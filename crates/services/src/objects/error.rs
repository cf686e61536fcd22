//! Failures of an object's storage, and how the Worker reads of them.

use crate::d1::D1Error;

/// Why an operation did nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StorageError {
    /// The JavaScript error's name.
    pub name: &'static str,
    /// Its text.
    pub message: String,
    /// Whether more than the operation is lost, so that the object cannot go on.
    pub reset: bool,
}

impl StorageError {
    /// A plain `Error`.
    pub fn error(message: impl Into<String>) -> Self {
        Self { name: "Error", message: message.into(), reset: false }
    }

    /// A `RangeError`.
    pub(super) fn range(message: String) -> Self {
        Self { name: "RangeError", message, reset: false }
    }

    /// The object cannot go on.
    pub(super) fn fatal(message: impl Into<String>) -> Self {
        Self { reset: true, ..Self::error(message) }
    }
}

impl From<D1Error> for StorageError {
    fn from(error: D1Error) -> Self {
        match error {
            D1Error::Timeout => Self::fatal(
                "Durable Object storage operation exceeded timeout which caused object to be reset.",
            ),
            D1Error::DatabaseFull => Self::error("database or disk is full: SQLITE_FULL"),
            D1Error::Busy => Self::error("database table is locked: SQLITE_LOCKED"),
            D1Error::ResultTooLarge => Self::error("The result of the SQL query is too large."),
            D1Error::Unusable { cause } => Self::fatal(format!(
                "Internal error in Durable Object storage caused object to be reset: {cause}"
            )),
            other => Self::error(other.to_string()),
        }
    }
}

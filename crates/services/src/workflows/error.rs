//! Workflows' failures, in Cloudflare's words.

use std::borrow::Cow;

use crate::{CallError, Failure};

/// What a run is told that is not the newest one of its instance. The client half knows it by this name.
const STALE: &str = "WorkflowRunOver";

/// Why a workflow did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkflowError {
    /// No instance has the id.
    #[error("(instance.not_found) Instance not found")]
    NotFound,
    /// An instance has the id already.
    #[error("(instance.already_exists) Instance already exists")]
    Exists,
    /// The instance is over.
    #[error("(instance.{0}) Cannot {1} instance since its on a finite state")]
    Over(&'static str, &'static str),
    /// No instance can have the id.
    #[error("WorkflowError: Workflow instance has invalid id")]
    InvalidId,
    /// No event can have the type.
    #[error("WorkflowError: The type of an event has up to 100 letters, digits, '-' and '_'.")]
    InvalidEventType,
    /// An instance was to be run again from a step that it has not taken.
    #[error("WorkflowError: (instance.cannot_restart) Step \"{0}\" not found in execution history")]
    StepNotFound(String),
    /// The argument is too large.
    #[error("The argument exceeds the limit of 1MiB.")]
    TooLarge,
    /// The argument did not arrive whole.
    #[error("Network connection lost.")]
    Incomplete,
    /// The run is over.
    #[error("the run is over")]
    Stale,
    /// The engine failed.
    #[error("Workflows are not available: internal error")]
    Engine {
        /// What it said.
        cause: String,
    },
}

impl From<WorkflowError> for CallError {
    fn from(error: WorkflowError) -> Self {
        let message = error.to_string();
        let name = if error == WorkflowError::Stale { STALE } else { "Error" };
        let cause = match error {
            WorkflowError::Engine { cause } => Some(cause),
            _ => None,
        };
        Self::Failed(Failure { name: Cow::Borrowed(name), message, retryable: false, cause })
    }
}

impl From<rusqlite::Error> for WorkflowError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine { cause: error.to_string() }
    }
}

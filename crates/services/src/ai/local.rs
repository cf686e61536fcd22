//! Models on this machine, in a process apart. Whoever makes the service brings this: nothing here starts processes.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::{AiError, Task};
use crate::Pending;

/// Runs models from folders.
pub trait Local: Send + Sync {
    /// What the model in `folder` gives for the inputs: the output's JSON. Bytes among the inputs are in Base64.
    fn run(
        &self,
        folder: PathBuf,
        task: Task,
        inputs: Value,
        timeout: Duration,
    ) -> Pending<Result<Value, LocalError>>;

    /// A document as Markdown: a string's JSON. It has `name`, `mimeType`, `data` in Base64, and `options`.
    fn to_markdown(&self, document: Value, timeout: Duration) -> Pending<Result<Value, LocalError>>;
}

/// Why a model gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocalError {
    /// The inputs are not what it takes.
    #[error("{0}")]
    Inputs(String),
    /// The model is none, or the engine is not installed, has no memory left or has ended.
    #[error("{0}")]
    Engine(String),
    /// It took too long.
    #[error("it did not answer within {} ms", .0.as_millis())]
    Timeout(Duration),
}

impl From<LocalError> for AiError {
    fn from(error: LocalError) -> Self {
        match &error {
            LocalError::Inputs(text) => Self::schema(text),
            LocalError::Engine(text) => Self::engine(500, text.clone()),
            LocalError::Timeout(_) => Self::timeout(format!("The model took too long: {error}")),
        }
    }
}

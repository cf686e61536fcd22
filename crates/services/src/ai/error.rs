//! Workers AI's failures, as the responses that Cloudflare gives. The client half makes errors of them.

use bytes::Bytes;
use serde_json::{Value, json};

use super::calls::Reply;
use crate::StreamError;

/// Why a model gave no answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{code}: {description}")]
pub struct AiError {
    /// HTTP's.
    pub status: u16,
    /// Cloudflare's number for it.
    pub code: u32,
    /// What is wrong.
    pub description: String,
}

impl AiError {
    fn new(status: u16, code: u32, description: impl Into<String>) -> Self {
        Self { status, code, description: description.into() }
    }

    /// The table lacks the model.
    pub(super) fn unmapped(model: &str) -> Self {
        Self::new(
            400,
            5007,
            format!(
                "No such model {model} or task. Say in hognose.toml what answers for it:\n\n[ai.models.\"{model}\"]\n\
                 url = \"http://localhost:11434/v1\"  # a server that speaks as OpenAI's does\nmodel = \"...\"  # its name there"
            ),
        )
    }

    /// The inputs are not what the model takes.
    pub(super) fn schema(description: impl std::fmt::Display) -> Self {
        Self::new(400, 5006, format!("Error: {description}"))
    }

    /// The inputs cannot be read.
    pub(super) fn unreadable(description: impl Into<String>) -> Self {
        Self::new(400, 3003, description)
    }

    /// The inputs are too large.
    pub(super) fn too_large(limit: usize) -> Self {
        Self::new(413, 3006, format!("Request is too large: its inputs have more than {limit} bytes"))
    }

    /// Bytes in Base64 are none.
    pub(super) fn base64() -> Self {
        Self::new(400, 5004, "Invalid data type for base64 input")
    }

    /// The engine took too long.
    pub(super) fn timeout(description: impl Into<String>) -> Self {
        Self::new(408, 3007, description)
    }

    /// The engine cannot be reached or has no room.
    pub(super) fn unavailable(description: impl Into<String>) -> Self {
        Self::new(429, 3040, description)
    }

    /// The engine has said that something is wrong, or makes no sense.
    pub(super) fn engine(status: u16, description: impl Into<String>) -> Self {
        Self::new(status, 3043, description)
    }

    /// A stream of the engine's has failed, which may have said Cloudflare's number for it.
    pub(super) fn broken_off(error: StreamError) -> Self {
        match error.message.strip_prefix("3007: ") {
            Some(description) => Self::timeout(description),
            None => Self::engine(502, format!("The server's answer broke off: {}", error.message)),
        }
    }

    /// A model is to be changed as no engine can.
    pub(super) fn no_lora() -> Self {
        Self::new(405, 5005, "LoRA unsupported: give the adapted model a name of its own in hognose.toml")
    }

    /// JSON was asked for, and something else came.
    pub(super) fn json_mode() -> Self {
        Self::new(400, 5025, "JSON Mode couldn't be met")
    }

    /// As the response that says so.
    pub(super) fn reply(&self) -> Reply {
        let body: Value = json!({
            "internalCode": self.code,
            "name": "AiError",
            "message": self.to_string(),
            "description": self.description,
            "errors": [{ "code": self.code, "message": self.description }],
        });
        Reply { status: self.status, ..Reply::json(&body) }
    }
}

/// A body of JSON.
pub(super) fn json_bytes(value: &Value) -> Bytes {
    serde_json::to_vec(value).expect("invariant: a JSON value has a text").into()
}

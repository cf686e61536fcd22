//! OpenAI's Responses API, which Cloudflare's gpt-oss models take beside messages: what is asked and answered is the same
//! there and here, so all of it passes as it is.

use serde_json::Value;

use super::chat::stream;
use super::{Server, read_json};
use crate::ai::calls::Reply;
use crate::ai::inputs::Inputs;
use crate::ai::sender::Use;
use crate::ai::{AiError, Task};

/// Whether the inputs are of that form.
pub(super) fn are_asked_for(inputs: &Inputs) -> bool {
    inputs.get("input").is_some() && inputs.get("messages").or(inputs.get("prompt")).is_none()
}

/// What the model says to the input.
pub(super) async fn respond(server: &Server<'_>, inputs: &Inputs) -> Result<Reply, AiError> {
    let mut request = inputs.to_value();
    request["model"] = server.model.into();
    let streams = inputs.is_true("stream");
    let used = if streams { Use::Streamed } else { Use::Whole };
    let response = server.post("responses", &request, used).await?;
    if streams {
        return stream(response, Task::Chat).await;
    }
    let answer: Value = read_json(response).await?;
    Ok(Reply::json(&answer))
}

//! Cloudflare's own REST interface, or whatever speaks it: inputs and outputs pass as they are.

use serde_json::Value;

use super::calls::{Reply, read_body};
use super::error::json_bytes;
use super::inputs::Inputs;
use super::sender::{Sender, Use};
use super::{AiError, Endpoint};

/// Has the model at the endpoint run.
pub(super) async fn run(
    sender: &Sender<'_>,
    endpoint: &Endpoint,
    model: &str,
    inputs: Inputs,
) -> Result<Reply, AiError> {
    let name = endpoint.model.as_deref().unwrap_or(model);
    let url = format!("{}/{name}", endpoint.url.trim_end_matches('/'));
    let content = match inputs.bytes {
        Some((_, content_type, bytes)) => (content_type, bytes),
        None => ("application/json".to_owned(), json_bytes(&inputs.into_value())),
    };
    let response = sender.send(endpoint, url, content, Use::Streamed).await?;
    if !is_json(response.content_type.as_deref()) {
        let content_type = response.content_type.unwrap_or_else(|| "application/octet-stream".to_owned());
        return Ok(Reply { status: response.status, content_type, body: response.body });
    }
    let bytes = read_body(response.body).await?;
    let unread = |error| AiError::engine(502, format!("The server's answer is not JSON: {error}"));
    let value: Value = serde_json::from_slice(&bytes).map_err(unread)?;
    Ok(Reply { status: response.status, ..Reply::json(&unwrapped(value)) })
}

/// The interface wraps results; the binding gives them bare.
fn unwrapped(mut value: Value) -> Value {
    let is_wrapped = value.get("success").and_then(Value::as_bool) == Some(true);
    match value.get_mut("result") {
        Some(result) if is_wrapped => result.take(),
        _ => value,
    }
}

fn is_json(content_type: Option<&str>) -> bool {
    content_type.is_some_and(|given| given.split(';').next().map(str::trim) == Some("application/json"))
}

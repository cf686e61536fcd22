//! Text from text: conversations, and the tasks that a conversation can do.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::responses;
use super::stream::Reframed;
use super::{Server, failure, lacking, read_json};
use crate::Content;
use crate::ai::calls::Reply;
use crate::ai::inputs::Inputs;
use crate::ai::sender::Use;
use crate::ai::{AiError, HttpResponse, Task};

/// How many tokens an answer has at most, where the Worker does not say. Cloudflare's default.
const TOKENS_MAX: u64 = 256;
/// The same for descriptions of pictures.
const DESCRIPTION_TOKENS_MAX: u64 = 512;

/// What passes as it is.
const PASSED: [&str; 8] = [
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "repetition_penalty",
    "frequency_penalty",
    "presence_penalty",
    "tool_choice",
];

/// A conversation's next message.
pub(super) async fn generate(server: &Server<'_>, task: Task, inputs: &Inputs) -> Result<Reply, AiError> {
    if inputs.get("lora").is_some() {
        return Err(AiError::no_lora());
    }
    if task.is_open_ai_shaped() && responses::are_asked_for(inputs) {
        return responses::respond(server, inputs).await;
    }
    let wants_json = inputs.get("response_format").is_some();
    let streams = inputs.is_true("stream");
    if wants_json && streams {
        return Err(AiError::schema("JSON Mode currently doesn't support streaming"));
    }
    let raw = inputs.is_true("raw").then(|| inputs.required("prompt")).transpose()?;
    let mut request = json!({ "model": server.model, "max_tokens": TOKENS_MAX, "stream": streams });
    match raw {
        Some(prompt) => request["prompt"] = prompt.into(),
        None => request["messages"] = messages(inputs)?,
    }
    add_options(&mut request, inputs);
    if streams {
        request["stream_options"] = json!({ "include_usage": true });
    }
    let path = if raw.is_some() { "completions" } else { "chat/completions" };
    let used = if streams { Use::Streamed } else { Use::Whole };
    let response = server.post(path, &request, used).await?;
    if streams { stream(response, task).await } else { whole(read_json(response).await?, task, wants_json) }
}

fn add_options(request: &mut Value, inputs: &Inputs) {
    for key in PASSED {
        if let Some(value) = inputs.get(key) {
            request[key] = value.clone();
        }
    }
    if let Some(most) = inputs.get("max_tokens").or(inputs.get("max_completion_tokens")) {
        request["max_tokens"] = most.clone();
    }
    if let Some(tools) = inputs.get("tools").or(inputs.get("functions")).and_then(Value::as_array) {
        request["tools"] = tools.iter().map(tool).collect();
    }
    if let Some(format) = inputs.get("response_format") {
        request["response_format"] = response_format(format);
    }
}

/// Cloudflare takes a function by itself as well.
fn tool(tool: &Value) -> Value {
    if tool.get("function").is_some() {
        return tool.clone();
    }
    json!({ "type": "function", "function": tool })
}

/// Cloudflare takes the schema by itself, OpenAI has it in an object with a name.
fn response_format(format: &Value) -> Value {
    match format.get("json_schema") {
        Some(schema) if schema.get("schema").is_none() => {
            json!({ "type": "json_schema", "json_schema": { "name": "response", "schema": schema } })
        }
        _ => format.clone(),
    }
}

fn messages(inputs: &Inputs) -> Result<Value, AiError> {
    if let Some(messages) = inputs.get("messages") {
        let messages = messages
            .as_array()
            .ok_or_else(|| AiError::schema("Type mismatch of '/messages', 'array' is expected"))?;
        let mut messages: Vec<Value> = messages.iter().map(message).collect();
        add_image(&mut messages, inputs)?;
        return Ok(messages.into());
    }
    let Some(prompt) = inputs.get("prompt") else {
        return Err(AiError::schema(
            "oneOf at '/' not met, 0 matches: required properties at '/' are 'prompt', required properties at '/' are \
             'messages'",
        ));
    };
    let prompt =
        prompt.as_str().ok_or_else(|| AiError::schema("Type mismatch of '/prompt', 'string' is expected"))?;
    let mut messages = vec![json!({ "role": "user", "content": prompt })];
    add_image(&mut messages, inputs)?;
    Ok(messages.into())
}

/// A picture beside the messages belongs to the last of them.
fn add_image(messages: &mut [Value], inputs: &Inputs) -> Result<(), AiError> {
    let (Some(_), Some(last)) = (inputs.get("image"), messages.last_mut()) else { return Ok(()) };
    let text = last["content"].take();
    last["content"] = json!([{ "type": "text", "text": text }, image_part(inputs)?]);
    Ok(())
}

fn image_part(inputs: &Inputs) -> Result<Value, AiError> {
    let (bytes, _) = inputs.file("image")?;
    let kind = if bytes.starts_with(b"\x89PNG") { "png" } else { "jpeg" };
    let url = format!("data:image/{kind};base64,{}", STANDARD.encode(&bytes));
    Ok(json!({ "type": "image_url", "image_url": { "url": url } }))
}

/// A message as OpenAI has it. Cloudflare's older models name calls of tools by the tools' names.
fn message(message: &Value) -> Value {
    let mut message = message.clone();
    if message["role"] == "tool" && message.get("tool_call_id").is_none() {
        message["tool_call_id"] = message["name"].clone();
    }
    if let Some(calls) = message.get_mut("tool_calls").and_then(Value::as_array_mut) {
        for call in calls {
            if call.get("function").is_none() {
                let arguments = match &call["arguments"] {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                let function = json!({ "name": call["name"], "arguments": arguments });
                *call = json!({ "id": call["name"], "type": "function", "function": function });
            }
        }
    }
    message
}

pub(super) async fn stream(response: HttpResponse, task: Task) -> Result<Reply, AiError> {
    let is_stream =
        response.content_type.as_deref().is_some_and(|given| given.starts_with("text/event-stream"));
    if !is_stream {
        let said = failure(response).await.description;
        return Err(AiError::engine(502, format!("The server was asked for a stream and sent none: {said}")));
    }
    let body = if task.is_open_ai_shaped() {
        response.body
    } else {
        Content::Stream(Box::new(Reframed::new(response.body.into_stream())))
    };
    Ok(Reply { status: 200, content_type: "text/event-stream".to_owned(), body })
}

fn whole(answer: Value, task: Task, wants_json: bool) -> Result<Reply, AiError> {
    if task.is_open_ai_shaped() {
        return Ok(Reply::json(&answer));
    }
    let choice = &answer["choices"][0];
    let text = choice["message"]["content"].as_str().or(choice["text"].as_str());
    let calls = choice["message"]["tool_calls"].as_array().filter(|calls| !calls.is_empty());
    if text.is_none() && calls.is_none() {
        return Err(lacking("choices[0].message"));
    }
    let text = text.unwrap_or_default();
    let response = if wants_json {
        serde_json::from_str(text).map_err(|_| AiError::json_mode())?
    } else {
        Value::from(text)
    };
    let mut reply = json!({ "response": response, "usage": usage(&answer["usage"]) });
    if let Some(calls) = calls {
        reply["tool_calls"] = calls.iter().map(tool_call).collect();
    }
    Ok(Reply::json(&reply))
}

/// A call of a tool as Cloudflare's older models make it: its arguments are parsed.
pub(super) fn tool_call(call: &Value) -> Value {
    let function = &call["function"];
    let parsed = function["arguments"].as_str().and_then(|text| serde_json::from_str(text).ok());
    json!({ "name": function["name"], "arguments": parsed.unwrap_or_else(|| function["arguments"].clone()) })
}

pub(super) fn usage(usage: &Value) -> Value {
    let count = |key: &str| usage[key].as_u64().unwrap_or(0);
    json!({
        "prompt_tokens": count("prompt_tokens"),
        "completion_tokens": count("completion_tokens"),
        "total_tokens": count("total_tokens"),
    })
}

/// What the model says to one message under one instruction.
async fn answer(
    server: &Server<'_>,
    instruction: &str,
    content: Value,
    tokens: u64,
) -> Result<String, AiError> {
    let mut messages = Vec::new();
    if !instruction.is_empty() {
        messages.push(json!({ "role": "system", "content": instruction }));
    }
    messages.push(json!({ "role": "user", "content": content }));
    let request =
        json!({ "model": server.model, "messages": messages, "max_tokens": tokens, "temperature": 0 });
    let answer = server.ask("chat/completions", &request).await?;
    let text = answer["choices"][0]["message"]["content"].as_str();
    text.map(|text| text.trim().to_owned()).ok_or_else(|| lacking("choices[0].message.content"))
}

pub(super) async fn summarize(server: &Server<'_>, inputs: &Inputs) -> Result<Reply, AiError> {
    let text = inputs.required("input_text")?;
    let most = inputs.get("max_length").and_then(Value::as_u64).unwrap_or(1024);
    let instruction = "Summarize the user's text in a few sentences. Answer with the summary only.";
    let summary = answer(server, instruction, text.into(), most).await?;
    Ok(Reply::json(&json!({ "summary": summary })))
}

pub(super) async fn translate(server: &Server<'_>, inputs: &Inputs) -> Result<Reply, AiError> {
    let text = inputs.required("text")?;
    let target = inputs.required("target_lang")?;
    let source = inputs.string("source_lang").unwrap_or("en");
    let translated = translation(server, text, Some(source), target).await?;
    Ok(Reply::json(&json!({ "translated_text": translated })))
}

pub(super) async fn translate_all(server: &Server<'_>, inputs: &Inputs) -> Result<Reply, AiError> {
    let texts = inputs.texts("text")?.ok_or_else(|| crate::ai::inputs::missing("text"))?;
    let target = inputs.string("target_language").unwrap_or("hin_Deva");
    let mut translations = Vec::with_capacity(texts.len());
    for text in &texts {
        translations.push(translation(server, text, None, target).await?);
    }
    Ok(Reply::json(&json!({ "translations": translations })))
}

async fn translation(
    server: &Server<'_>,
    text: &str,
    source: Option<&str>,
    target: &str,
) -> Result<String, AiError> {
    let from = source.map(|source| format!(" from the language \"{source}\"")).unwrap_or_default();
    let instruction = format!(
        "Translate the user's text{from} into the language \"{target}\". Answer with the translation only."
    );
    answer(server, &instruction, text.into(), 4 * TOKENS_MAX).await
}

pub(super) async fn describe_image(server: &Server<'_>, inputs: &Inputs) -> Result<Reply, AiError> {
    let prompt = inputs.string("prompt").unwrap_or("Describe this image.");
    let content = json!([{ "type": "text", "text": prompt }, image_part(inputs)?]);
    let most = inputs.get("max_tokens").and_then(Value::as_u64).unwrap_or(DESCRIPTION_TOKENS_MAX);
    Ok(Reply::json(&json!({ "description": answer(server, "", content, most).await? })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversations_are_brought_into_openai_s_form() {
        let inputs = Inputs::parse(
            br#"{"messages": [{"role": "assistant", "tool_calls": [{"name": "f", "arguments": {"a": 1}}]},
                 {"role": "tool", "name": "f", "content": "2"}], "tools": [{"name": "f"}, {"type": "function", "function": {}}],
                 "response_format": {"type": "json_schema", "json_schema": {"type": "object"}}, "max_tokens": 5}"#,
        )
        .unwrap();
        let call =
            json!({"id": "f", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}});
        let expected = json!([
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "name": "f", "content": "2", "tool_call_id": "f"},
        ]);
        assert_eq!(messages(&inputs).unwrap(), expected);
        let mut request = json!({});
        add_options(&mut request, &inputs);
        let schema = json!({"name": "response", "schema": {"type": "object"}});
        let expected = json!({
            "max_tokens": 5,
            "tools": [{"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {}}],
            "response_format": {"type": "json_schema", "json_schema": schema},
        });
        assert_eq!(request, expected);
    }
}

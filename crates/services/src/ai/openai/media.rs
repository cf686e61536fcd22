//! Pictures and sound.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::{Server, lacking, read_json};
use crate::Content;
use crate::ai::calls::{Reply, read_body};
use crate::ai::inputs::Inputs;
use crate::ai::sender::Use;
use crate::ai::{AiError, Task};

/// How large a picture is where the Worker does not say.
const SIDE: u64 = 1024;

/// A picture of a prompt.
pub(super) async fn draw(server: &Server<'_>, task: Task, inputs: &Inputs) -> Result<Reply, AiError> {
    let mut request = json!({
        "model": server.model,
        "prompt": inputs.required("prompt")?,
        "n": 1,
        "size": format!("{}x{}", side(inputs, "width"), side(inputs, "height")),
        "response_format": "b64_json",
    });
    for key in ["negative_prompt", "seed", "guidance", "num_steps", "steps", "strength"] {
        if let Some(value) = inputs.get(key) {
            request[key] = value.clone();
        }
    }
    let answer = server.ask("images/generations", &request).await?;
    let image = answer["data"][0]["b64_json"].as_str().ok_or_else(|| lacking("data[0].b64_json"))?;
    if task == Task::TextToImageBase64 {
        return Ok(Reply::json(&json!({ "image": image })));
    }
    let bytes = STANDARD.decode(image).map_err(|_| lacking("data[0].b64_json in Base64"))?;
    let content_type = if bytes.starts_with(b"\xff\xd8") { "image/jpeg" } else { "image/png" };
    Ok(file(content_type, bytes.into()))
}

fn side(inputs: &Inputs, key: &str) -> u64 {
    inputs.get(key).and_then(Value::as_u64).unwrap_or(SIDE)
}

fn file(content_type: &str, bytes: Bytes) -> Reply {
    Reply { status: 200, content_type: content_type.to_owned(), body: Content::Whole(bytes) }
}

/// Speech of a text.
pub(super) async fn speak(server: &Server<'_>, task: Task, inputs: &Inputs) -> Result<Reply, AiError> {
    let key = if task == Task::TextToSpeech { "prompt" } else { "text" };
    let voice = inputs.string("speaker").or(inputs.string("voice")).unwrap_or("alloy");
    let format = inputs.string("encoding").unwrap_or("mp3");
    let request = json!({
        "model": server.model,
        "input": inputs.required(key)?,
        "voice": voice,
        "response_format": format,
    });
    let used = if task == Task::TextToSpeech { Use::Whole } else { Use::Streamed };
    let response = server.post("audio/speech", &request, used).await?;
    if task == Task::TextToSpeech {
        let audio = STANDARD.encode(read_body(response.body).await?);
        return Ok(Reply::json(&json!({ "audio": audio })));
    }
    let content_type = response.content_type.unwrap_or_else(|| "audio/mpeg".to_owned());
    Ok(Reply { status: 200, content_type, body: response.body })
}

/// What is said in a recording.
pub(super) async fn transcribe(server: &Server<'_>, task: Task, inputs: &Inputs) -> Result<Reply, AiError> {
    let (audio, content_type) = inputs.file("audio")?;
    let mut form = Form::default();
    form.field("model", server.model);
    form.field("response_format", "verbose_json");
    form.field("timestamp_granularities[]", "word");
    form.field("timestamp_granularities[]", "segment");
    if let Some(language) = inputs.string("language") {
        form.field("language", language);
    }
    if let Some(prompt) = inputs.string("initial_prompt") {
        form.field("prompt", prompt);
    }
    form.file("file", content_type.as_deref().unwrap_or("application/octet-stream"), &audio);
    let path = if inputs.string("task") == Some("translate") { "translations" } else { "transcriptions" };
    let response = server.post_bytes(&format!("audio/{path}"), form.finish(), Use::Whole).await?;
    let answer = read_json(response).await?;
    if !answer["text"].is_string() {
        return Err(lacking("text"));
    }
    Ok(Reply::json(&match task {
        Task::SpeechRecognitionTurbo => as_turbo(&answer),
        Task::SpeechRecognitionDeepgram => as_deepgram(&answer),
        _ => as_whisper(&answer),
    }))
}

fn as_whisper(answer: &Value) -> Value {
    json!({
        "text": answer["text"],
        "word_count": word_count(answer),
        "words": words(answer),
        "vtt": vtt(answer),
    })
}

fn as_turbo(answer: &Value) -> Value {
    let info = json!({ "language": answer["language"], "duration": answer["duration"] });
    json!({
        "transcription_info": info,
        "text": answer["text"],
        "word_count": word_count(answer),
        "segments": answer["segments"].as_array().cloned().unwrap_or_default(),
        "vtt": vtt(answer),
    })
}

fn as_deepgram(answer: &Value) -> Value {
    let heard = json!({ "transcript": answer["text"], "confidence": 1, "words": words(answer) });
    json!({ "results": { "channels": [{ "alternatives": [heard] }] } })
}

fn words(answer: &Value) -> Value {
    answer["words"].as_array().cloned().unwrap_or_default().into()
}

fn word_count(answer: &Value) -> usize {
    answer["text"].as_str().map_or(0, |text| text.split_whitespace().count())
}

/// The segments as captions (WebVTT).
fn vtt(answer: &Value) -> String {
    let mut captions = "WEBVTT\n".to_owned();
    for segment in answer["segments"].as_array().into_iter().flatten() {
        let time = |key: &str| timestamp(segment[key].as_f64().unwrap_or_default());
        let text = segment["text"].as_str().unwrap_or_default().trim();
        captions.extend(["\n", &time("start"), " --> ", &time("end"), "\n", text, "\n"]);
    }
    captions
}

fn timestamp(seconds: f64) -> String {
    let ms = (seconds * 1000.0).round() as u64;
    format!("{:02}:{:02}:{:02}.{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000)
}

/// A form with a file (`multipart/form-data`).
struct Form {
    boundary: String,
    body: Vec<u8>,
}

impl Default for Form {
    fn default() -> Self {
        Self { boundary: crate::random::name(), body: Vec::new() }
    }
}

impl Form {
    fn field(&mut self, name: &str, value: &str) {
        let head = format!("--{}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n", self.boundary);
        self.body.extend_from_slice(head.as_bytes());
        self.body.extend_from_slice(value.as_bytes());
        self.body.extend_from_slice(b"\r\n");
    }

    fn file(&mut self, name: &str, content_type: &str, bytes: &[u8]) {
        // The type is the Worker's: nothing in it may end the line.
        let content_type: String = content_type.chars().filter(|character| !character.is_control()).collect();
        let head = format!(
            "--{}\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"audio\"\r\ncontent-type: {content_type}\r\n\r\n",
            self.boundary
        );
        self.body.extend_from_slice(head.as_bytes());
        self.body.extend_from_slice(bytes);
        self.body.extend_from_slice(b"\r\n");
    }

    fn finish(mut self) -> (String, Bytes) {
        self.body.extend_from_slice(format!("--{}--\r\n", self.boundary).as_bytes());
        (format!("multipart/form-data; boundary={}", self.boundary), self.body.into())
    }
}

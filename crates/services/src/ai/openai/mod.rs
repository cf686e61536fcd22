//! Servers that speak as OpenAI's does: llama-server, Ollama, vLLM, OpenAI's own. Each task's inputs become one of their
//! requests, and the answer becomes what the task gives on Cloudflare.

mod chat;
mod media;
mod responses;
mod stream;
mod vectors;

use bytes::Bytes;
use serde_json::Value;

use super::calls::{Reply, gather, read_body};
use super::error::json_bytes;
use super::inputs::Inputs;
use super::ranges;
use super::sender::{Sender, Use};
use super::{AiError, Endpoint, HttpResponse, Task};

/// Has the model at the endpoint run.
pub(super) async fn run(
    sender: &Sender<'_>,
    endpoint: &Endpoint,
    model: &str,
    task: Task,
    inputs: &Inputs,
) -> Result<Reply, AiError> {
    ranges::check(task, inputs)?;
    let server = Server { sender, endpoint, model: endpoint.model.as_deref().unwrap_or(model) };
    match task {
        Task::TextGeneration | Task::Chat => chat::generate(&server, task, inputs).await,
        Task::Summarization => chat::summarize(&server, inputs).await,
        Task::Translation => chat::translate(&server, inputs).await,
        Task::IndicTranslation => chat::translate_all(&server, inputs).await,
        Task::ImageToText => chat::describe_image(&server, inputs).await,
        Task::Embeddings => vectors::embed(&server, inputs).await,
        Task::Reranking => vectors::rerank(&server, inputs).await,
        Task::TextToImage | Task::TextToImageBase64 => media::draw(&server, task, inputs).await,
        Task::SpeechRecognition | Task::SpeechRecognitionTurbo | Task::SpeechRecognitionDeepgram => {
            media::transcribe(&server, task, inputs).await
        }
        Task::TextToSpeech | Task::TextToSpeechStream => media::speak(&server, task, inputs).await,
        Task::TextClassification | Task::ImageClassification | Task::ObjectDetection => {
            let (task, wanted) = (task.name(), "`folder = \"...\"`, a folder with `model.onnx`");
            Err(AiError::schema(format!(
                "servers that speak as OpenAI's does cannot do {task}; give the model {wanted} in hognose.toml"
            )))
        }
    }
}

/// A model on a server.
struct Server<'a> {
    sender: &'a Sender<'a>,
    endpoint: &'a Endpoint,
    model: &'a str,
}

impl Server<'_> {
    /// Asks with JSON; gives the answer where the server is content.
    async fn post(&self, path: &str, body: &Value, used: Use) -> Result<HttpResponse, AiError> {
        self.post_bytes(path, ("application/json".to_owned(), json_bytes(body)), used).await
    }

    async fn post_bytes(
        &self,
        path: &str,
        content: (String, Bytes),
        used: Use,
    ) -> Result<HttpResponse, AiError> {
        let url = format!("{}/{path}", self.endpoint.url.trim_end_matches('/'));
        let response = self.sender.send(self.endpoint, url, content, used).await?;
        if (200..300).contains(&response.status) { Ok(response) } else { Err(failure(response).await) }
    }

    /// The same, where the answer is JSON.
    async fn ask(&self, path: &str, body: &Value) -> Result<Value, AiError> {
        read_json(self.post(path, body, Use::Whole).await?).await
    }
}

async fn read_json(response: HttpResponse) -> Result<Value, AiError> {
    let bytes = read_body(response.body).await?;
    let unread = |error| AiError::engine(502, format!("The server's answer is not JSON: {error}"));
    serde_json::from_slice(&bytes).map_err(unread)
}

/// The longest answer of a server that is not content, in bytes: of a longer one only the status counts.
const FAILURE_MAX_BYTES: usize = 64 << 10;
/// How much of it is told where it is not JSON, in characters.
const SAID_MAX: usize = 1000;

/// What a server said that is not content.
async fn failure(response: HttpResponse) -> AiError {
    let status = response.status;
    let bytes = gather(response.body, FAILURE_MAX_BYTES).await.ok().flatten().unwrap_or_default();
    let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let said = value["error"]["message"].as_str().or(value["error"].as_str()).or(value["message"].as_str());
    let text = || String::from_utf8_lossy(&bytes).trim().chars().take(SAID_MAX).collect();
    let said = said.map_or_else(text, str::to_owned);
    let said = if said.is_empty() { format!("The server answered with status {status}") } else { said };
    match status {
        429 | 502..=504 => AiError::unavailable(said),
        408 => AiError::timeout(said),
        status => AiError::engine(status, said),
    }
}

/// An answer that lacks something.
fn lacking(what: &str) -> AiError {
    AiError::engine(502, format!("The server's answer has no `{what}`"))
}

//! Workers AI: models by Cloudflare's names, answered by engines that the user owns.
//!
//! [`AiService`] reads the calls and finds the model in the [`Models`] table. Behind a model stands an engine: a server
//! that speaks as OpenAI's does (`openai`, which brings inputs and outputs into the shapes of each [`Task`]),
//! Cloudflare's own REST interface (`cloudflare`, which changes nothing), or a model folder on this machine
//! ([`Local`]). A model that the table lacks is an error that says what to add, never another model.

mod batches;
mod calls;
mod cloudflare;
mod error;
mod http;
mod inputs;
mod local;
mod markdown;
mod openai;
mod ranges;
mod sender;
mod tasks;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

pub use batches::{BATCH_REQUESTS_MAX, BATCHES_MAX};
pub use calls::AiService;
pub use error::AiError;
pub use http::{Http, HttpError, HttpRequest, HttpResponse};
pub use local::{Local, LocalError};
pub use markdown::DOCUMENTS_MAX;
pub use tasks::Task;

/// The largest inputs of one call, in bytes: JSON, or a file.
pub const INPUTS_MAX_BYTES: usize = 64 << 20;
/// The largest answer that is not a stream, in bytes.
pub const ANSWER_MAX_BYTES: usize = 64 << 20;
/// The most texts in one call of an embedding model.
pub const TEXTS_MAX: usize = 100;
/// How long an engine may take for its first byte, and for each next, where the table does not say.
pub const TIMEOUT: Duration = Duration::from_mins(2);
/// How often a call that an engine could not take is made again, where the table does not say.
pub const RETRIES: u32 = 2;

/// The models that there are.
#[derive(Clone, Debug, Default)]
pub struct Models {
    /// By their names.
    pub by_name: BTreeMap<String, Model>,
    /// Where all others are, if anywhere.
    pub others: Option<Model>,
}

/// A model, and where it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// What answers.
    pub engine: Engine,
    /// What it does; by default its name says.
    pub task: Option<Task>,
    /// How long the engine may take for its first byte, and for each next.
    pub timeout: Duration,
    /// How often a call is made again that the engine could not take.
    pub retries: u32,
}

/// What answers for a model.
#[derive(Clone, Debug, PartialEq)]
pub enum Engine {
    /// A server that speaks as OpenAI's does.
    OpenAi(Endpoint),
    /// Cloudflare's REST interface, or what speaks it.
    Cloudflare(Endpoint),
    /// A folder with `model.onnx`.
    Local(PathBuf),
}

/// A server.
#[derive(Clone, PartialEq)]
pub struct Endpoint {
    /// Up to the part that says what is asked: `https://api.openai.com/v1`, `https://.../ai/run`.
    pub url: String,
    /// What the server calls the model; by default as Cloudflare does.
    pub model: Option<String>,
    /// What opens the server.
    pub key: Option<String>,
}

impl std::fmt::Debug for Endpoint {
    /// The key stays out of logs.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Endpoint({} at {})", self.model.as_deref().unwrap_or("any model"), self.url)
    }
}

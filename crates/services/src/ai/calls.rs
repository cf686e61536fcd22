//! The calls a cell makes on Workers AI: from `hognose_wire::ai`'s vocabulary to a model's engine and back.

use std::sync::Arc;

use bytes::Bytes;
use hognose_wire::ai as wire;
use serde_json::{Value, json};

use super::batches::Batches;
use super::error::json_bytes;
use super::inputs::Inputs;
use super::markdown::Document;
use super::sender::Sender;
use super::{
    ANSWER_MAX_BYTES, AiError, DOCUMENTS_MAX, Engine, Http, INPUTS_MAX_BYTES, Local, Model, Models, Task,
    cloudflare, openai,
};
use crate::content::read_at_most;
use crate::{Answer, Call, CallError, Content, Failure, Pending, Service};

/// Workers AI as a binding.
pub struct AiService {
    shared: Arc<Shared>,
}

/// What all calls have in common.
pub(super) struct Shared {
    pub(super) models: Models,
    http: Arc<dyn Http>,
    pub(super) local: Arc<dyn Local>,
    pub(super) batches: Batches,
}

impl AiService {
    /// Serves `models`, on servers by `http` and in folders by `local`.
    pub fn new(models: Models, http: Arc<dyn Http>, local: Arc<dyn Local>) -> Self {
        Self { shared: Arc::new(Shared { models, http, local, batches: Batches::default() }) }
    }

    fn run(&self, mut call: Call<'_>) -> Result<Pending<Result<Answer, CallError>>, CallError> {
        let params: wire::Run<'_> = call.read_params()?;
        let [body] = std::mem::take(&mut call.bodies)
            .try_into()
            .map_err(|_| CallError::violation("`run` takes exactly one body"))?;
        let request = Request {
            model: params.model.to_owned(),
            options: serde_json::from_str(params.options).unwrap_or_default(),
            stream: params.stream.map(|stream| {
                (stream.key.to_owned(), stream.content_type.to_owned(), stream.others.to_owned())
            }),
        };
        let shared = Arc::clone(&self.shared);
        Ok(Pending::later(async move {
            let replied = shared.run(request, body).await;
            Ok(replied.unwrap_or_else(|error| error.reply()).answer())
        }))
    }

    fn to_markdown(&self, mut call: Call<'_>) -> Result<Pending<Result<Answer, CallError>>, CallError> {
        let params: wire::ToMarkdown<'_> = call.read_params()?;
        let [body] = std::mem::take(&mut call.bodies)
            .try_into()
            .map_err(|_| CallError::violation("`toMarkdown` takes exactly one body"))?;
        if params.documents.len() > DOCUMENTS_MAX {
            return Err(CallError::violation("`toMarkdown` with too many documents"));
        }
        let heads: Vec<_> = params
            .documents
            .iter()
            .map(|document| {
                (document.name.to_owned(), document.mime_type.to_owned(), document.length as usize)
            })
            .collect();
        let options = serde_json::from_str(params.options).unwrap_or_default();
        let shared = Arc::clone(&self.shared);
        Ok(Pending::later(async move {
            let read = gather(body, INPUTS_MAX_BYTES).await.map_err(|error| failed(&error))?;
            let mut rest = read.ok_or_else(|| failed(&AiError::too_large(INPUTS_MAX_BYTES)))?;
            let take = |(name, mime_type, length): (String, String, usize)| {
                let bytes = rest.split_to(length.min(rest.len()));
                Document { name, mime_type, bytes }
            };
            let documents = heads.into_iter().map(take).collect();
            Ok(Answer::of(&shared.to_markdown(documents, options).await.to_string()))
        }))
    }

    fn models(&self, call: &Call<'_>) -> Result<Pending<Result<Answer, CallError>>, CallError> {
        let search: &str = call.read_params()?;
        let search: Value = serde_json::from_str(search).unwrap_or_default();
        Ok(Pending::Ready(Ok(Answer::of(&catalogue(&self.shared.models, &search).to_string()))))
    }
}

impl Service for AiService {
    fn call(&self, call: Call<'_>) -> Pending<Result<Answer, CallError>> {
        let begun = match call.method {
            "run" => self.run(call),
            "models" => self.models(&call),
            "toMarkdown" => self.to_markdown(call),
            unknown => Err(CallError::unknown_method("Workers AI", unknown)),
        };
        begun.unwrap_or_else(|error| Pending::Ready(Err(error)))
    }
}

/// What is to be run.
pub(super) struct Request {
    pub(super) model: String,
    pub(super) options: Value,
    /// The input that comes as bytes: its name, its type, and JSON of the others.
    pub(super) stream: Option<(String, String, String)>,
}

/// A failure of a call that gives no response.
fn failed(error: &AiError) -> CallError {
    let message = error.to_string();
    CallError::Failed(Failure { name: "AiInternalError".into(), message, retryable: false, cause: None })
}

impl Shared {
    /// Runs a model, or deals with a batch.
    pub(super) async fn run(&self, request: Request, body: Content) -> Result<Reply, AiError> {
        let queues = request.options["queueRequest"] == true;
        let may_poll = body.length().is_none_or(|length| length <= POLL_MAX_BYTES);
        if request.stream.is_some() || !(queues || may_poll) {
            return self.run_inputs(request, body).await;
        }
        let bytes = gather(body, INPUTS_MAX_BYTES).await?.ok_or(AiError::too_large(INPUTS_MAX_BYTES))?;
        if queues {
            self.model(&request.model)?;
            return self.queue(&request.model, &Inputs::parse(&bytes)?.into_value());
        }
        match batch_of(&bytes) {
            Some(id) => self.collect(&request.model, &id).await,
            None => self.run_inputs(request, Content::Whole(bytes)).await,
        }
    }

    fn model(&self, name: &str) -> Result<&Model, AiError> {
        let known = self.models.by_name.get(name).or(self.models.others.as_ref());
        known.ok_or_else(|| AiError::unmapped(name))
    }

    /// Runs a model.
    pub(super) async fn run_inputs(&self, request: Request, body: Content) -> Result<Reply, AiError> {
        let Request { model: name, options, stream } = request;
        let model = self.model(&name)?;
        let bytes = gather(body, INPUTS_MAX_BYTES).await?.ok_or(AiError::too_large(INPUTS_MAX_BYTES))?;
        let inputs = match stream {
            None => Inputs::parse(&bytes)?,
            Some((key, content_type, others)) => {
                Inputs::parse(others.as_bytes())?.with_bytes(key, content_type, bytes)
            }
        };
        let task = model.task.unwrap_or_else(|| Task::of_model(&name));
        let sender = Sender::new(&*self.http, model, &options);
        match &model.engine {
            Engine::OpenAi(endpoint) => openai::run(&sender, endpoint, &name, task, &inputs).await,
            Engine::Cloudflare(endpoint) => cloudflare::run(&sender, endpoint, &name, inputs).await,
            Engine::Local(folder) => {
                let inputs = inputs.into_value();
                let output = self.local.run(folder.clone(), task, inputs, model.timeout).wait().await?;
                Ok(Reply::json(&output))
            }
        }
    }
}

/// The longest inputs that may only ask for the answers of a batch, in bytes.
const POLL_MAX_BYTES: u64 = 1024;

/// The number of a batch, where the inputs are nothing else.
fn batch_of(inputs: &[u8]) -> Option<String> {
    let inputs = serde_json::from_slice::<serde_json::Map<String, Value>>(inputs).ok()?;
    let id = inputs.get("request_id")?.as_str()?.to_owned();
    (inputs.len() == 1).then_some(id)
}

/// What the Worker gets: a response.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) body: Content,
}

impl Reply {
    pub(super) fn json(value: &Value) -> Self {
        let body = Content::Whole(json_bytes(value));
        Self { status: 200, content_type: "application/json".to_owned(), body }
    }

    fn answer(self) -> Answer {
        let request_id = crate::random::name();
        let headers = vec![("content-type", self.content_type.as_str()), ("cf-ai-req-id", &request_id)];
        Answer { bodies: vec![self.body], ..Answer::of(&wire::Response { status: self.status, headers }) }
    }
}

/// An engine's answer, whole.
pub(super) async fn read_body(body: Content) -> Result<Bytes, AiError> {
    let too_long =
        || AiError::engine(502, format!("The server's answer has more than {ANSWER_MAX_BYTES} bytes"));
    gather(body, ANSWER_MAX_BYTES).await?.ok_or_else(too_long)
}

/// All bytes, unless they are too many.
pub(super) async fn gather(content: Content, limit: usize) -> Result<Option<Bytes>, AiError> {
    read_at_most(content, limit).await.map_err(AiError::broken_off)
}

/// The models of the table that a search asks for, as Cloudflare's catalogue shows them.
fn catalogue(models: &Models, search: &Value) -> Value {
    let wanted = |key: &str| search[key].as_str().map(str::to_lowercase);
    let (text, task_name, author) = (wanted("search"), wanted("task"), wanted("author"));
    let shown = models.by_name.iter().filter_map(|(name, model)| {
        let task = model.task.unwrap_or_else(|| Task::of_model(name)).name();
        let title = task.replace('-', " ");
        let fits =
            |wanted: &Option<String>, given: &str| wanted.as_ref().is_none_or(|part| given.contains(part));
        let lower = name.to_lowercase();
        let by_task = task_name.as_ref().is_none_or(|wanted| *wanted == title || *wanted == task);
        (fits(&text, &lower) && fits(&author, &lower) && by_task).then(|| {
            json!({
                "id": name, "source": 1, "name": name, "description": "", "tags": [], "properties": [],
                "task": { "id": task, "name": title, "description": "" },
            })
        })
    });
    let per_page = search["per_page"].as_u64().unwrap_or(u64::MAX).max(1) as usize;
    let page = search["page"].as_u64().unwrap_or(1).max(1) as usize;
    shown.skip((page - 1).saturating_mul(per_page)).take(per_page).collect()
}

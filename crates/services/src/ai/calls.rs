//! The calls a cell makes on Workers AI: from `hognose_wire::ai`'s vocabulary to a model's engine and back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hognose_wire::ai as wire;
use serde_json::{Value, json};

use super::error::json_bytes;
use super::inputs::Inputs;
use super::{
    ANSWER_MAX_BYTES, AiError, Endpoint, Engine, Http, HttpError, HttpRequest, HttpResponse,
    INPUTS_MAX_BYTES, Local, Model, Models, Task, cloudflare, openai,
};
use crate::content::read_at_most;
use crate::{Answer, Call, CallError, Content, Pending, Service};

/// Workers AI as a binding.
pub struct AiService {
    shared: Arc<Shared>,
}

struct Shared {
    models: Models,
    http: Arc<dyn Http>,
    local: Arc<dyn Local>,
}

impl AiService {
    /// Serves `models`, on servers by `http` and in folders by `local`.
    pub fn new(models: Models, http: Arc<dyn Http>, local: Arc<dyn Local>) -> Self {
        Self { shared: Arc::new(Shared { models, http, local }) }
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
            unknown => Err(CallError::unknown_method("Workers AI", unknown)),
        };
        begun.unwrap_or_else(|error| Pending::Ready(Err(error)))
    }
}

/// What is to be run.
struct Request {
    model: String,
    options: Value,
    stream: Option<(String, String, String)>,
}

impl Shared {
    async fn run(&self, request: Request, body: Content) -> Result<Reply, AiError> {
        let Request { model: name, options, stream } = request;
        let known = self.models.by_name.get(&name).or(self.models.others.as_ref());
        let model = known.ok_or_else(|| AiError::unmapped(&name))?;
        let bytes = gather(body, INPUTS_MAX_BYTES).await?.ok_or(AiError::too_large(INPUTS_MAX_BYTES))?;
        let inputs = match stream {
            None => Inputs::parse(&bytes)?,
            Some((key, content_type, others)) => {
                Inputs::parse(others.as_bytes())?.with_bytes(key, content_type, bytes)
            }
        };
        let task = model.task.unwrap_or_else(|| Task::of_model(&name));
        let sender = Sender { http: &*self.http, retry: Retry::new(model, &options) };
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

/// How often, and after which pauses, a request is sent again that the server could not take.
struct Retry {
    attempts: u32,
    delay: Duration,
    backoff: Backoff,
    timeout: Duration,
}

#[derive(Clone, Copy)]
enum Backoff {
    Constant,
    Linear,
    Exponential,
}

impl Retry {
    /// The table's rules, unless the call's gateway options have their own.
    fn new(model: &Model, options: &Value) -> Self {
        let gateway = &options["gateway"];
        let number = |value: &Value| value.as_u64();
        let attempts = number(&gateway["retries"]["maxAttempts"]).map(|most| most.clamp(1, 5) as u32);
        Self {
            attempts: attempts.unwrap_or(1 + model.retries),
            delay: Duration::from_millis(
                number(&gateway["retries"]["retryDelayMs"]).unwrap_or(100).min(5000),
            ),
            backoff: match gateway["retries"]["backoff"].as_str() {
                Some("constant") => Backoff::Constant,
                Some("linear") => Backoff::Linear,
                _ => Backoff::Exponential,
            },
            timeout: number(&gateway["requestTimeoutMs"]).map_or(model.timeout, Duration::from_millis),
        }
    }

    /// How long to wait after the attempt of that number.
    fn pause(&self, attempt: u32) -> Duration {
        match self.backoff {
            Backoff::Constant => self.delay,
            Backoff::Linear => self.delay * attempt,
            Backoff::Exponential => self.delay * 2_u32.pow(attempt - 1),
        }
    }
}

/// Sends requests to engines.
pub(super) struct Sender<'a> {
    http: &'a dyn Http,
    retry: Retry,
}

impl Sender<'_> {
    /// The server's answer, whatever its status.
    pub(super) async fn send(
        &self,
        endpoint: &Endpoint,
        url: String,
        content_type: String,
        body: Bytes,
    ) -> Result<HttpResponse, AiError> {
        let mut headers = vec![("content-type".to_owned(), content_type)];
        if let Some(key) = &endpoint.key {
            headers.push(("authorization".to_owned(), format!("Bearer {key}")));
        }
        let request = HttpRequest { url, headers, body, timeout: self.retry.timeout };
        let mut attempt = 1;
        loop {
            let result = self.http.send(request.clone()).wait().await;
            let again = match &result {
                Ok(response) => matches!(response.status, 429 | 502 | 503 | 504),
                Err(HttpError::Unreachable(_)) => true,
                Err(HttpError::Timeout(_)) => false,
            };
            if !again || attempt >= self.retry.attempts {
                return result.map_err(|error| unanswered(&endpoint.url, &error));
            }
            self.http.pause(self.retry.pause(attempt)).wait().await;
            attempt += 1;
        }
    }
}

fn unanswered(url: &str, error: &HttpError) -> AiError {
    match error {
        HttpError::Unreachable(why) => {
            AiError::unavailable(format!("The server at {url} cannot be reached: {why}"))
        }
        HttpError::Timeout(_) => AiError::timeout(format!("The server at {url} took too long: {error}")),
    }
}

/// An engine's answer, whole.
pub(super) async fn read_body(body: Content) -> Result<Bytes, AiError> {
    let too_long =
        || AiError::engine(502, format!("The server's answer has more than {ANSWER_MAX_BYTES} bytes"));
    gather(body, ANSWER_MAX_BYTES).await?.ok_or_else(too_long)
}

/// All bytes, unless they are too many.
async fn gather(content: Content, limit: usize) -> Result<Option<Bytes>, AiError> {
    read_at_most(content, limit).await.map_err(|error| AiError::engine(502, error.message))
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

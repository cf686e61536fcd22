//! Batches (`queueRequest`): many inputs for one model under one number, whose answers are asked for later.
//!
//! There is no queue that works by itself: a batch runs when its answers are first asked for, and that call waits for them.
//! Others that ask meanwhile hear that it is running. Batches are kept in memory, and the oldest goes first.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::AiError;
use super::calls::{Reply, Request, Shared, read_body};
use crate::Content;

/// The most requests of one batch.
pub const BATCH_REQUESTS_MAX: usize = 100;
/// The most batches that are kept.
pub const BATCHES_MAX: usize = 64;

/// The batches that are kept, the oldest first.
#[derive(Default)]
pub(super) struct Batches(Mutex<VecDeque<Batch>>);

struct Batch {
    id: String,
    model: String,
    state: State,
}

enum State {
    /// With what its answers will be to.
    Queued(Vec<Value>),
    Running,
    Done(Value),
}

impl Batches {
    /// Keeps the requests, and gives the number under which their answers are to be had.
    fn add(&self, model: &str, requests: &Value) -> Result<String, AiError> {
        let requests = requests.as_array().filter(|requests| !requests.is_empty()).cloned();
        let requests =
            requests.ok_or_else(|| AiError::schema("required properties at '/' are 'requests'"))?;
        if requests.len() > BATCH_REQUESTS_MAX {
            return Err(AiError::schema(format!("must NOT have more than {BATCH_REQUESTS_MAX} items")));
        }
        let id = crate::random::name();
        let mut batches = self.lock();
        if batches.len() == BATCHES_MAX {
            batches.pop_front();
        }
        batches.push_back(Batch { id: id.clone(), model: model.to_owned(), state: State::Queued(requests) });
        Ok(id)
    }

    /// The batch's requests, which are then running; or else where it stands.
    fn begin(&self, model: &str, id: &str) -> Result<Vec<Value>, Result<Value, AiError>> {
        let mut batches = self.lock();
        let batch = batches.iter_mut().find(|batch| batch.id == id && batch.model == model);
        let Some(batch) = batch else {
            return Err(Err(AiError::schema(format!("there is no batch {id} of {model}"))));
        };
        match std::mem::replace(&mut batch.state, State::Running) {
            State::Queued(requests) => Ok(requests),
            State::Running => Err(Ok(json!({ "status": "running" }))),
            State::Done(answer) => {
                batch.state = State::Done(answer.clone());
                Err(Ok(answer))
            }
        }
    }

    fn set(&self, id: &str, state: State) {
        if let Some(batch) = self.lock().iter_mut().find(|batch| batch.id == id) {
            batch.state = state;
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Batch>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A batch that runs. It is queued again where nobody waits for it any more.
struct Turn<'a> {
    batches: &'a Batches,
    id: &'a str,
    requests: Option<Vec<Value>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(requests) = self.requests.take() {
            self.batches.set(self.id, State::Queued(requests));
        }
    }
}

impl Shared {
    /// Queues the requests of the inputs.
    pub(super) fn queue(&self, model: &str, inputs: &Value) -> Result<Reply, AiError> {
        let id = self.batches.add(model, &inputs["requests"])?;
        Ok(Reply::json(&json!({ "status": "queued", "request_id": id, "model": model })))
    }

    /// The answers of a batch, which are made now where they are not there.
    pub(super) async fn collect(&self, model: &str, id: &str) -> Result<Reply, AiError> {
        let requests = match self.batches.begin(model, id) {
            Ok(requests) => requests,
            Err(known) => return known.map(|answer| Reply::json(&answer)),
        };
        let mut turn = Turn { batches: &self.batches, id, requests: Some(requests.clone()) };
        let mut responses = Vec::new();
        for (number, request) in requests.iter().enumerate() {
            let mut response = json!({ "id": number, "success": true });
            match self.run_one(model, request).await {
                Ok(result) => response["result"] = result,
                Err(error) => {
                    response["success"] = Value::Bool(false);
                    response["error"] = json!({ "code": error.code, "message": error.description });
                }
            }
            if let Some(reference) = request.get("external_reference") {
                response["external_reference"] = reference.clone();
            }
            responses.push(response);
        }
        turn.requests = None;
        let answer = json!({ "responses": responses });
        self.batches.set(id, State::Done(answer.clone()));
        Ok(Reply::json(&answer))
    }

    async fn run_one(&self, model: &str, inputs: &Value) -> Result<Value, AiError> {
        let request = Request { model: model.to_owned(), options: Value::Null, stream: None };
        // In a box, for what runs a batch is run itself by what runs a request.
        let reply = Box::pin(self.run_inputs(request, Content::Whole(inputs.to_string().into()))).await?;
        if reply.content_type != "application/json" {
            return Err(AiError::schema("a batch cannot hold requests whose answers are streams or files"));
        }
        let bytes = read_body(reply.body).await?;
        let unreadable = |error| AiError::engine(502, format!("The model's answer is not JSON: {error}"));
        serde_json::from_slice(&bytes).map_err(unreadable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_a_limit_and_so_has_their_number() {
        let batches = Batches::default();
        let of = |count: usize| Value::Array(vec![json!({}); count]);
        assert_eq!(batches.add("m", &of(0)).unwrap_err().code, 5006);
        assert_eq!(batches.add("m", &of(BATCH_REQUESTS_MAX + 1)).unwrap_err().code, 5006);
        let first = batches.add("m", &of(BATCH_REQUESTS_MAX)).unwrap();
        assert!(batches.begin("other", &first).is_err());
        for _ in 1..BATCHES_MAX {
            batches.add("m", &of(1)).unwrap();
        }
        assert!(batches.begin("m", &first).is_ok());
        assert_eq!(batches.begin("m", &first).unwrap_err().unwrap()["status"], "running");
        batches.add("m", &of(1)).unwrap();
        assert!(batches.begin("m", &first).unwrap_err().is_err(), "the oldest has gone");
    }
}

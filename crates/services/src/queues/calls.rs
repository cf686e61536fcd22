//! The calls a producer makes on a queue: from `hognose_wire::queues`' vocabulary to an engine and back.

use std::sync::Arc;

use hognose_wire::queues as wire;

use super::{Queue, QueueError, limits};
use crate::{Answer, Call, CallError, Content, Pending, Service, next_chunk};

/// A queue as a producer's binding.
pub struct QueueService {
    queue: Arc<dyn Queue>,
    delivery_delay_s: Option<i64>,
}

type Reply = Pending<Result<Answer, CallError>>;

impl QueueService {
    /// Serves `queue`; messages without a delay of their own are held back for `delivery_delay_s` seconds, or as long as
    /// the queue says.
    pub fn new(queue: Arc<dyn Queue>, delivery_delay_s: Option<i64>) -> Self {
        Self { queue, delivery_delay_s }
    }

    fn send(&self, mut call: Call<'_>) -> Result<Reply, CallError> {
        let params: wire::Send = call.read_params()?;
        let [body] = std::mem::take(&mut call.bodies)
            .try_into()
            .map_err(|_| CallError::violation("`send` takes exactly one body"))?;
        let delay_s = match params.delay_s.or(self.delivery_delay_s) {
            Some(delay_s) => delay_s,
            None => self.queue.delivery_delay_s()?,
        };
        let queue = Arc::clone(&self.queue);
        Ok(Pending::later(async move {
            let messages = read_messages(body).await?;
            let messages = limits::checked(messages, params.is_batch, delay_s)?;
            Ok(Answer::of(&queue.send(messages).wait().await?))
        }))
    }

    fn metrics(&self, call: &Call<'_>) -> Result<Reply, CallError> {
        call.read_params::<wire::ReadMetrics>()?;
        Ok(Pending::Ready(Ok(Answer::of(&self.queue.metrics()?))))
    }
}

impl Service for QueueService {
    fn call(&self, call: Call<'_>) -> Reply {
        let begun = match call.method {
            "send" => self.send(call),
            "metrics" => self.metrics(&call),
            unknown => Err(CallError::unknown_method("a queue", unknown)),
        };
        begun.unwrap_or_else(|error| Pending::Ready(Err(error)))
    }
}

async fn read_messages(body: Content) -> Result<Vec<wire::NewMessage>, CallError> {
    let (mut stream, mut bytes) = (body.into_stream(), Vec::new());
    while let Some(chunk) = next_chunk(&mut *stream).await.map_err(|_| QueueError::Incomplete)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > limits::CALL_MAX_BYTES {
            let text = format!("batch size of {} bytes exceeds limit of 256000", bytes.len());
            return Err(QueueError::Refused(text).into());
        }
    }
    postcard::from_bytes(&bytes)
        .map_err(|error| CallError::violation(format!("`send` with malformed messages: {error}")))
}

//! The consumer of a queue: when there is a batch to deliver, which, and what becomes of it. Who delivers is the
//! supervisor; the handler's decisions come as a call on the consumer's capability.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hognose_wire::queues as wire;

use super::{Batch, Disposition, Queue, QueueError, RetryRules, Settled, limits, verdicts};
use crate::{Answer, Call, CallError, Clock, Pending, Service};

/// How a consumer wants its messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerRules {
    /// The most messages of a batch.
    pub batch_size_max: usize,
    /// How long messages that are fewer wait for others, in milliseconds.
    pub batch_timeout_ms: i64,
    /// The most batches at a time.
    pub concurrency_max: usize,
    /// What becomes of messages that were delivered in vain.
    pub retries: RetryRules,
}

/// See the module.
pub struct QueueConsumer {
    queue: Arc<dyn Queue>,
    rules: ConsumerRules,
    clock: Arc<dyn Clock>,
    deliveries: Mutex<Deliveries>,
}

#[derive(Default)]
struct Deliveries {
    last: u64,
    /// Those under way, with what was decided so far.
    open: HashMap<u64, Option<Disposition>>,
}

/// Whether there is a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// There is.
    Ready,
    /// Not before so many milliseconds have passed, unless messages come; `None`: not before messages come.
    NotBefore(Option<i64>),
}

/// A batch that is leased.
pub struct Leased {
    /// Counts the consumer's deliveries.
    pub number: u64,
    /// The messages.
    pub batch: Batch,
}

impl QueueConsumer {
    /// A consumer of `queue`.
    pub fn new(queue: Arc<dyn Queue>, rules: ConsumerRules, clock: Arc<dyn Clock>) -> Self {
        Self { queue, rules, clock, deliveries: Mutex::default() }
    }

    /// The queue.
    pub fn queue(&self) -> &dyn Queue {
        &*self.queue
    }

    /// Its rules.
    pub fn rules(&self) -> &ConsumerRules {
        &self.rules
    }

    /// Whether there is a batch: as many messages as one may hold, or one that has waited long enough for others.
    pub fn look(&self) -> Result<Look, QueueError> {
        let readiness = self.queue.readiness(self.rules.batch_size_max)?;
        let now_ms = self.clock.now_ms();
        let waits_until_ms = readiness.since_ms.map(|since_ms| since_ms + self.rules.batch_timeout_ms);
        if readiness.count >= self.rules.batch_size_max || waits_until_ms.is_some_and(|until| until <= now_ms)
        {
            return Ok(Look::Ready);
        }
        let next_ms = [waits_until_ms, readiness.next_ms].into_iter().flatten().min();
        Ok(Look::NotBefore(next_ms.map(|next_ms| (next_ms - now_ms).max(0))))
    }

    /// Takes a batch; `None` where somebody else was faster.
    pub async fn lease(&self) -> Result<Option<Leased>, QueueError> {
        let batch = self.queue.lease(self.rules.batch_size_max, limits::HANDLER_MAX_MS).wait().await?;
        if batch.messages.is_empty() {
            return Ok(None);
        }
        let mut deliveries = self.deliveries();
        deliveries.last += 1;
        let number = deliveries.last;
        deliveries.open.insert(number, None);
        Ok(Some(Leased { number, batch }))
    }

    /// Ends a delivery by what the handler has decided; where it has not, it never came to its end.
    pub async fn settle(&self, leased: Leased) -> Result<Settled, QueueError> {
        let decided = self.deliveries().open.remove(&leased.number).flatten();
        let disposition = decided.unwrap_or(Disposition { failed: true, ..Disposition::default() });
        let verdicts = verdicts(&disposition, leased.batch.messages);
        self.queue.settle(verdicts, self.rules.retries.clone()).wait().await
    }

    fn deliveries(&self) -> MutexGuard<'_, Deliveries> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn decide(&self, call: &Call<'_>) -> Result<Answer, CallError> {
        let wire::Settle { number, disposition } = call.read_params()?;
        match self.deliveries().open.get_mut(&number) {
            Some(decided @ None) => *decided = Some(disposition),
            _ => return Err(CallError::violation("`settle` of a delivery that is not open")),
        }
        Ok(Answer::default())
    }
}

impl Service for QueueConsumer {
    fn call(&self, call: Call<'_>) -> Pending<Result<Answer, CallError>> {
        Pending::Ready(match call.method {
            "settle" => self.decide(&call),
            unknown => Err(CallError::unknown_method("a queue's consumer", unknown)),
        })
    }
}

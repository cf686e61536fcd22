//! Consumers that fetch their messages themselves, over HTTP: who pulls gets leases, and says later which messages are
//! done. A message whose lease runs out unheard can be pulled again.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Batch, ContentType, Delivered, Queue, QueueError, RetryRules, Verdict};

/// How many messages are pulled where nobody says.
pub const BATCH_DEFAULT: usize = 5;
/// The most messages of one pull.
pub const BATCH_MAX: usize = 100;
/// The longest lease, in milliseconds: twelve hours.
pub const VISIBILITY_MAX_MS: i64 = 12 * 3_600_000;

/// See the module.
pub struct PullConsumer {
    queue: Arc<dyn Queue>,
    retries: RetryRules,
    visibility_timeout_ms: i64,
}

/// A right to say what becomes of a message. As text it is what clients hold; they may hold on to it after it has run
/// out, as long as nobody else has pulled the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    id: String,
    attempts: u32,
}

impl Lease {
    /// The lease of a message that was pulled.
    pub fn of(message: &Delivered) -> Self {
        Self { id: message.id.clone(), attempts: message.attempts }
    }

    /// Reads a lease; `None` for what is none.
    pub fn parse(text: &str) -> Option<Self> {
        let decoded = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (attempts, id) = decoded.split_once(':')?;
        Some(Self { id: id.to_owned(), attempts: attempts.parse().ok()? })
    }

    /// As clients hold it.
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}:{}", self.attempts, self.id))
    }

    /// What is settled: only id and count tell which delivery it is.
    fn delivered(self) -> Delivered {
        let Self { id, attempts } = self;
        Delivered { id, attempts, timestamp_ms: 0, content_type: ContentType::Bytes, body: Vec::new() }
    }
}

impl PullConsumer {
    /// A consumer whose leases last for `visibility_timeout_ms` milliseconds where nobody says otherwise.
    pub fn new(queue: Arc<dyn Queue>, retries: RetryRules, visibility_timeout_ms: i64) -> Self {
        Self { queue, retries, visibility_timeout_ms }
    }

    /// Leases up to `count_max` messages, which may be none. One that was pulled in vain as often as it may be goes
    /// where such messages go.
    pub async fn pull(&self, count_max: usize, visibility_ms: Option<i64>) -> Result<Batch, QueueError> {
        let lease_ms = visibility_ms.unwrap_or(self.visibility_timeout_ms).clamp(0, VISIBILITY_MAX_MS);
        let Batch { messages, metrics } = self.queue.lease(count_max.min(BATCH_MAX), lease_ms).wait().await?;
        let deliveries_max = self.retries.retries_max + 1;
        let (spent, messages): (Vec<_>, Vec<_>) =
            messages.into_iter().partition(|message| message.attempts > deliveries_max);
        if !spent.is_empty() {
            let verdicts = spent.into_iter().map(|message| (message, Verdict::Retry(None))).collect();
            self.queue.settle(verdicts, self.retries.clone()).wait().await?;
        }
        Ok(Batch { messages, metrics })
    }

    /// Says what becomes of messages. Where somebody else has pulled one meanwhile, it is theirs to say.
    pub async fn settle(&self, verdicts: Vec<(Lease, Verdict)>) -> Result<(), QueueError> {
        let verdicts = verdicts.into_iter().map(|(lease, verdict)| (lease.delivered(), verdict)).collect();
        self.queue.settle(verdicts, self.retries.clone()).wait().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::Lease;

    #[test]
    fn leases_survive_being_text() {
        let lease = Lease { id: "a:b".to_owned(), attempts: 7 };
        assert_eq!(Lease::parse(&lease.text()), Some(lease));
        assert_eq!(Lease::parse("nonsense"), None);
    }
}

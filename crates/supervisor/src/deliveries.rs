//! Delivering the messages of queues: for each consumer of a version a task that waits for batches, and for each batch
//! one that has an isolate handle it.

use std::sync::Arc;
use std::time::Duration;

use hognose_services::queues::{Leased, Look, QueueConsumer};
use hognose_wire::queues::Delivery;
use hognose_wire::{CapId, LogLevel};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::isolate::Answer;
use crate::version::Version;

/// How often a queue is looked at into which another process may have sent.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Delivers until the version is retired. What is under way then ends by itself.
pub(crate) async fn deliver(version: Arc<Version>, cap: CapId, consumer: Arc<QueueConsumer>) {
    let places = Arc::new(Semaphore::new(consumer.rules().concurrency_max));
    while let Some(Ok(place)) =
        version.retiring().run_until_cancelled(Arc::clone(&places).acquire_owned()).await
    {
        let Some(leased) = next_batch(&version, &consumer).await else { return };
        let (handling, consumer) = (Arc::clone(&version), Arc::clone(&consumer));
        version.tasks().spawn(async move {
            handle(&handling, cap, &consumer, leased).await;
            drop(place);
        });
    }
}

/// Waits for a batch; `None` where the version is retired first. Leasing is not broken off: a batch that was leased
/// for nobody would have to wait until the lease has run out.
async fn next_batch(version: &Version, consumer: &QueueConsumer) -> Option<Leased> {
    let signal = consumer.queue().signal();
    while !version.retiring().is_cancelled() {
        let seen = signal.count();
        let next_ms = match consumer.look() {
            Ok(Look::NotBefore(next_ms)) => next_ms,
            Ok(Look::Ready) => match consumer.lease().await {
                Ok(Some(leased)) => return Some(leased),
                Ok(None) => continue,
                Err(error) => complain(version, consumer, &error.to_string()),
            },
            Err(error) => complain(version, consumer, &error.to_string()),
        };
        let next = next_ms.map_or(LOOK_INTERVAL, |ms| Duration::from_millis(ms as u64).min(LOOK_INTERVAL));
        version.retiring().run_until_cancelled(timeout(next, signal.changed(seen))).await;
    }
    None
}

/// Logs what is wrong with a queue, which is looked at again after a while.
fn complain(version: &Version, consumer: &QueueConsumer, what: &str) -> Option<i64> {
    version.log(LogLevel::Error, format!("the queue `{}`: {what}", consumer.queue().name()));
    None
}

/// Has the Worker handle a batch, and settles it.
async fn handle(version: &Arc<Version>, cap: CapId, consumer: &QueueConsumer, leased: Leased) {
    let delivery = Delivery { settle_through: cap.0, number: leased.number, batch: leased.batch.clone() };
    let bytes = postcard::to_allocvec(&delivery).expect("invariant: a batch is plain data");
    let name = consumer.queue().name();
    if let Answer::Lost(reason) = version.ask(|isolate| isolate.queue(name, &bytes)).await {
        version.log(LogLevel::Error, format!("a batch of the queue `{name}` is delivered again: {reason}"));
    }
    match consumer.settle(leased).await {
        Ok(settled) if settled.lost > 0 => {
            let text = format!(
                "{} messages of the queue `{name}` were deleted after their last retry",
                settled.lost
            );
            version.log(LogLevel::Warn, text);
        }
        Ok(_) => {}
        Err(error) => drop(complain(version, consumer, &error.to_string())),
    }
}

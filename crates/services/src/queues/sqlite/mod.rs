//! The embedded engine: all queues in one SQLite file. A message that is being delivered stays in its row, which says
//! until when it is leased; so what was in delivery when everything was killed is delivered again. Several processes
//! may use the file at a time.

mod admin;
mod tables;
mod waiting;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::{
    Batch, Delivered, Message, Metrics, Queue, QueueError, Readiness, RetryRules, Settled, Signal, Verdict,
};
use crate::sqlite::{Database, OpenError};
use crate::{Clock, Pending, block_on};

pub use self::admin::{QueueInfo, QueueSettings};
pub use self::waiting::WaitingMessage;

/// The file with all queues.
#[derive(Clone)]
pub struct SqliteQueues {
    store: Arc<Store>,
}

/// What handles share.
struct Store {
    database: Database,
    clock: Arc<dyn Clock>,
    /// Those of queues in use, by number.
    signals: Mutex<HashMap<i64, Arc<Signal>>>,
}

impl SqliteQueues {
    /// Opens the file, making it where it does not exist. Its folder must exist.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let database = Database::open(path, &tables::SCHEMA)?;
        let made = block_on(database.write(admin::make_settings));
        made.map_err(|source| OpenError::Open { path: path.to_owned(), source })?;
        Ok(Self { store: Arc::new(Store { database, clock, signals: Mutex::default() }) })
    }

    /// The queue of that name; made where it does not exist. Waits for the disk then.
    pub fn queue(&self, name: &str) -> Result<SqliteQueue, QueueError> {
        let database = &self.store.database;
        let found = database.read(|connection| tables::find_queue(connection, name))?;
        let make = || {
            let name = name.to_owned();
            block_on(database.write(move |transaction| tables::make_queue(transaction, &name)))
        };
        let number = found.map_or_else(make, Ok)?;
        Ok(SqliteQueue { store: Arc::clone(&self.store), number, name: name.to_owned() })
    }

    /// Ends all leases: to be called by the one who delivers, when it starts. Waits for the disk.
    pub fn recover(&self) -> Result<(), QueueError> {
        let now_ms = self.store.clock.now_ms();
        Ok(block_on(self.store.database.write(move |transaction| tables::recover(transaction, now_ms)))?)
    }
}

impl Store {
    fn signal(&self, queue: i64) -> Arc<Signal> {
        let mut signals = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(signals.entry(queue).or_default())
    }
}

/// One queue of a [`SqliteQueues`].
pub struct SqliteQueue {
    store: Arc<Store>,
    number: i64,
    name: String,
}

impl Queue for SqliteQueue {
    fn name(&self) -> &str {
        &self.name
    }

    fn delivery_delay_s(&self) -> Result<i64, QueueError> {
        Ok(self.settings()?.delivery_delay_s.unwrap_or(0))
    }

    fn send(&self, messages: Vec<Message>) -> Pending<Result<Metrics, QueueError>> {
        let (queue, now_ms, signal) = (self.number, self.store.clock.now_ms(), self.signal());
        let messages: Vec<(String, Message)> =
            messages.into_iter().map(|message| (id_of(now_ms), message)).collect();
        let sent = self.store.database.write(move |transaction| {
            let before = tables::metrics(transaction, queue)?;
            tables::insert(transaction, queue, &messages, now_ms)?;
            Ok(before)
        });
        Pending::later(async move {
            let before = sent.await?;
            signal.raise();
            Ok(before)
        })
    }

    fn metrics(&self) -> Result<Metrics, QueueError> {
        Ok(self.store.database.read(|connection| tables::metrics(connection, self.number))?)
    }

    fn readiness(&self, count_max: usize) -> Result<Readiness, QueueError> {
        let now_ms = self.store.clock.now_ms();
        let read = |connection: &_| tables::readiness(connection, self.number, count_max, now_ms);
        Ok(self.store.database.read(read)?)
    }

    fn lease(&self, count_max: usize, lease_ms: i64) -> Pending<Result<Batch, QueueError>> {
        let (queue, now_ms) = (self.number, self.store.clock.now_ms());
        // A lease that is lost with the power is a delivery more, as it would be if it were not lost.
        let leased = self.store.database.write_lightly(move |transaction| {
            tables::expire(transaction, queue, now_ms)?;
            let metrics = tables::metrics(transaction, queue)?;
            let messages = tables::lease(transaction, queue, count_max, (now_ms, now_ms + lease_ms))?;
            Ok(Batch { messages, metrics })
        });
        Pending::later(async move { Ok(leased.await?) })
    }

    fn settle(
        &self,
        verdicts: Vec<(Delivered, Verdict)>,
        retries: RetryRules,
    ) -> Pending<Result<Settled, QueueError>> {
        let (store, queue, now_ms) = (Arc::clone(&self.store), self.number, self.store.clock.now_ms());
        let settled = self
            .store
            .database
            .write(move |transaction| tables::settle(transaction, queue, &verdicts, &retries, now_ms));
        Pending::later(async move {
            let (settled, dead_letter_queue) = settled.await?;
            store.signal(queue).raise();
            dead_letter_queue.inspect(|dead| store.signal(*dead).raise());
            Ok(settled)
        })
    }

    fn signal(&self) -> Arc<Signal> {
        self.store.signal(self.number)
    }
}

/// The id of a message that is sent now: 32 hexadecimal digits, the time and then chance. Ids of one time lie beside each
/// other in the index, of which a send then writes one page, and not one for each message, however many are waiting.
fn id_of(now_ms: i64) -> String {
    format!("{now_ms:012x}{}", &crate::random::name()[12..])
}

#[cfg(test)]
mod tests {
    use super::id_of;

    #[test]
    fn ids_sort_by_time_and_are_never_the_same() {
        assert!(id_of(1_800_000_000_000) < id_of(1_800_000_000_001));
        let (one, other) = (id_of(5), id_of(5));
        assert_eq!((one.len(), &one[..12]), (32, "000000000005"));
        assert_ne!(one, other);
    }
}

//! What commands do to queues, and the settings that they leave there. The settings have a table of their own, made
//! where it is missing, since files of earlier releases lack it.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{SqliteQueue, SqliteQueues, tables};
use crate::block_on;
use crate::queues::{Metrics, QueueError};

/// How many messages one transaction removes.
const PURGE_STEP: i64 = 1000;

/// What a queue was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueSettings {
    /// How long messages are held back where neither they nor their producer say, in seconds.
    pub delivery_delay_s: Option<i64>,
    /// How long they are kept, in seconds.
    pub retention_s: Option<i64>,
    /// Whether nothing is delivered.
    pub is_paused: bool,
}

/// A queue as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueInfo {
    /// Its name.
    pub name: String,
    /// Its state.
    pub metrics: Metrics,
    /// What it was told.
    pub settings: QueueSettings,
}

/// Makes the table of settings.
pub(super) fn make_settings(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS settings (
            queue INTEGER PRIMARY KEY,
            delivery_delay_s INTEGER,
            retention_s INTEGER,
            is_paused INTEGER NOT NULL DEFAULT 0
        ) STRICT",
    )
}

fn settings(connection: &Connection, queue: i64) -> rusqlite::Result<QueueSettings> {
    let sql = "SELECT delivery_delay_s, retention_s, is_paused FROM settings WHERE queue = ?1";
    let read = |row: &Row<'_>| {
        Ok(QueueSettings { delivery_delay_s: row.get(0)?, retention_s: row.get(1)?, is_paused: row.get(2)? })
    };
    Ok(connection.prepare_cached(sql)?.query_row([queue], read).optional()?.unwrap_or_default())
}

impl SqliteQueues {
    /// The names of all queues, in order.
    pub fn names(&self) -> Result<Vec<String>, QueueError> {
        Ok(self.store.database.read(|connection| {
            let mut statement = connection.prepare("SELECT name FROM queues ORDER BY name")?;
            statement.query_map([], |row| row.get(0))?.collect()
        })?)
    }

    /// The queue of that name, if there is one.
    pub fn find(&self, name: &str) -> Result<Option<SqliteQueue>, QueueError> {
        let number = self.store.database.read(|connection| tables::find_queue(connection, name))?;
        Ok(number.map(|number| SqliteQueue { store: self.store.clone(), number, name: name.to_owned() }))
    }

    /// Removes a queue with its messages. Waits for the disk.
    pub fn delete(&self, queue: SqliteQueue) -> Result<(), QueueError> {
        queue.purge()?;
        let number = queue.number;
        Ok(block_on(self.store.database.write(move |transaction| {
            transaction.execute("DELETE FROM messages WHERE queue = ?1", [number])?;
            transaction.execute("DELETE FROM settings WHERE queue = ?1", [number])?;
            transaction.execute("DELETE FROM queues WHERE number = ?1", [number]).map(drop)
        }))?)
    }
}

impl SqliteQueue {
    /// What is known of the queue.
    pub fn info(&self) -> Result<QueueInfo, QueueError> {
        Ok(self.store.database.read(|connection| {
            let metrics = tables::metrics(connection, self.number)?;
            Ok(QueueInfo { name: self.name.clone(), metrics, settings: settings(connection, self.number)? })
        })?)
    }

    /// What the queue was told.
    pub(super) fn settings(&self) -> Result<QueueSettings, QueueError> {
        Ok(self.store.database.read(|connection| settings(connection, self.number))?)
    }

    /// Tells the queue something. Waits for the disk.
    pub fn set(&self, told: QueueSettings) -> Result<(), QueueError> {
        let (number, QueueSettings { delivery_delay_s, retention_s, is_paused }) = (self.number, told);
        block_on(self.store.database.write(move |transaction| {
            let sql = "INSERT OR REPLACE INTO settings (queue, delivery_delay_s, retention_s, is_paused)
                       VALUES (?1, ?2, ?3, ?4)";
            transaction.execute(sql, params![number, delivery_delay_s, retention_s, is_paused]).map(drop)
        }))?;
        self.store.signal(number).raise();
        Ok(())
    }

    /// Removes all messages, those in delivery too, and gives how many there were. Waits for the disk.
    pub fn purge(&self) -> Result<u64, QueueError> {
        let (number, mut removed) = (self.number, 0);
        loop {
            let step =
                block_on(self.store.database.write(move |transaction| purge_some(transaction, number)))?;
            if step == 0 {
                return Ok(removed);
            }
            removed += step;
        }
    }
}

fn purge_some(transaction: &Transaction<'_>, queue: i64) -> rusqlite::Result<u64> {
    let mut found =
        transaction.prepare_cached("SELECT number, length(body) FROM messages WHERE queue = ?1 LIMIT ?2")?;
    let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
    let messages = found.query_map([queue, PURGE_STEP], read)?.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut delete = transaction.prepare_cached("DELETE FROM messages WHERE number = ?1")?;
    for (number, _) in &messages {
        delete.execute([*number])?;
    }
    let bytes: i64 = messages.iter().map(|(_, bytes)| bytes).sum();
    tables::count(transaction, queue, -(messages.len() as i64), -bytes)?;
    Ok(messages.len() as u64)
}

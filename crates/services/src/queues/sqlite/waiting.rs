//! Looking at messages without taking them, and acting on single ones by hand: what a person does who wants to know why a
//! queue does not empty.

use rusqlite::{Row, Transaction, params};

use super::{SqliteQueue, tables};
use crate::block_on;
use crate::queues::{ContentType, Queue, QueueError};

/// The most bytes of a body that are shown.
const SHOWN_MAX_BYTES: usize = 4096;

/// A message that has not been acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingMessage {
    /// Its id, as consumers see it.
    pub id: String,
    /// When it was sent, in milliseconds since the epoch.
    pub sent_ms: i64,
    /// From when on it can be had: it is delayed, or its lease runs until then.
    pub ready_ms: i64,
    /// How often it was delivered.
    pub attempts: u32,
    /// Whether it is being delivered.
    pub is_leased: bool,
    /// What the body is.
    pub content_type: ContentType,
    /// The body's length in bytes.
    pub size: u64,
    /// The first 4,096 bytes of the body.
    pub beginning: Vec<u8>,
}

impl WaitingMessage {
    /// The beginning of the body as text; none where the body is neither text nor JSON.
    pub fn text(&self) -> Option<String> {
        let is_text = matches!(self.content_type, ContentType::Json | ContentType::Text);
        is_text.then(|| String::from_utf8_lossy(&self.beginning).into_owned())
    }
}

impl SqliteQueue {
    /// Up to `count_max` messages, the oldest first. They stay as they are: nobody waits longer for them.
    pub fn peek(&self, count_max: usize) -> Result<Vec<WaitingMessage>, QueueError> {
        let sql = "SELECT id, sent_ms, ready_ms, attempts, is_leased, content_type, length(body), substr(body, 1, ?3)
                   FROM messages WHERE queue = ?1 ORDER BY sent_ms, number LIMIT ?2";
        Ok(self.store.database.read(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement
                .query_map(params![self.number, count_max as i64, SHOWN_MAX_BYTES as i64], waiting)?;
            rows.collect()
        })?)
    }

    /// Lets a delayed message be delivered now, and says whether there was one; what is being delivered stays so.
    /// Waits for the disk.
    pub fn deliver_now(&self, id: &str) -> Result<bool, QueueError> {
        let (queue, id, now_ms) = (self.number, id.to_owned(), self.store.clock.now_ms());
        let found = block_on(self.store.database.write(move |transaction| {
            let sql = "UPDATE messages SET ready_ms = min(ready_ms, ?3) WHERE queue = ?1 AND id = ?2 AND is_leased = 0";
            transaction.execute(sql, params![queue, id, now_ms])
        }))?;
        self.signal().raise();
        Ok(found > 0)
    }

    /// Removes a message, and says whether there was one; a delivery that is under way goes on. Waits for the disk.
    pub fn remove(&self, id: &str) -> Result<bool, QueueError> {
        let (queue, id) = (self.number, id.to_owned());
        Ok(block_on(self.store.database.write(move |transaction| remove(transaction, queue, &id)))?)
    }
}

fn waiting(row: &Row<'_>) -> rusqlite::Result<WaitingMessage> {
    Ok(WaitingMessage {
        id: row.get(0)?,
        sent_ms: row.get(1)?,
        ready_ms: row.get(2)?,
        attempts: row.get(3)?,
        is_leased: row.get(4)?,
        content_type: tables::content_type(row.get(5)?),
        size: row.get::<_, i64>(6)? as u64,
        beginning: row.get(7)?,
    })
}

fn remove(transaction: &Transaction<'_>, queue: i64, id: &str) -> rusqlite::Result<bool> {
    let sql = "DELETE FROM messages WHERE queue = ?1 AND id = ?2 RETURNING length(body)";
    let mut statement = transaction.prepare_cached(sql)?;
    let sizes = statement.query_map(params![queue, id], |row| row.get::<_, i64>(0))?;
    let sizes = sizes.collect::<rusqlite::Result<Vec<_>>>()?;
    tables::count(transaction, queue, -(sizes.len() as i64), -sizes.iter().sum::<i64>())?;
    Ok(!sizes.is_empty())
}

//! The tables, and every statement on them.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::queues::{
    ContentType, Delivered, Message, Metrics, Readiness, RetryRules, Settled, Verdict, limits,
};
use crate::sqlite::Schema;

/// The most messages that are removed at a time because they are too old.
const EXPIRED_STEP: i64 = 100;

pub(super) const SCHEMA: Schema = Schema {
    version: 1,
    tables: "
        -- The sums are kept, since a queue may hold millions.
        CREATE TABLE queues (
            number INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            backlog_count INTEGER NOT NULL DEFAULT 0,
            backlog_bytes INTEGER NOT NULL DEFAULT 0
        ) STRICT;

        -- A message can be had from `ready_ms` on: when its delay is over, or its lease has run out.
        CREATE TABLE messages (
            number INTEGER PRIMARY KEY,
            queue INTEGER NOT NULL,
            id TEXT NOT NULL,
            sent_ms INTEGER NOT NULL,
            ready_ms INTEGER NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 0,
            is_leased INTEGER NOT NULL DEFAULT 0,
            content_type INTEGER NOT NULL,
            body BLOB NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX messages_by_id ON messages (queue, id);
        CREATE INDEX messages_by_readiness ON messages (queue, ready_ms, number);
        CREATE INDEX messages_by_age ON messages (queue, sent_ms);
        CREATE INDEX messages_leased ON messages (is_leased) WHERE is_leased = 1;
    ",
    changes: &[],
};

/// Content types as they are kept, by position.
const CONTENT_TYPES: [ContentType; 4] =
    [ContentType::Json, ContentType::Text, ContentType::Bytes, ContentType::V8];

/// The content type that a number in a row stands for.
pub(super) fn content_type(number: i64) -> ContentType {
    CONTENT_TYPES.get(number as usize).copied().unwrap_or(ContentType::Bytes)
}

pub(super) fn find_queue(connection: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    let mut statement = connection.prepare_cached("SELECT number FROM queues WHERE name = ?1")?;
    statement.query_row([name], |row| row.get(0)).optional()
}

pub(super) fn make_queue(transaction: &Transaction<'_>, name: &str) -> rusqlite::Result<i64> {
    transaction.execute("INSERT OR IGNORE INTO queues (name) VALUES (?1)", [name])?;
    transaction.query_row("SELECT number FROM queues WHERE name = ?1", [name], |row| row.get(0))
}

/// Lets everything that was in delivery be delivered at once.
pub(super) fn recover(transaction: &Transaction<'_>, now_ms: i64) -> rusqlite::Result<()> {
    let sql = "UPDATE messages SET is_leased = 0, ready_ms = ?1 WHERE is_leased = 1";
    transaction.execute(sql, [now_ms]).map(drop)
}

pub(super) fn metrics(connection: &Connection, queue: i64) -> rusqlite::Result<Metrics> {
    let mut statement = connection.prepare_cached(
        "SELECT backlog_count, backlog_bytes, (SELECT min(sent_ms) FROM messages WHERE queue = ?1)
         FROM queues WHERE number = ?1",
    )?;
    statement.query_row([queue], |row| {
        Ok(Metrics {
            backlog_count: row.get::<_, i64>(0)? as u64,
            backlog_bytes: row.get::<_, i64>(1)? as u64,
            oldest_message_ms: row.get(2)?,
        })
    })
}

/// Adds messages, each with its id.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    queue: i64,
    messages: &[(String, Message)],
    now_ms: i64,
) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO messages (queue, id, sent_ms, ready_ms, content_type, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let mut bytes = 0;
    for (id, message) in messages {
        let ready_ms = now_ms + message.delay_s * 1000;
        let kind = CONTENT_TYPES.iter().position(|kind| *kind == message.content_type);
        statement.execute(params![
            queue,
            id,
            now_ms,
            ready_ms,
            kind.map(|kind| kind as i64),
            message.body
        ])?;
        bytes += message.body.len() as i64;
    }
    count(transaction, queue, messages.len() as i64, bytes)
}

/// Adds to a queue's sums.
pub(super) fn count(
    transaction: &Transaction<'_>,
    queue: i64,
    messages: i64,
    bytes: i64,
) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "UPDATE queues SET backlog_count = backlog_count + ?2, backlog_bytes = backlog_bytes + ?3
         WHERE number = ?1",
    )?;
    statement.execute([queue, messages, bytes]).map(drop)
}

pub(super) fn readiness(
    connection: &Connection,
    queue: i64,
    count_max: usize,
    now_ms: i64,
) -> rusqlite::Result<Readiness> {
    let mut ready = connection.prepare_cached(
        "SELECT count(*), min(ready_ms) FROM
         (SELECT ready_ms FROM messages WHERE queue = ?1 AND ready_ms <= ?2
          AND NOT EXISTS (SELECT 1 FROM settings WHERE settings.queue = ?1 AND is_paused)
          ORDER BY ready_ms, number LIMIT ?3)",
    )?;
    let (count, since_ms) = ready.query_row(params![queue, now_ms, count_max as i64], |row| {
        Ok((row.get::<_, i64>(0)? as usize, row.get(1)?))
    })?;
    let mut next =
        connection.prepare_cached("SELECT min(ready_ms) FROM messages WHERE queue = ?1 AND ready_ms > ?2")?;
    let next_ms = next.query_row([queue, now_ms], |row| row.get(0))?;
    Ok(Readiness { count, since_ms, next_ms })
}

/// Takes messages that are ready, within the limit on a delivery's size. `times` are now and the end of the lease.
pub(super) fn lease(
    transaction: &Transaction<'_>,
    queue: i64,
    count_max: usize,
    times: (i64, i64),
) -> rusqlite::Result<Vec<Delivered>> {
    let mut found = transaction.prepare_cached(
        "SELECT number, id, sent_ms, attempts + 1, content_type, body FROM messages
         WHERE queue = ?1 AND ready_ms <= ?2
         AND NOT EXISTS (SELECT 1 FROM settings WHERE settings.queue = ?1 AND is_paused)
         ORDER BY ready_ms, number LIMIT ?3",
    )?;
    let mut take = transaction.prepare_cached(
        "UPDATE messages SET attempts = attempts + 1, is_leased = 1, ready_ms = ?2 WHERE number = ?1",
    )?;
    let mut rows = found.query(params![queue, times.0, count_max as i64])?;
    let (mut chosen, mut messages, mut bytes) = (Vec::new(), Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let message = read_delivered(row)?;
        bytes += message.body.len();
        if bytes > limits::DELIVERY_MAX_BYTES && !messages.is_empty() {
            break;
        }
        chosen.push(row.get::<_, i64>(0)?);
        messages.push(message);
    }
    // Changed only when all are read: rows that move within the index would be met again.
    drop(rows);
    chosen.iter().try_for_each(|number| take.execute([*number, times.1]).map(drop))?;
    Ok(messages)
}

fn read_delivered(row: &Row<'_>) -> rusqlite::Result<Delivered> {
    let kind: i64 = row.get(4)?;
    Ok(Delivered {
        id: row.get(1)?,
        timestamp_ms: row.get(2)?,
        attempts: row.get(3)?,
        content_type: content_type(kind),
        body: row.get(5)?,
    })
}

/// Ends leases. Gives what was lost, and the number of the dead letter queue where something went there.
pub(super) fn settle(
    transaction: &Transaction<'_>,
    queue: i64,
    verdicts: &[(Delivered, Verdict)],
    retries: &RetryRules,
    now_ms: i64,
) -> rusqlite::Result<(Settled, Option<i64>)> {
    let (mut settled, mut dead_letter_queue) = (Settled::default(), None);
    for (message, verdict) in verdicts {
        let Some((number, bytes)) = leased(transaction, queue, message)? else { continue };
        match (verdict, &retries.dead_letter_queue) {
            (Verdict::Ack, _) => remove(transaction, queue, number, bytes)?,
            (Verdict::Retry(delay_s), _) if message.attempts <= retries.retries_max => {
                retry(transaction, number, now_ms + 1000 * delay_s.unwrap_or(retries.delay_s))?;
            }
            (Verdict::Retry(_), None) => {
                remove(transaction, queue, number, bytes)?;
                settled.lost += 1;
            }
            (Verdict::Retry(_), Some(name)) => {
                let dead = make_queue(transaction, name)?;
                move_to(transaction, (queue, dead), number, bytes, now_ms)?;
                dead_letter_queue = Some(dead);
                settled.dead += 1;
            }
        }
    }
    Ok((settled, dead_letter_queue))
}

/// The number of a message and the size of its body, if it is still leased by the delivery that gave it.
fn leased(
    transaction: &Transaction<'_>,
    queue: i64,
    message: &Delivered,
) -> rusqlite::Result<Option<(i64, i64)>> {
    let mut statement = transaction.prepare_cached(
        "SELECT number, length(body) FROM messages
         WHERE queue = ?1 AND id = ?2 AND attempts = ?3 AND is_leased = 1",
    )?;
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    statement.query_row(params![queue, message.id, message.attempts], read).optional()
}

fn remove(transaction: &Transaction<'_>, queue: i64, number: i64, bytes: i64) -> rusqlite::Result<()> {
    transaction.prepare_cached("DELETE FROM messages WHERE number = ?1")?.execute([number])?;
    count(transaction, queue, -1, -bytes)
}

fn retry(transaction: &Transaction<'_>, number: i64, ready_ms: i64) -> rusqlite::Result<()> {
    let sql = "UPDATE messages SET is_leased = 0, ready_ms = ?2 WHERE number = ?1";
    transaction.prepare_cached(sql)?.execute([number, ready_ms]).map(drop)
}

/// Puts a message into another queue, where its deliveries are counted anew.
fn move_to(
    transaction: &Transaction<'_>,
    (queue, dead): (i64, i64),
    number: i64,
    bytes: i64,
    now_ms: i64,
) -> rusqlite::Result<()> {
    let sql = "UPDATE messages SET queue = ?2, is_leased = 0, attempts = 0, ready_ms = ?3 WHERE number = ?1";
    transaction.prepare_cached(sql)?.execute([number, dead, now_ms])?;
    count(transaction, queue, -1, -bytes)?;
    count(transaction, dead, 1, bytes)
}

/// Removes some of the messages that are too old.
pub(super) fn expire(transaction: &Transaction<'_>, queue: i64, now_ms: i64) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "SELECT number, length(body) FROM messages WHERE queue = ?1 AND sent_ms <= ?2 ORDER BY sent_ms LIMIT ?3",
    )?;
    let sent_ms = now_ms - retention_s(transaction, queue)? * 1000;
    let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
    let old = statement.query_map([queue, sent_ms, EXPIRED_STEP], read)?;
    for (number, bytes) in old.collect::<rusqlite::Result<Vec<_>>>()? {
        transaction.prepare_cached("DELETE FROM messages WHERE number = ?1")?.execute([number])?;
        count(transaction, queue, -1, -bytes)?;
    }
    Ok(())
}

/// How long a queue keeps its messages, in seconds.
fn retention_s(connection: &Connection, queue: i64) -> rusqlite::Result<i64> {
    let mut statement = connection.prepare_cached("SELECT retention_s FROM settings WHERE queue = ?1")?;
    let own: Option<Option<i64>> = statement.query_row([queue], |row| row.get(0)).optional()?;
    Ok(own.flatten().unwrap_or(limits::RETENTION_S))
}

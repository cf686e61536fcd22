//! Statements on instances and their events.

use hognose_wire::workflows::{Action, Fault, NewInstance, SendEvent, Status, StepName};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{InstanceRow, WorkflowError};

/// How long what is over is kept where nobody says otherwise: 30 days, in milliseconds.
const KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;

const ENDED: [&str; 3] = ["complete", "errored", "terminated"];

/// An instance's number and status.
type Found = (i64, String);

/// Makes those whose ids are new, and gives these.
pub(super) fn create(
    transaction: &Transaction<'_>,
    workflow: &str,
    new: &[NewInstance],
    now_ms: i64,
) -> rusqlite::Result<Vec<String>> {
    let exists = "SELECT 1 FROM instances WHERE workflow = ?1 AND id = ?2";
    let insert = "INSERT OR IGNORE INTO instances
        (workflow, id, created_ms, params, due_ms, success_kept_ms, error_kept_ms)
        VALUES (?1, ?2, ?3, ?4, ?3, ?5, ?6)";
    let mut fresh = Vec::new();
    for instance in new {
        let is_known = transaction.query_row(exists, [workflow, &instance.id], |_| Ok(())).optional()?;
        if is_known.is_none() && !fresh.contains(&instance.id) {
            fresh.push(instance.id.clone());
        }
    }
    for NewInstance { id, params, success_kept_ms, error_kept_ms } in new {
        transaction.execute(insert, params![workflow, id, now_ms, params, success_kept_ms, error_kept_ms])?;
    }
    Ok(fresh)
}

pub(super) fn status(connection: &Connection, workflow: &str, id: &str) -> rusqlite::Result<Option<Status>> {
    let sql =
        "SELECT status, output, error_name, error_message FROM instances WHERE workflow = ?1 AND id = ?2";
    connection.query_row(sql, [workflow, id], |row| read_status(row, 0)).optional()
}

fn read_status(row: &Row<'_>, first: usize) -> rusqlite::Result<Status> {
    let error: (Option<String>, Option<String>) = (row.get(first + 2)?, row.get(first + 3)?);
    Ok(Status { status: row.get(first)?, output: row.get(first + 1)?, error: fault(error) })
}

pub(super) fn fault((name, message): (Option<String>, Option<String>)) -> Option<Fault> {
    name.map(|name| Fault { name, message: message.unwrap_or_default() })
}

pub(super) fn list(
    connection: &Connection,
    workflow: &str,
    status: Option<&str>,
) -> rusqlite::Result<Vec<InstanceRow>> {
    let sql = "SELECT id, created_ms, ended_ms, status, output, error_name, error_message FROM instances
        WHERE workflow = ?1 AND (?2 IS NULL OR status = ?2) ORDER BY number DESC";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![workflow, status], |row| {
        let status = read_status(row, 3)?;
        Ok(InstanceRow { id: row.get(0)?, created_ms: row.get(1)?, ended_ms: row.get(2)?, status })
    })?;
    rows.collect()
}

fn find(transaction: &Transaction<'_>, workflow: &str, id: &str) -> rusqlite::Result<Option<Found>> {
    let sql = "SELECT number, status FROM instances WHERE workflow = ?1 AND id = ?2";
    transaction.query_row(sql, [workflow, id], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

/// Changes the state of an instance from outside.
pub(super) fn control(
    transaction: &Transaction<'_>,
    (workflow, id): (&str, &str),
    action: Action,
    now_ms: i64,
) -> rusqlite::Result<Result<(), WorkflowError>> {
    let Some((number, status)) = find(transaction, workflow, id)? else {
        return Ok(Err(WorkflowError::NotFound));
    };
    let is_over = ENDED.contains(&status.as_str());
    let refused = match action {
        Action::Pause => Some(("cannot_pause", "pause")),
        Action::Resume => Some(("cannot_resume", "resume")),
        Action::Terminate => Some(("cannot_terminate", "terminate")),
        Action::Restart | Action::Delete => None,
    };
    if let (true, Some((code, verb))) = (is_over, refused) {
        return Ok(Err(WorkflowError::Over(code, verb)));
    }
    match action {
        Action::Pause => pause(transaction, number, &status, now_ms)?,
        Action::Resume => resume(transaction, number, &status, now_ms)?,
        Action::Restart => restart(transaction, number, 0, now_ms)?,
        Action::Terminate => {
            let sql =
                "UPDATE instances SET status = 'terminated', ended_ms = ?2, due_ms = NULL, epoch = epoch + 1,
                revision = revision + 1 WHERE number = ?1";
            transaction.execute(sql, [number, now_ms])?;
        }
        Action::Delete => forget(transaction, number)?,
    }
    Ok(Ok(()))
}

/// Runs an instance again from one of its steps on. What came before stays as it is.
pub(super) fn restart_from(
    transaction: &Transaction<'_>,
    (workflow, id): (&str, &str),
    StepName { name, count, kind }: &StepName,
    now_ms: i64,
) -> rusqlite::Result<Result<(), WorkflowError>> {
    let Some((instance, _)) = find(transaction, workflow, id)? else {
        return Ok(Err(WorkflowError::NotFound));
    };
    let sql = "SELECT number FROM steps WHERE instance = ?1 AND name = ?2 AND substr(key, 1, length(?3)) = ?3
        ORDER BY number LIMIT 1 OFFSET ?4";
    let values = params![instance, name, kind.prefix(), count.saturating_sub(1)];
    let first: Option<i64> = transaction.query_row(sql, values, |row| row.get(0)).optional()?;
    match first {
        Some(first) => restart(transaction, instance, first, now_ms).map(Ok),
        None => Ok(Err(WorkflowError::StepNotFound(name.clone()))),
    }
}

/// One that runs is asked to come to rest; one that does not is paused at once.
fn pause(transaction: &Transaction<'_>, number: i64, status: &str, now_ms: i64) -> rusqlite::Result<()> {
    let asked = "UPDATE instances SET status = 'waitingForPause', revision = revision + 1 WHERE number = ?1";
    let paused = "UPDATE instances SET status = 'paused', paused_ms = ?2, due_ms = NULL WHERE number = ?1";
    match status {
        "running" => transaction.execute(asked, [number]).map(drop),
        "queued" | "waiting" => transaction.execute(paused, [number, now_ms]).map(drop),
        _ => Ok(()),
    }
}

fn resume(transaction: &Transaction<'_>, number: i64, status: &str, now_ms: i64) -> rusqlite::Result<()> {
    if status == "waitingForPause" {
        let sql = "UPDATE instances SET status = 'running', revision = revision + 1 WHERE number = ?1";
        transaction.execute(sql, [number])?;
    }
    if status == "paused" {
        // What it waits for is put off by the time that it was paused.
        let shift =
            "UPDATE steps SET due_ms = due_ms + ?2 - (SELECT paused_ms FROM instances WHERE number = ?1)
            WHERE instance = ?1 AND state = 'waiting'";
        transaction.execute(shift, [number, now_ms])?;
        let sql = "UPDATE instances SET status = 'queued', due_ms = ?2, paused_ms = NULL WHERE number = ?1";
        transaction.execute(sql, [number, now_ms])?;
    }
    Ok(())
}

/// `first`: the number of the first step that is forgotten.
fn restart(transaction: &Transaction<'_>, number: i64, first: i64, now_ms: i64) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM steps WHERE instance = ?1 AND number >= ?2", [number, first])?;
    transaction.execute("DELETE FROM events WHERE instance = ?1", [number])?;
    let sql = "UPDATE instances SET status = 'queued', due_ms = ?2, epoch = epoch + 1, revision = revision + 1,
        output = NULL, error_name = NULL, error_message = NULL, paused_ms = NULL, ended_ms = NULL WHERE number = ?1";
    transaction.execute(sql, [number, now_ms]).map(drop)
}

fn forget(transaction: &Transaction<'_>, number: i64) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM steps WHERE instance = ?1", [number])?;
    transaction.execute("DELETE FROM events WHERE instance = ?1", [number])?;
    transaction.execute("DELETE FROM instances WHERE number = ?1", [number]).map(drop)
}

/// Keeps an event until the instance waits for one of its type, and wakes the instance.
pub(super) fn send_event(
    transaction: &Transaction<'_>,
    workflow: &str,
    event: &SendEvent,
    now_ms: i64,
) -> rusqlite::Result<Result<(), WorkflowError>> {
    let Some((number, status)) = find(transaction, workflow, &event.id)? else {
        return Ok(Err(WorkflowError::NotFound));
    };
    if ENDED.contains(&status.as_str()) {
        return Ok(Err(WorkflowError::Over("cannot_send_event", "send an event to an")));
    }
    let sql = "INSERT INTO events (instance, kind, payload, sent_ms) VALUES (?1, ?2, ?3, ?4)";
    transaction.execute(sql, params![number, event.kind, event.payload, now_ms])?;
    let sql = "UPDATE instances SET revision = revision + 1, due_ms = iif(status = 'waiting', ?2, due_ms)
        WHERE number = ?1";
    transaction.execute(sql, [number, now_ms])?;
    Ok(Ok(()))
}

/// Forgets what has been over for long enough.
pub(super) fn expire(transaction: &Transaction<'_>, now_ms: i64) -> rusqlite::Result<()> {
    let sql = "SELECT number FROM instances WHERE ended_ms IS NOT NULL
        AND ended_ms + ifnull(iif(status = 'complete', success_kept_ms, error_kept_ms), ?2) <= ?1 LIMIT 100";
    let mut statement = transaction.prepare_cached(sql)?;
    let over: Vec<i64> =
        statement.query_map([now_ms, KEPT_MS], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    over.into_iter().try_for_each(|number| forget(transaction, number))
}

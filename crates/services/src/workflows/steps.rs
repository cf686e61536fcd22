//! Statements on steps.

use hognose_wire::workflows::{BeginStep, FinishStep, Run, Step, StepState};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde_json::json;

use super::instances::fault;
use super::{StepRow, WorkflowError};

/// Whether the run is still the newest one of its instance.
fn is_current(connection: &Connection, run: Run) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM instances WHERE number = ?1 AND epoch = ?2";
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_row([run.instance, run.epoch], |_| Ok(())).optional()?.is_some())
}

/// How a step stands; [`StepState::New`] where nothing was kept of it.
pub(super) fn find(
    connection: &Connection,
    run: Run,
    key: &str,
) -> rusqlite::Result<Result<Step, WorkflowError>> {
    if !is_current(connection, run)? {
        return Ok(Err(WorkflowError::Stale));
    }
    let sql = "SELECT state, failures, due_ms, value, event_ms, error_name, error_message FROM steps
        WHERE instance = ?1 AND key = ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_row(params![run.instance, key], read_step).optional()?;
    Ok(Ok(found.unwrap_or_default()))
}

fn read_step(row: &Row<'_>) -> rusqlite::Result<Step> {
    let state: String = row.get(0)?;
    let state = match state.as_str() {
        "done" => StepState::Done,
        "failed" => StepState::Failed,
        _ => StepState::Waiting,
    };
    Ok(Step {
        state,
        failures: row.get(1)?,
        due_ms: row.get(2)?,
        value: row.get(3)?,
        event_ms: row.get(4)?,
        error: fault((row.get(5)?, row.get(6)?)),
    })
}

/// Begins a sleep, or the wait for an event, and says how it stands: an event that is there ends the wait, and so does
/// its time.
pub(super) fn wait(
    transaction: &Transaction<'_>,
    step: &BeginStep,
    now_ms: i64,
) -> rusqlite::Result<Result<Step, WorkflowError>> {
    let known = match find(transaction, step.run, &step.key)? {
        Ok(known) => known,
        Err(error) => return Ok(Err(error)),
    };
    if known.state == StepState::New {
        let sql = "INSERT INTO steps (instance, key, name, state, due_ms) VALUES (?1, ?2, ?3, 'waiting', ?4)";
        transaction.execute(sql, params![step.run.instance, step.key, step.name, step.due_ms])?;
    }
    if matches!(known.state, StepState::New | StepState::Waiting)
        && let Some(kind) = &step.event
    {
        take_event(transaction, step, kind, now_ms)?;
    }
    find(transaction, step.run, &step.key)
}

fn take_event(
    transaction: &Transaction<'_>,
    step: &BeginStep,
    kind: &str,
    now_ms: i64,
) -> rusqlite::Result<()> {
    let oldest = "SELECT number FROM events WHERE instance = ?1 AND kind = ?2 ORDER BY number LIMIT 1";
    let found: Option<i64> =
        transaction.query_row(oldest, params![step.run.instance, kind], |row| row.get(0)).optional()?;
    let Some(number) = found else {
        let timeout =
            "UPDATE steps SET state = 'failed', error_name = 'WorkflowTimeoutError', error_message = ?3
            WHERE instance = ?1 AND key = ?2 AND due_ms <= ?4";
        let text = "Execution timed out";
        return transaction.execute(timeout, params![step.run.instance, step.key, text, now_ms]).map(drop);
    };
    let take = "UPDATE steps SET state = 'done', (value, event_ms) =
        (SELECT payload, sent_ms FROM events WHERE number = ?3) WHERE instance = ?1 AND key = ?2";
    transaction.execute(take, params![step.run.instance, step.key, number])?;
    transaction.execute("DELETE FROM events WHERE number = ?1", [number]).map(drop)
}

/// Keeps how an attempt has ended.
pub(super) fn finish(
    transaction: &Transaction<'_>,
    finish: &FinishStep,
    now_ms: i64,
) -> rusqlite::Result<Result<(), WorkflowError>> {
    let FinishStep { run, key, name, started_ms, is_sensitive, value, error, retry_ms } = finish;
    if !is_current(transaction, *run)? {
        return Ok(Err(WorkflowError::Stale));
    }
    let state = match (error, retry_ms) {
        (None, _) => "done",
        (Some(_), Some(_)) => "waiting",
        (Some(_), None) => "failed",
    };
    let attempt = json!({ "startedMs": started_ms, "endedMs": now_ms, "error": error }).to_string();
    let name_of = error.as_ref().map(|error| &error.name);
    let message_of = error.as_ref().map(|error| &error.message);
    let sql = "INSERT INTO steps
        (instance, key, name, state, failures, due_ms, value, error_name, error_message, attempts, is_sensitive)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, json_array(json(?10)), ?11)
        ON CONFLICT DO UPDATE SET state = excluded.state, failures = failures + excluded.failures,
        due_ms = excluded.due_ms, value = excluded.value, error_name = excluded.error_name,
        error_message = excluded.error_message, attempts = json_insert(attempts, '$[#]', json(?10))";
    let failed = u32::from(error.is_some());
    transaction.execute(
        sql,
        params![
            run.instance,
            key,
            name,
            state,
            failed,
            retry_ms,
            value,
            name_of,
            message_of,
            attempt,
            is_sensitive
        ],
    )?;
    Ok(Ok(()))
}

pub(super) fn list(connection: &Connection, workflow: &str, id: &str) -> rusqlite::Result<Vec<StepRow>> {
    let sql = "SELECT steps.name, steps.state, steps.due_ms, steps.attempts, value, is_sensitive FROM steps
        JOIN instances ON instances.number = steps.instance
        WHERE instances.workflow = ?1 AND instances.id = ?2 ORDER BY steps.number";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([workflow, id], |row| {
        Ok(StepRow {
            name: row.get(0)?,
            state: row.get(1)?,
            due_ms: row.get(2)?,
            attempts: row.get(3)?,
            value: row.get(4)?,
            is_sensitive: row.get(5)?,
        })
    })?;
    rows.collect()
}

//! The file with all instances, and what can be asked of it by name.

use std::path::Path;
use std::sync::Arc;

use hognose_wire::workflows::{Action, NewInstance, SendEvent, Status, StepName, VALUE_MAX};

use super::{WorkflowError, instances, steps};
use crate::queues::Signal;
use crate::sqlite::{Database, OpenError, Schema};
use crate::{Clock, Pending};

const SCHEMA: Schema = Schema {
    version: 2,
    tables: "
        -- `due_ms`: when the next run begins; NULL while one goes on, or none is to.
        CREATE TABLE instances (
            number INTEGER PRIMARY KEY,
            workflow TEXT NOT NULL,
            id TEXT NOT NULL,
            created_ms INTEGER NOT NULL,
            params TEXT NOT NULL,
            status TEXT NOT NULL DEFAULT 'queued',
            due_ms INTEGER,
            epoch INTEGER NOT NULL DEFAULT 0,
            revision INTEGER NOT NULL DEFAULT 0,
            output TEXT,
            error_name TEXT,
            error_message TEXT,
            paused_ms INTEGER,
            ended_ms INTEGER,
            success_kept_ms INTEGER,
            error_kept_ms INTEGER,
            UNIQUE (workflow, id)
        ) STRICT;
        CREATE INDEX instances_due ON instances (workflow, due_ms) WHERE due_ms IS NOT NULL;
        CREATE INDEX instances_ended ON instances (ended_ms) WHERE ended_ms IS NOT NULL;

        CREATE TABLE steps (
            number INTEGER PRIMARY KEY,
            instance INTEGER NOT NULL REFERENCES instances ON DELETE CASCADE,
            key TEXT NOT NULL,
            name TEXT NOT NULL,
            state TEXT NOT NULL,
            failures INTEGER NOT NULL DEFAULT 0,
            due_ms INTEGER,
            value TEXT,
            event_ms INTEGER,
            error_name TEXT,
            error_message TEXT,
            -- A JSON array: when each attempt began and ended, and how it failed.
            attempts TEXT NOT NULL DEFAULT '[]',
            is_sensitive INTEGER NOT NULL DEFAULT 0,
            UNIQUE (instance, key)
        ) STRICT;

        CREATE TABLE events (
            number INTEGER PRIMARY KEY,
            instance INTEGER NOT NULL REFERENCES instances ON DELETE CASCADE,
            kind TEXT NOT NULL,
            payload TEXT NOT NULL,
            sent_ms INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX events_by_kind ON events (instance, kind, number);
    ",
    changes: &["ALTER TABLE steps ADD COLUMN is_sensitive INTEGER NOT NULL DEFAULT 0"],
};

/// The most characters of an instance's id, and of an event's type.
const WORD_MAX: usize = 100;

/// The file.
#[derive(Clone)]
pub struct Workflows(pub(super) Arc<Store>);

pub(super) struct Store {
    pub(super) database: Database,
    pub(super) clock: Arc<dyn Clock>,
    /// Raised at every change.
    pub(super) signal: Signal,
}

/// An instance as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceRow {
    /// Its id.
    pub id: String,
    /// In milliseconds since the epoch.
    pub created_ms: i64,
    /// When it was over.
    pub ended_ms: Option<i64>,
    /// How it stands.
    pub status: Status,
}

/// A step as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepRow {
    /// The name it was given.
    pub name: String,
    /// `waiting`, `done` or `failed`.
    pub state: String,
    /// When it goes on, in milliseconds since the epoch.
    pub due_ms: Option<i64>,
    /// Its attempts: a JSON array of objects with `startedMs`, `endedMs` and `error`.
    pub attempts: String,
    /// Its result, packed.
    pub value: Option<String>,
    /// Whether the Worker does not want the result to be shown.
    pub is_sensitive: bool,
}

impl Workflows {
    /// Opens the file, making it where it does not exist. Its folder must exist.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let database = Database::open(path, &SCHEMA)?;
        Ok(Self(Arc::new(Store { database, clock, signal: Signal::default() })))
    }

    /// Makes instances; gives the ids of those that are new. An id that exists is an error,
    /// except in a batch, which passes over it.
    pub fn create(
        &self,
        workflow: &str,
        new: Vec<NewInstance>,
        is_batch: bool,
    ) -> Pending<Result<Vec<String>, WorkflowError>> {
        let (workflow, now_ms) = (workflow.to_owned(), self.0.clock.now_ms());
        if let Err(error) = new.iter().try_for_each(check_new) {
            return Pending::Ready(Err(error));
        }
        self.change(move |transaction| {
            let made = instances::create(transaction, &workflow, &new, now_ms)?;
            Ok(if is_batch || made.len() == new.len() { Ok(made) } else { Err(WorkflowError::Exists) })
        })
    }

    /// How an instance stands.
    pub fn status(&self, workflow: &str, id: &str) -> Result<Status, WorkflowError> {
        let found = self.0.database.read(|connection| instances::status(connection, workflow, id))?;
        found.ok_or(WorkflowError::NotFound)
    }

    /// Does something with an instance.
    pub fn control(&self, workflow: &str, id: &str, action: Action) -> Pending<Result<(), WorkflowError>> {
        let (workflow, id, now_ms) = (workflow.to_owned(), id.to_owned(), self.0.clock.now_ms());
        self.change(move |transaction| instances::control(transaction, (&workflow, &id), action, now_ms))
    }

    /// Runs an instance again from one of its steps on.
    pub fn restart_from(
        &self,
        workflow: &str,
        id: &str,
        step: StepName,
    ) -> Pending<Result<(), WorkflowError>> {
        let (workflow, id, now_ms) = (workflow.to_owned(), id.to_owned(), self.0.clock.now_ms());
        self.change(move |transaction| instances::restart_from(transaction, (&workflow, &id), &step, now_ms))
    }

    /// Sends an event to an instance.
    pub fn send_event(&self, workflow: &str, event: SendEvent) -> Pending<Result<(), WorkflowError>> {
        let (workflow, now_ms) = (workflow.to_owned(), self.0.clock.now_ms());
        if let Err(error) = check_event(&event) {
            return Pending::Ready(Err(error));
        }
        self.change(move |transaction| instances::send_event(transaction, &workflow, &event, now_ms))
    }

    /// The instances of a workflow, the newest first; only those of a status where one is given.
    pub fn list(&self, workflow: &str, status: Option<&str>) -> Result<Vec<InstanceRow>, WorkflowError> {
        Ok(self.0.database.read(|connection| instances::list(connection, workflow, status))?)
    }

    /// The steps of an instance, in the order in which they were first kept.
    pub fn steps(&self, workflow: &str, id: &str) -> Result<Vec<StepRow>, WorkflowError> {
        Ok(self.0.database.read(|connection| steps::list(connection, workflow, id))?)
    }

    /// Changes something; resolved, and told to all runs, once it is durable.
    pub(super) fn change<T: Send + 'static>(
        &self,
        work: impl FnMut(&rusqlite::Transaction<'_>) -> rusqlite::Result<Result<T, WorkflowError>>
        + Send
        + 'static,
    ) -> Pending<Result<T, WorkflowError>> {
        let (store, written) = (Arc::clone(&self.0), self.0.database.write(work));
        Pending::later(async move {
            let result = written.await?;
            store.signal.raise();
            result
        })
    }
}

/// An id: letters, digits, `-` and `_`, of which `-` is not the first.
fn check_new(NewInstance { id, params, .. }: &NewInstance) -> Result<(), WorkflowError> {
    if !is_word(id) || id.starts_with('-') {
        return Err(WorkflowError::InvalidId);
    }
    check_size(Some(params))
}

fn check_event(SendEvent { kind, payload, .. }: &SendEvent) -> Result<(), WorkflowError> {
    if is_word(kind) { check_size(Some(payload)) } else { Err(WorkflowError::InvalidEventType) }
}

fn is_word(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=WORD_MAX).contains(&text.len()) && text.bytes().all(is_letter)
}

/// Holds to the limit those whose own half has not done so.
pub(super) fn check_size(packed: Option<&str>) -> Result<(), WorkflowError> {
    let is_too_large = packed.is_some_and(|packed| packed.len() > VALUE_MAX);
    if is_too_large { Err(WorkflowError::TooLarge) } else { Ok(()) }
}

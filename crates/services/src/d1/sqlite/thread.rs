//! The thread of one database: it opens the file when the first query comes, and runs what is queued.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use futures_channel::oneshot;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;

use super::execute::{self, PAGE_BYTES};
use super::guard::Guard;
use super::insights::{Costs, Insights};
use super::recorder::Recorder;
use crate::d1::{D1Error, Outcome, Statement, limits};
use crate::sqlite::open_shared;
use crate::threads::Ended;
use crate::{Clock, Pending};

/// How many prepared statements a database keeps.
const STATEMENTS_KEPT: usize = 128;

/// A query, and who waits for it.
struct Job {
    statements: Vec<Statement>,
    done: oneshot::Sender<Result<Outcome, D1Error>>,
}

/// The way to a database's thread. Dropping it waits for the thread, which ends once the queue is empty and closes the
/// file, so that who closed a database may copy or replace it. What is queued and not waited for is not begun.
pub(super) struct DatabaseThread {
    // Dropped first, which tells the thread.
    jobs: SyncSender<Job>,
    insights: Arc<Insights>,
    _thread: Ended,
}

impl DatabaseThread {
    /// Starts it for the file of that path, which need not exist yet.
    pub(super) fn start(path: PathBuf, clock: Arc<dyn Clock>, query_max: Duration) -> Self {
        let (jobs, queue) = sync_channel(limits::QUEUE_MAX);
        let recorder = Recorder::new(path.clone(), Arc::clone(&clock));
        let insights = Arc::<Insights>::default();
        let owner = Owner {
            path,
            clock,
            query_max,
            recorder,
            insights: Arc::clone(&insights),
            open: None,
            last_write: Bookmark::default(),
        };
        Self { jobs, insights, _thread: Ended::start("d1", move || owner.serve(&queue)) }
    }

    /// What was run, and what it has cost.
    pub(super) fn insights(&self) -> Vec<(String, Costs)> {
        self.insights.all()
    }

    /// Queues a query. One whose answer nobody waits for any more is not begun.
    pub(super) fn submit(&self, statements: Vec<Statement>) -> Pending<Result<Outcome, D1Error>> {
        let (done, outcome) = oneshot::channel();
        match self.jobs.try_send(Job { statements, done }) {
            Ok(()) => Pending::later(async move { outcome.await.unwrap_or_else(|_| Err(ended())) }),
            Err(TrySendError::Full(_)) => Pending::Ready(Err(D1Error::Overloaded)),
            Err(TrySendError::Disconnected(_)) => Pending::Ready(Err(ended())),
        }
    }
}

fn ended() -> D1Error {
    D1Error::Unusable { cause: "the database's thread has ended".to_owned() }
}

/// What the thread has.
struct Owner {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    query_max: Duration,
    /// Ends before the connection does, whose log says when the last write was.
    recorder: Recorder,
    insights: Arc<Insights>,
    open: Option<(Connection, Arc<Guard>)>,
    last_write: Bookmark,
}

impl Owner {
    fn serve(mut self, queue: &Receiver<Job>) {
        while let Ok(Job { statements, done }) = queue.recv() {
            if !done.is_canceled() {
                let _nobody_waits = done.send(self.run(&statements));
            }
        }
    }

    fn run(&mut self, statements: &[Statement]) -> Result<Outcome, D1Error> {
        let (connection, guard) = match self.open.take() {
            Some(open) => open,
            None => open(&self.path)?,
        };
        let before_write = || self.recorder.before_write();
        let results = execute::run(&connection, &guard, statements, self.query_max, before_write);
        // A setting lasts as long as the query that made it.
        if !guard.take_setting_changed() {
            self.open = Some((connection, guard));
        }
        let results = results?;
        statements.iter().zip(&results).for_each(|(each, result)| self.insights.note(&each.sql, result));
        if self.last_write == Bookmark::default() || results.iter().any(|result| result.meta.changed_db) {
            self.last_write = self.last_write.next(self.clock.now_s());
        }
        Ok(Outcome { results, bookmark: self.last_write.to_string() })
    }
}

/// The moment of the last write that this process knows of: what sorts by time, and within a second by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bookmark {
    second: u32,
    number: u32,
}

impl Bookmark {
    /// The next write's, greater whatever the clock does.
    fn next(self, now_s: i64) -> Self {
        let second = u32::try_from(now_s).unwrap_or(u32::MAX);
        if second > self.second {
            Self { second, number: 0 }
        } else {
            Self { number: self.number + 1, ..self }
        }
    }
}

impl std::fmt::Display for Bookmark {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:08x}-{:08x}-00000000-{:032x}", self.second, self.number, 0)
    }
}

fn open(path: &Path) -> Result<(Connection, Arc<Guard>), D1Error> {
    let unusable = |cause: String| D1Error::Unusable { cause };
    let mut connection = open_shared(path).map_err(|error| unusable(error.to_string()))?;
    let guard = Arc::new(Guard::default());
    let prepared = confine(&mut connection, &guard);
    prepared.map_err(|error| unusable(format!("the database {}: {error}", path.display())))?;
    Ok((connection, guard))
}

/// Sets what hostile SQL is held to. The order matters: the guard refuses settings, so it comes last.
pub(crate) fn confine(connection: &mut Connection, guard: &Arc<Guard>) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "max_page_count", (limits::DATABASE_MAX_BYTES / PAGE_BYTES) as i64)?;
    for (config, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        // workerd's SQLite takes a name in double quotes that nothing bears for a string, and scripts depend on it.
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, true),
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, true),
    ] {
        connection.set_db_config(config, on)?;
    }
    for (limit, value) in [
        (Limit::SQLITE_LIMIT_LENGTH, limits::VALUE_MAX_BYTES),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, limits::SQL_MAX_BYTES),
        (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, limits::PARAMETERS_MAX),
        (Limit::SQLITE_LIMIT_COLUMN, limits::COLUMNS_MAX),
        (Limit::SQLITE_LIMIT_FUNCTION_ARG, limits::ARGUMENTS_MAX),
        (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, limits::PATTERN_MAX_BYTES),
        (Limit::SQLITE_LIMIT_COMPOUND_SELECT, limits::COMPOUND_SELECT_MAX),
        (Limit::SQLITE_LIMIT_EXPR_DEPTH, limits::EXPRESSION_DEPTH_MAX),
        (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, limits::TRIGGER_DEPTH_MAX),
        (Limit::SQLITE_LIMIT_VDBE_OP, limits::INSTRUCTIONS_MAX),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
    ] {
        connection.set_limit(limit, value)?;
    }
    Guard::install(guard, connection)
}

#[cfg(test)]
mod tests {
    use super::Bookmark;

    #[test]
    fn bookmarks_grow_whatever_the_clock_does() {
        let mut last = Bookmark::default();
        for now_s in [100, 100, 90, 101, 101, 17] {
            let next = last.next(now_s);
            assert!(next.to_string() > last.to_string());
            last = next;
        }
        assert_eq!(last.to_string().len(), 8 + 1 + 8 + 1 + 8 + 1 + 32);
    }
}

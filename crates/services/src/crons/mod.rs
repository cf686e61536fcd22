//! When cron triggers ran. A run is entered on the disk before it begins, under the time it was due at, and only one
//! entry of a time is ever made: so neither a restart, nor a reload, nor a clock that is set back runs it twice. A run
//! that a crash breaks off is not repeated, as Cloudflare does not repeat one either.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::{OptionalExtension, params};

use crate::Pending;
use crate::sqlite::{Database, OpenError, Schema};

/// How long an entry is kept, in milliseconds: no clock is set back by more.
const KEPT_MS: i64 = 32 * 24 * 60 * 60 * 1000;

const SCHEMA: Schema = Schema {
    version: 1,
    tables: "
        CREATE TABLE runs (
            worker TEXT NOT NULL,
            cron TEXT NOT NULL,
            due_ms INTEGER NOT NULL,
            PRIMARY KEY (worker, cron, due_ms)
        ) STRICT, WITHOUT ROWID;
    ",
    changes: &[],
};

/// A log that cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the log of cron triggers: {0}")]
pub struct RunLogError(String);

impl From<rusqlite::Error> for RunLogError {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}

/// The log of all Workers of a state folder.
pub struct RunLog {
    database: Database,
    /// Until when each Worker's schedules were looked at, in milliseconds since the epoch. Not kept: what was due while
    /// no server ran is not made up for.
    looked_until: Mutex<HashMap<String, i64>>,
}

impl RunLog {
    /// Opens the file, making it where it does not exist. Its folder must exist.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Ok(Self { database: Database::open(path, &SCHEMA)?, looked_until: Mutex::default() })
    }

    /// Enters a run, once and for all: `false` where it was entered before. Times are in milliseconds since the epoch.
    pub fn claim(&self, worker: &str, cron: &str, due_ms: i64) -> Pending<Result<bool, RunLogError>> {
        let (worker, cron) = (worker.to_owned(), cron.to_owned());
        let claimed = self.database.write(move |transaction| {
            let old = "DELETE FROM runs WHERE worker = ?1 AND cron = ?2 AND due_ms < ?3";
            transaction.execute(old, params![worker, cron, due_ms - KEPT_MS])?;
            let new = "INSERT OR IGNORE INTO runs (worker, cron, due_ms) VALUES (?1, ?2, ?3)";
            Ok(transaction.execute(new, params![worker, cron, due_ms])? == 1)
        });
        Pending::later(async move { Ok(claimed.await?) })
    }

    /// The latest time that was entered.
    pub fn last_run(&self, worker: &str, cron: &str) -> Result<Option<i64>, RunLogError> {
        let sql = "SELECT due_ms FROM runs WHERE worker = ?1 AND cron = ?2 ORDER BY due_ms DESC LIMIT 1";
        let read = |connection: &rusqlite::Connection| {
            connection.query_row(sql, [worker, cron], |row| row.get(0)).optional()
        };
        Ok(self.database.read(read)?)
    }

    /// Until when the Worker's schedules were looked at by this process; `now_ms` where they were not yet.
    pub fn looked_until(&self, worker: &str, now_ms: i64) -> i64 {
        let looked_until = self.looked_until.lock().unwrap_or_else(PoisonError::into_inner);
        looked_until.get(worker).copied().unwrap_or(now_ms)
    }

    /// Takes note that they were looked at until then.
    pub fn look(&self, worker: &str, until_ms: i64) {
        let mut looked_until = self.looked_until.lock().unwrap_or_else(PoisonError::into_inner);
        looked_until.insert(worker.to_owned(), until_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block_on;

    fn claim(log: &RunLog, cron: &str, due_ms: i64) -> bool {
        block_on(log.claim("worker", cron, due_ms).wait()).unwrap()
    }

    #[test]
    fn a_run_is_entered_once_however_often_the_log_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("crons.sqlite");
        let log = RunLog::open(&path).unwrap();
        assert!(claim(&log, "* * * * *", 60_000));
        assert!(claim(&log, "*/2 * * * *", 60_000), "each schedule runs for itself");
        drop(log);
        let log = RunLog::open(&path).unwrap();
        assert!(!claim(&log, "* * * * *", 60_000));
        assert!(claim(&log, "* * * * *", 120_000));
        assert!(!claim(&log, "* * * * *", 60_000), "the clock was set back");
        assert_eq!(log.last_run("worker", "* * * * *"), Ok(Some(120_000)));
        assert_eq!(log.last_run("other", "* * * * *"), Ok(None));
    }

    #[test]
    fn entries_are_kept_as_long_as_a_clock_may_be_set_back() {
        let folder = tempfile::tempdir().unwrap();
        let log = RunLog::open(&folder.path().join("crons.sqlite")).unwrap();
        assert!(claim(&log, "* * * * *", 0));
        assert!(claim(&log, "* * * * *", KEPT_MS));
        assert!(!claim(&log, "* * * * *", 0));
        assert!(claim(&log, "* * * * *", KEPT_MS + 1));
        assert!(claim(&log, "* * * * *", 0));
    }

    #[test]
    fn what_was_looked_at_is_known_to_the_next_version_of_a_worker() {
        let folder = tempfile::tempdir().unwrap();
        let log = RunLog::open(&folder.path().join("crons.sqlite")).unwrap();
        assert_eq!(log.looked_until("worker", 5), 5);
        log.look("worker", 3);
        assert_eq!(log.looked_until("worker", 5), 3);
    }
}

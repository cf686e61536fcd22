//! When which object is to be woken. The truth about an object's alarm is in its own storage, committed with what else it
//! wrote; this index in a file of its own is what the server looks at, so that it need not open every object's. It may
//! name an alarm that is no more, and whoever acts on it asks the object first; it never misses one.

use std::path::Path;

use rusqlite::{OptionalExtension, params};

use crate::queues::Signal;
use crate::sqlite::{Database, Schema};
use crate::{OpenError, block_on};

const SCHEMA: Schema = Schema {
    version: 1,
    tables: "CREATE TABLE alarms (
                 namespace TEXT NOT NULL,
                 object TEXT NOT NULL,
                 due_ms REAL NOT NULL,
                 next_ms REAL NOT NULL,
                 failures INTEGER NOT NULL,
                 PRIMARY KEY (namespace, object)
             ) WITHOUT ROWID;
             CREATE INDEX alarms_by_time ON alarms (next_ms);",
    changes: &[],
};

/// How many alarms are looked up at a time.
const AT_ONCE: i64 = 256;

/// An alarm to be handled.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    /// The key of the object's namespace.
    pub namespace: String,
    /// The object's id.
    pub object: String,
    /// What it was set to, in milliseconds since the epoch.
    pub due_ms: f64,
    /// How often handling it has failed.
    pub failures: u32,
}

/// See the module.
pub struct Alarms {
    database: Database,
    changed: Signal,
}

impl Alarms {
    /// Opens the index, making it where there is none.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        Ok(Self { database: Database::open(path, &SCHEMA)?, changed: Signal::default() })
    }

    /// Told when an alarm was set or removed.
    pub fn signal(&self) -> &Signal {
        &self.changed
    }

    /// Has whoever waits for a change look again.
    pub fn recheck(&self) {
        self.changed.raise();
    }

    /// Those to be handled by now, the longest due first; and when the next one after them is.
    pub fn due(&self, now_ms: f64) -> rusqlite::Result<(Vec<Alarm>, Option<f64>)> {
        self.database.read(|connection| {
            let mut due = connection.prepare_cached(
                "SELECT namespace, object, due_ms, failures FROM alarms WHERE next_ms <= ?1 ORDER BY next_ms LIMIT ?2",
            )?;
            let alarms = due.query_map(params![now_ms, AT_ONCE], |row| {
                Ok(Alarm { namespace: row.get(0)?, object: row.get(1)?, due_ms: row.get(2)?, failures: row.get(3)? })
            })?;
            let alarms = alarms.collect::<rusqlite::Result<_>>()?;
            let mut next = connection.prepare_cached("SELECT min(next_ms) FROM alarms WHERE next_ms > ?1")?;
            Ok((alarms, next.query_row([now_ms], |row| row.get(0)).optional()?.flatten()))
        })
    }

    /// All alarms of a namespace: each object's id, and when it is due, in milliseconds since the epoch.
    pub fn of(&self, namespace: &str) -> rusqlite::Result<Vec<(String, f64)>> {
        self.database.read(|connection| {
            let sql = "SELECT object, due_ms FROM alarms WHERE namespace = ?1";
            let mut statement = connection.prepare_cached(sql)?;
            statement.query_map([namespace], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
    }

    /// Handling it has failed: it is tried again then. Nothing happens where it was set anew meanwhile.
    pub fn postpone(&self, alarm: &Alarm, next_ms: f64) -> rusqlite::Result<()> {
        let Alarm { namespace, object, due_ms, failures } = alarm.clone();
        let written = self.database.write(move |transaction| {
            let mut update = transaction.prepare_cached(
                "UPDATE alarms SET next_ms = ?1, failures = ?2 WHERE namespace = ?3 AND object = ?4 AND due_ms = ?5",
            )?;
            update.execute(params![next_ms, failures, namespace, object, due_ms])
        });
        block_on(written)?;
        self.changed.raise();
        Ok(())
    }

    /// Sets or removes an object's alarm. Blocks until that is on the disk.
    pub(super) fn set(&self, namespace: &str, object: &str, due_ms: Option<f64>) -> rusqlite::Result<()> {
        let (namespace, object) = (namespace.to_owned(), object.to_owned());
        let written = self.database.write(move |transaction| match due_ms {
            Some(due_ms) => transaction
                .prepare_cached("INSERT OR REPLACE INTO alarms VALUES (?1, ?2, ?3, ?3, 0)")?
                .execute(params![namespace, object, due_ms]),
            None => transaction
                .prepare_cached("DELETE FROM alarms WHERE namespace = ?1 AND object = ?2")?
                .execute(params![namespace, object]),
        });
        block_on(written)?;
        self.changed.raise();
        Ok(())
    }

    /// Removes all alarms.
    pub(super) fn clear_all(&self) -> rusqlite::Result<()> {
        let written = self.database.write(|transaction| transaction.execute("DELETE FROM alarms", []));
        block_on(written).map(drop)
    }

    /// Removes all alarms of a namespace.
    pub(super) fn clear(&self, namespace: &str) -> rusqlite::Result<()> {
        let namespace = namespace.to_owned();
        let written = self.database.write(move |transaction| {
            transaction.execute("DELETE FROM alarms WHERE namespace = ?1", [&namespace])
        });
        block_on(written).map(drop)
    }
}

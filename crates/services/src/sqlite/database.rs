//! An SQLite file in write-ahead mode, shared by all threads of this process and by other processes.
//!
//! Readers see a snapshot and neither block the writer nor wait for it, so a point read, which takes microseconds, is
//! done on whichever thread asks. Writes go to the [`Writer`]'s thread.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::writer::{Durability, Writer, Written};

/// How long to wait for another process that is writing.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// What the write-ahead log is cut back to once its content has moved into the database.
const WAL_KEPT_BYTES: u32 = 16 << 20;

/// The tables of a kind of file.
pub(crate) struct Schema {
    /// Counted up with each change of the tables; kept in the file.
    pub(crate) version: i32,
    /// What makes them in an empty file.
    pub(crate) tables: &'static str,
    /// What makes those of the next version of those of the first, of the second, and so on.
    pub(crate) changes: &'static [&'static str],
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be created or locked.
    #[error("the database {path} cannot be created: {source}")]
    Create {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It cannot be read, or is no database.
    #[error("the database {path} cannot be opened: {source}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: rusqlite::Error,
    },
    /// Its tables are of a later release.
    #[error(
        "the database {path} has tables of version {found}; this hognose knows version {known} (use a newer hognose)"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// What the file says.
        found: i32,
        /// What this program makes.
        known: i32,
    },
}

/// An open file.
pub(crate) struct Database {
    path: PathBuf,
    /// Idle connections for reading: as many as there have been threads reading at a time.
    readers: Mutex<Vec<Connection>>,
    writer: Writer,
}

impl Database {
    /// Opens the file, making it and its tables where it is new.
    pub(crate) fn open(path: &Path, schema: &Schema) -> Result<Self, OpenError> {
        let connection = open_with_tables(path, schema)?;
        Ok(Self { path: path.into(), readers: Mutex::default(), writer: Writer::start(connection) })
    }

    /// Runs `work` on a connection for reading, on this thread.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => keeping_plans(connect(&self.path)?)?,
        };
        let result = work(&connection);
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        result
    }

    /// Has `work` done by the writer's thread, in a transaction with whatever else waits. The future resolves once it
    /// is on the disk; dropped before, the work is done all the same.
    ///
    /// `work` may be run twice: where a shared transaction fails, each part of it is tried by itself.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Written<T> {
        self.writer.submit(Durability::PowerCut, work)
    }

    /// The same for what may be lost with the power, though not with the process: the disk is not waited for.
    pub(crate) fn write_lightly<T: Send + 'static>(
        &self,
        work: impl FnMut(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Written<T> {
        self.writer.submit(Durability::Process, work)
    }
}

/// An exclusive lock that ends with the returned file. Makes the database file where there is none.
fn lock_beside(path: &Path) -> io::Result<File> {
    let lock = OpenOptions::new().create(true).append(true).mode(0o600).open(path.with_extension("lock"))?;
    lock.lock()?;
    // SQLite gives its companion files the permissions of the database: for the owner's eyes only. A file that exists
    // is not opened here, because closing it again would drop the locks this process holds on it.
    match OpenOptions::new().create_new(true).append(true).mode(0o600).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(lock),
    }
}

/// A connection for reading and writing to a file with these tables, made where it does not exist.
pub(crate) fn open_with_tables(path: &Path, schema: &Schema) -> Result<Connection, OpenError> {
    // Two processes that switch a new file to write-ahead mode at once get in each other's way beyond what a busy
    // timeout covers, so openings are serialised. The lock file stays: removing it would undo the exclusion.
    let _lock = lock_beside(path).map_err(|source| OpenError::Create { path: path.into(), source })?;
    let opened = prepare(path, schema).map_err(|source| OpenError::Open { path: path.into(), source })?;
    opened.map_err(|found| OpenError::Newer { path: path.into(), found, known: schema.version })
}

/// A connection for reading and writing to a file without tables of ours, made where it does not exist.
pub(crate) fn open_shared(path: &Path) -> Result<Connection, OpenError> {
    let _lock = lock_beside(path).map_err(|source| OpenError::Create { path: path.into(), source })?;
    connect_durably(path).map_err(|source| OpenError::Open { path: path.into(), source })
}

/// A connection for writing to a file with the right tables; or the version of tables this program does not know.
fn prepare(path: &Path, schema: &Schema) -> rusqlite::Result<Result<Connection, i32>> {
    let mut connection = keeping_plans(connect_durably(path)?)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > schema.version {
        return Ok(Err(found));
    }
    if found < schema.version {
        if let Ok(done) = usize::try_from(found - 1) {
            let mut changes = schema.changes.iter().skip(done);
            changes.try_for_each(|change| transaction.execute_batch(change))?;
        } else {
            transaction.execute_batch(schema.tables)?;
        }
        transaction.pragma_update(None, "user_version", schema.version)?;
    }
    transaction.commit()?;
    Ok(Ok(connection))
}

/// A connection whose commits survive a power cut.
fn connect_durably(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // FULL flushes the log at each commit.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "journal_size_limit", WAL_KEPT_BYTES)?;
    Ok(connection)
}

/// The connection, for statements of ours. How each of them is executed does not depend on its parameters, which SQLite
/// would look at by preparing it anew at every use.
fn keeping_plans(connection: Connection) -> rusqlite::Result<Connection> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, OptionalExtension, StatementStatus, params};

    use super::{Database, Schema};
    use crate::block_on;

    const SCHEMA: Schema =
        Schema { version: 1, tables: "CREATE TABLE t (number INTEGER, name TEXT) STRICT", changes: &[] };

    fn prepared_anew(connection: &Connection, limit: i64) -> rusqlite::Result<i32> {
        let mut statement = connection.prepare_cached("SELECT number FROM t WHERE name = ?1 LIMIT ?2")?;
        statement.query_row(params!["x", limit], |_| Ok(())).optional()?;
        Ok(statement.get_status(StatementStatus::RePrepare))
    }

    #[test]
    fn a_statement_is_prepared_once_whatever_its_parameters_are() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("file"), &SCHEMA).unwrap();
        for limit in 0..3 {
            assert_eq!(database.read(|connection| prepared_anew(connection, limit)), Ok(0));
            let written = database.write(move |transaction| prepared_anew(transaction, limit));
            assert_eq!(block_on(written), Ok(0));
        }
    }
}

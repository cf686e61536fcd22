//! An object's file: opening it, its transactions, and what is kept beside keys and tables.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::copy;
use super::log::{self, Log};
use super::past::Past;
use crate::Clock;
use crate::d1::sqlite::codes;
use crate::d1::sqlite::guard::Guard;
use crate::d1::sqlite::history::HistoryError;
use crate::d1::sqlite::thread::confine;
use crate::objects::{Answer, Flush, StorageError, limits};

/// Where the alarm stands in `_cf_METADATA`.
const ALARM: i64 = 1;

/// What objects with the older storage say of their past (workerd's text).
const NO_PAST: &str = "This Durable Object's storage back-end does not implement point-in-time recovery.";

/// See the module.
pub(super) struct ObjectFile {
    path: PathBuf,
    open: Option<Open>,
    /// How many transactions of the object's own stand within each other.
    depth: u32,
    /// Whether what was written waits for the commit.
    writing: bool,
    /// Whether the log has something that the disk may not have.
    unflushed: bool,
    /// What it was; objects with the older storage do not know.
    past: Option<Past>,
}

/// The file's connection.
pub(super) struct Open {
    pub(super) connection: Connection,
    pub(super) guard: Arc<Guard>,
    /// Stands before SQL of the engine's own, so that what a Worker writes is never served from what was prepared for it,
    /// which nobody has judged.
    mark: String,
    log: Log,
    /// Whether the hidden tables exist.
    has_keys: bool,
    has_metadata: bool,
}

impl Open {
    /// SQL of the engine's own, by which it is kept prepared.
    pub(super) fn own(&self, sql: &str) -> String {
        format!("{}{sql}", self.mark)
    }

    pub(super) fn worded(&self, error: &rusqlite::Error) -> StorageError {
        codes::worded(error, self.guard.refused_transaction()).into()
    }

    /// Runs a statement of the engine's own that comes again and again.
    fn execute(&self, sql: &str) -> Result<(), StorageError> {
        let sql = self.own(sql);
        self.trusted(|connection| connection.prepare_cached(&sql)?.execute([]).map(drop))
    }

    /// Runs work of the engine's own.
    pub(super) fn trusted<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StorageError> {
        self.guard.trusting(|| work(&self.connection)).map_err(|error| self.worded(&error))
    }
}

impl ObjectFile {
    pub(super) fn new(path: PathBuf, past: Option<Arc<dyn Clock>>) -> Self {
        let past = past.map(|clock| Past::new(path.clone(), clock));
        Self { path, open: None, depth: 0, writing: false, unflushed: false, past }
    }

    /// Goes back to what the last session has planned, before anything else is done. Says whether it did.
    pub(super) fn recall(&mut self) -> Result<bool, StorageError> {
        let Some(past) = &mut self.past else { return Ok(false) };
        past.recall().map_err(|error| StorageError::fatal(format!("The storage cannot be restored: {error}")))
    }

    /// Gives what follows the time of one operation.
    pub(super) fn begin_operation(&self) {
        if let Some(open) = &self.open {
            open.guard.begin_query(limits::OPERATION_MAX);
        }
    }

    /// Whether SQLite has ended a transaction by itself, as it does where a disk is full or a write was interrupted.
    pub(super) fn has_lost_its_writes(&self) -> bool {
        self.writing && self.open.as_ref().is_some_and(|open| open.connection.is_autocommit())
    }

    pub(super) fn is_committable(&self) -> bool {
        (self.writing && self.depth == 0) || self.unflushed
    }

    /// The connection, where there is a file to open.
    pub(super) fn existing(&mut self) -> Result<Option<&mut Open>, StorageError> {
        if self.open.is_none() && !self.path.exists() {
            return Ok(None);
        }
        self.opened().map(Some)
    }

    /// The connection; the file is made where there is none.
    pub(super) fn opened(&mut self) -> Result<&mut Open, StorageError> {
        if self.open.is_none() {
            let open = open(&self.path)?;
            self.open = Some(open);
        }
        Ok(self.open.as_mut().expect("invariant: it was opened above"))
    }

    /// The connection within a transaction.
    pub(super) fn writable(&mut self) -> Result<&mut Open, StorageError> {
        self.opened()?;
        let Self { open, past, writing, .. } = self;
        let open = open.as_mut().expect("invariant: it was opened above");
        if !*writing {
            if let Some(past) = past {
                past.before_write(&open.connection);
            }
            open.execute("BEGIN")?;
            *writing = true;
        }
        Ok(open)
    }

    /// The same, with the table of keys.
    pub(super) fn with_keys(&mut self) -> Result<&mut Open, StorageError> {
        let open = self.writable()?;
        if !open.has_keys {
            open.trusted(|connection| {
                connection.execute_batch(
                    "CREATE TABLE IF NOT EXISTS _cf_KV (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID",
                )
            })?;
            open.has_keys = true;
        }
        Ok(open)
    }

    /// The connection, where there is a table of keys.
    pub(super) fn keys(&mut self) -> Result<Option<&mut Open>, StorageError> {
        Ok(self.existing()?.filter(|open| open.has_keys))
    }

    /// Begins a transaction within those under way.
    pub(super) fn begin(&mut self) -> Result<Answer<'static>, StorageError> {
        if self.depth == limits::TRANSACTIONS_MAX {
            return Err(StorageError::error("Transactions are nested too deeply."));
        }
        let name = self.depth;
        self.writable()?.trusted(|connection| connection.execute_batch(&format!("SAVEPOINT _cf_{name}")))?;
        self.depth += 1;
        Ok(Answer::Done)
    }

    /// Ends the innermost transaction.
    pub(super) fn keep(&mut self) -> Result<Answer<'static>, StorageError> {
        let name = self.innermost()?;
        self.opened()?.trusted(|connection| connection.execute_batch(&format!("RELEASE _cf_{name}")))?;
        self.depth = name;
        Ok(Answer::Done)
    }

    /// Undoes the innermost transaction, and ends it.
    pub(super) fn undo(&mut self) -> Result<(), StorageError> {
        let name = self.innermost()?;
        let open = self.opened()?;
        open.trusted(|connection| {
            connection.execute_batch(&format!("ROLLBACK TO _cf_{name}; RELEASE _cf_{name}"))
        })?;
        open.look_for_tables()?;
        self.depth = name;
        Ok(())
    }

    /// Undoes all that was not committed.
    pub(super) fn abandon(&mut self) -> Result<(), StorageError> {
        self.depth = 0;
        if !std::mem::take(&mut self.writing) {
            return Ok(());
        }
        let open = self.opened()?;
        if !open.connection.is_autocommit() {
            open.trusted(|connection| connection.execute_batch("ROLLBACK"))?;
        }
        open.look_for_tables()
    }

    fn innermost(&self) -> Result<u32, StorageError> {
        self.depth.checked_sub(1).ok_or_else(|| StorageError::error("There is no transaction under way."))
    }

    /// Ends the transaction that gathers writes.
    pub(super) fn commit(&mut self) -> Result<(), StorageError> {
        if !self.writing || self.depth > 0 {
            return Ok(());
        }
        self.writing = false;
        let open = self.opened()?;
        let done = open.execute("COMMIT");
        if let Err(error) = done {
            if !open.connection.is_autocommit() {
                open.trusted(|connection| connection.execute_batch("ROLLBACK"))?;
            }
            return Err(StorageError { reset: true, ..error });
        }
        self.unflushed = true;
        self.move_log();
        Ok(())
    }

    /// Moves what the log holds into the database, where that is much and nobody copies them now.
    fn move_log(&mut self) {
        let Some(open) = self.open.as_ref().filter(|open| open.log.is_full()) else { return };
        let Some(_lock) = copy::may_move(&self.path) else { return };
        // Where it cannot be done, all is in the log as before, and the next commit tries again.
        let _ = open.trusted(|connection| connection.query_row("PRAGMA wal_checkpoint", [], |_| Ok(())));
    }

    /// Closes the file. What its log holds is moved out of it, and flushed; where somebody copies them now, it stays.
    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let lock = copy::may_move(&self.path);
        // It cannot be refused: the setting is the connection's own.
        let _ = open.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, lock.is_none());
        drop(open);
        self.past.iter().for_each(Past::closed);
    }

    /// What has the disk keep all commits so far.
    pub(super) fn flush(&mut self) -> Option<Flush> {
        if !std::mem::take(&mut self.unflushed) {
            return None;
        }
        // Closing the file has moved all of the log into the database, and flushed that.
        self.open.as_mut()?.log.flush()
    }

    /// Removes the file.
    pub(super) fn erase(&mut self) -> Result<(), StorageError> {
        if self.depth > 0 {
            return Err(StorageError::error("Cannot call deleteAll() within a transaction"));
        }
        if self.past.is_some() && !self.writing && self.path.exists() {
            // What is removed can be gone back to.
            self.writable().map(drop)?;
        }
        self.writing = false;
        self.unflushed = false;
        // SQLite undoes what was not committed.
        self.open = None;
        // The database goes first: a log without one counts for nothing.
        let removed = ["", "-wal", "-shm"].iter().try_for_each(|end| remove(&beside(&self.path, end)));
        removed.map_err(|error| StorageError::fatal(format!("The storage cannot be removed: {error}")))
    }

    /// When the alarm is due.
    pub(super) fn alarm(&mut self) -> Result<Option<f64>, StorageError> {
        self.metadata(ALARM)
    }

    /// Sets the alarm, or removes it.
    pub(super) fn set_alarm(&mut self, due_ms: Option<f64>) -> Result<(), StorageError> {
        self.set_metadata(ALARM, due_ms)
    }

    /// Has a history tell of the object's past, and of what is there now, which must be committed.
    pub(super) fn tell<T>(
        &mut self,
        ask: impl FnOnce(&mut Past, &Connection) -> Result<T, HistoryError>,
    ) -> Result<T, StorageError> {
        if self.depth > 0 {
            return Err(StorageError::error(
                "A transaction is under way; bookmarks are of what is committed.",
            ));
        }
        self.opened()?;
        let (Some(past), Some(open)) = (&mut self.past, &self.open) else {
            return Err(StorageError::error(NO_PAST));
        };
        ask(past, &open.connection).map_err(|error| StorageError::error(error.to_string()))
    }

    fn metadata(&mut self, key: i64) -> Result<Option<f64>, StorageError> {
        let Some(open) = self.existing()?.filter(|open| open.has_metadata) else { return Ok(None) };
        let sql = open.own("SELECT value FROM _cf_METADATA WHERE key = ?1");
        open.trusted(|connection| {
            connection
                .prepare_cached(&sql)?
                .query_row([key], |row| row.get(0))
                .optional()
                .map(Option::flatten)
        })
    }

    fn set_metadata(&mut self, key: i64, value: Option<f64>) -> Result<(), StorageError> {
        let open = self.writable()?;
        if !open.has_metadata {
            let table = "CREATE TABLE IF NOT EXISTS _cf_METADATA (key INTEGER PRIMARY KEY, value BLOB)";
            open.trusted(|connection| connection.execute_batch(table))?;
            open.has_metadata = true;
        }
        let sql = open.own("INSERT OR REPLACE INTO _cf_METADATA VALUES (?1, ?2)");
        open.trusted(|connection| connection.prepare_cached(&sql)?.execute((key, value))).map(drop)
    }
}

impl Open {
    fn look_for_tables(&mut self) -> Result<(), StorageError> {
        let names = self.trusted(|connection| {
            let mut names = connection
                .prepare("SELECT name FROM sqlite_schema WHERE name LIKE '\\_cf\\_%' ESCAPE '\\'")?;
            names.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        self.has_keys = names.iter().any(|name| name == "_cf_KV");
        self.has_metadata = names.iter().any(|name| name == "_cf_METADATA");
        Ok(())
    }
}

impl Drop for ObjectFile {
    fn drop(&mut self) {
        // What was not committed is undone.
        self.close();
    }
}

fn open(path: &Path) -> Result<Open, StorageError> {
    let unusable = |cause: String| {
        StorageError::fatal(format!("The storage {} cannot be opened: {cause}", path.display()))
    };
    make(path).map_err(|error| unusable(error.to_string()))?;
    let mut open = connect(path).map_err(|error| unusable(error.to_string()))?;
    open.look_for_tables()?;
    Ok(open)
}

/// Makes the file where there is none. SQLite gives its companions the permissions of the database: for the owner's eyes
/// only.
fn make(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match OpenOptions::new().create_new(true).append(true).mode(0o600).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn connect(path: &Path) -> rusqlite::Result<Open> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    // Set before the log is made, so that its index is in memory and not in a file of its own.
    connection.pragma_update(None, "locking_mode", "exclusive")?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // The log is flushed before its content moves, but not at each commit: `Flush` does that, on another thread.
    connection.pragma_update(None, "synchronous", "normal")?;
    // `move_log` does that.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", log::KEPT_BYTES as i64)?;
    let guard = Arc::new(Guard::default());
    confine(&mut connection, &guard)?;
    let mark = format!("/*{}*/", crate::random::name());
    let log = Log::of(&mut connection, path)?;
    Ok(Open { connection, guard, mark, log, has_keys: false, has_metadata: false })
}

pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

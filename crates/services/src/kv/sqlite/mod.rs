//! The embedded engine: all namespaces in one SQLite file, so that their writes share flushes.
//!
//! Reads run on the calling thread, against a snapshot. Small values lie in their entry's row; a large one lies apart,
//! in rows of [`values::CHUNK_BYTES`], under a number that is never used twice. So it can be written piece by piece
//! before its entry names it, and be read on, whole, after its entry has been overwritten (see [`values`]).
//! Several processes may use the file at a time.

mod admin;
mod tables;
mod values;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::{ErrorCode, Transaction};

use self::tables::{EntryKey, Found, NewEntry};
use self::values::{Stored, ValueId, ValueReader};
use super::{Entry, Kv, KvError, ListQuery, Page, PutOptions};
use crate::pins::Pins;
use crate::sqlite::{Database, OpenError};
use crate::{Clock, Content, Pending, block_on};

/// How often a store that is written to removes what has expired, in seconds.
const SWEEP_INTERVAL_S: i64 = 60;

/// The file with all namespaces.
#[derive(Clone)]
pub struct SqliteKv {
    store: Arc<Store>,
}

/// What handles, readers and uploads share.
struct Store {
    database: Database,
    clock: Arc<dyn Clock>,
    pins: Arc<Pins<ValueId>>,
    /// When the next write is to sweep as well, in seconds since the epoch.
    next_sweep_s: Arc<AtomicI64>,
}

impl SqliteKv {
    /// Opens the file, making it where it does not exist. Its folder must exist.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let database = Database::open(path, &tables::SCHEMA)?;
        let store = Store { database, clock, pins: Arc::default(), next_sweep_s: Arc::default() };
        Ok(Self { store: Arc::new(store) })
    }

    /// The namespace of that id, which may hold any characters; made where it does not exist. Waits for the disk then.
    pub fn namespace(&self, id: &str) -> Result<SqliteNamespace, KvError> {
        let found = self.store.database.read(|connection| tables::find_namespace(connection, id))?;
        let number = found.map_or_else(|| self.make_namespace(id), Ok)?;
        Ok(SqliteNamespace { store: self.store.clone(), number })
    }

    fn make_namespace(&self, id: &str) -> rusqlite::Result<i64> {
        let id = id.to_owned();
        block_on(self.store.database.write(move |transaction| tables::make_namespace(transaction, &id)))
    }

    /// Removes what has expired and what nothing refers to any more. The store does so itself while it is written to.
    pub async fn sweep(&self) -> Result<(), KvError> {
        while self.store.database.write(self.store.sweeping()).await? {}
        Ok(())
    }
}

impl Store {
    /// One bounded step of a sweep; gives whether there is more to do.
    fn sweeping(&self) -> impl FnMut(&Transaction<'_>) -> rusqlite::Result<bool> + Send + 'static {
        let (pins, now_s) = (self.pins.clone(), self.clock.now_s());
        move |transaction| tables::sweep(transaction, &pins, now_s)
    }

    /// Has the writer sweep, where the last time is long ago or has not finished.
    fn sweep_if_due(&self) {
        let now_s = self.clock.now_s();
        let due_s = self.next_sweep_s.load(Ordering::Relaxed);
        let next_s = now_s + SWEEP_INTERVAL_S;
        let exchanged =
            self.next_sweep_s.compare_exchange(due_s, next_s, Ordering::Relaxed, Ordering::Relaxed);
        if now_s < due_s || exchanged.is_err() {
            return;
        }
        let (mut step, next_sweep_s) = (self.sweeping(), self.next_sweep_s.clone());
        drop(self.database.write(move |transaction| {
            if step(transaction)? {
                next_sweep_s.store(now_s, Ordering::Relaxed);
            }
            Ok(())
        }));
    }

    /// A row as an entry, its value pinned where it lies apart.
    fn entry(self: &Arc<Self>, found: Found) -> Entry {
        let value = match found.value {
            Stored::Inline(bytes) => Content::Whole(bytes),
            Stored::Apart { value, length } => {
                Content::Stream(Box::new(ValueReader::new(self.clone(), value, length)))
            }
        };
        Entry { value, metadata: found.metadata }
    }
}

/// One namespace of a [`SqliteKv`].
pub struct SqliteNamespace {
    store: Arc<Store>,
    number: i64,
}

impl SqliteNamespace {
    fn find(&self, keys: &[&str]) -> Result<Vec<Option<Entry>>, KvError> {
        let now_s = self.store.clock.now_s();
        let found = self.store.database.read(|connection| {
            keys.iter()
                .map(|key| tables::find(connection, self.number, key, now_s))
                .collect::<Result<Vec<_>, _>>()
        })?;
        Ok(found.into_iter().map(|row| row.map(|found| self.store.entry(found))).collect())
    }

    fn key(&self, name: &str) -> EntryKey {
        EntryKey { namespace: self.number, name: name.to_owned() }
    }
}

impl Kv for SqliteNamespace {
    fn get(&self, key: &str) -> Pending<Result<Option<Entry>, KvError>> {
        Pending::Ready(self.find(&[key]).map(|mut entries| entries.pop().flatten()))
    }

    fn get_many(&self, keys: &[&str]) -> Pending<Result<Vec<Option<Entry>>, KvError>> {
        Pending::Ready(self.find(keys))
    }

    fn put(&self, key: &str, value: Content, options: PutOptions) -> Pending<Result<(), KvError>> {
        let (store, key) = (self.store.clone(), self.key(key));
        store.sweep_if_due();
        Pending::later(async move {
            let (value, upload) = values::store(&store, value).await?;
            let entry = NewEntry { key, value, options };
            let now_s = store.clock.now_s();
            store.database.write(move |transaction| tables::put(transaction, &entry, now_s)).await?;
            if let Some(upload) = upload {
                upload.claimed();
            }
            Ok(())
        })
    }

    fn delete(&self, key: &str) -> Pending<Result<(), KvError>> {
        let (key, now_s) = (self.key(key), self.store.clock.now_s());
        self.store.sweep_if_due();
        let written = self.store.database.write(move |transaction| tables::delete(transaction, &key, now_s));
        Pending::later(async move { Ok(written.await?) })
    }

    fn list(&self, query: ListQuery<'_>) -> Pending<Result<Page, KvError>> {
        let now_s = self.store.clock.now_s();
        let page = self.store.database.read(|connection| tables::list(connection, self.number, query, now_s));
        Pending::Ready(page.map_err(KvError::from))
    }
}

impl From<rusqlite::Error> for KvError {
    fn from(error: rusqlite::Error) -> Self {
        let cause = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { cause },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { cause },
            _ => Self::Engine { cause },
        }
    }
}

//! The embedded engine: a file for each database, in which one thread runs the queries, one after the other.
//!
//! A thread, because a query may take seconds and its commit waits for the disk; one, because D1 has one writer and
//! runs statements serially. The file is opened at the first query, so that a database which is damaged fails its own
//! queries and nothing else. Several processes may use a file at a time.

mod admin;
pub(crate) mod codes;
pub(crate) mod execute;
mod export;
pub(crate) mod guard;
pub(crate) mod history;
mod insights;
mod recorder;
pub(crate) mod thread;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use self::admin::{DatabaseFile, DeleteError};
pub use self::export::{ExportError, ExportOptions, export};
pub use self::history::{History, HistoryError, Moment, point_in_time};
pub use self::insights::Costs;
use self::thread::DatabaseThread;
use super::{D1, D1Error, Outcome, Statement, limits};
use crate::file_name::file_name;
use crate::{Clock, Pending};

/// The folder with all databases.
pub struct SqliteD1 {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    query_max: Duration,
    /// Those in use: Workers that share an id share the thread.
    open: Mutex<HashMap<String, Arc<DatabaseThread>>>,
}

impl SqliteD1 {
    /// Keeps databases in `folder`, which must exist.
    pub fn new(folder: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self { folder, clock, query_max: limits::QUERY_MAX, open: Mutex::default() }
    }

    /// The same with another limit on the time of a query.
    #[must_use]
    pub fn with_query_max(self, query_max: Duration) -> Self {
        Self { query_max, ..self }
    }

    /// The database of that id, which may hold any characters; made at its first query where it does not exist.
    pub fn database(&self, id: &str) -> SqliteDatabase {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let thread = open.entry(id.to_owned()).or_insert_with(|| {
            let (path, clock) = (self.path(id), Arc::clone(&self.clock));
            Arc::new(DatabaseThread::start(path, clock, self.query_max))
        });
        SqliteDatabase { thread: Arc::clone(thread) }
    }

    /// Where the database of that id lies.
    pub fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{}.sqlite", file_name(id)))
    }
}

/// One database of a [`SqliteD1`].
pub struct SqliteDatabase {
    thread: Arc<DatabaseThread>,
}

impl SqliteDatabase {
    /// What its statements have cost since it was opened in this process, text by text.
    pub fn insights(&self) -> Vec<(String, Costs)> {
        self.thread.insights()
    }
}

impl D1 for SqliteDatabase {
    fn query(&self, statements: Vec<Statement>) -> Pending<Result<Outcome, D1Error>> {
        self.thread.submit(statements)
    }
}

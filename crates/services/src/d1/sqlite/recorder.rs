//! Sees to it that a database has a history, without making its queries wait: what a moment is made of is held on to by a
//! read transaction, and copied by a thread of its own.
//!
//! A history is for mistakes, and no part of what a query promises: where it cannot be written, the queries go on.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::history::{self, History, HistoryError};
use crate::Clock;
use crate::sqlite::pinned;

/// What takes the moments of one database.
pub(super) struct Recorder {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    /// When the next may be taken, in seconds since the epoch.
    next_s: i64,
    /// Whether something was written since the last.
    is_behind: bool,
    under_way: Option<JoinHandle<()>>,
}

impl Recorder {
    pub(super) fn new(path: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self { path, clock, next_s: i64::MIN, is_behind: false, under_way: None }
    }

    /// Has a moment taken of what is there before a write, where it is time.
    pub(super) fn before_write(&mut self) {
        let now_s = self.clock.now_s();
        let is_busy = self.under_way.as_ref().is_some_and(|thread| !thread.is_finished());
        if now_s >= self.next_s && !is_busy {
            self.next_s =
                now_s + history::interval_s(fs::metadata(&self.path).map_or(0, |about| about.len()));
            self.begin(now_s);
        }
        self.is_behind = true;
    }

    fn begin(&mut self, now_s: i64) {
        let since_s = history::written_s(&self.path).unwrap_or(now_s);
        let Ok(seen) = pinned(&self.path) else { return };
        let path = self.path.clone();
        let thread = std::thread::Builder::new().name("d1-history".into());
        let taking = thread.spawn(move || drop(take(&path, &seen, since_s, now_s)));
        self.under_way = taking.ok();
    }
}

impl Drop for Recorder {
    /// Nothing tells afterwards when the last write was, so it is noted now.
    fn drop(&mut self) {
        if let Some(thread) = self.under_way.take() {
            // It has nothing to say.
            let _ = thread.join();
        }
        let now_s = self.clock.now_s();
        if self.is_behind && self.path.exists() {
            let since_s = history::written_s(&self.path).unwrap_or(now_s);
            let _ = pinned(&self.path).map(|seen| take(&self.path, &seen, since_s, now_s));
        }
    }
}

fn take(path: &Path, seen: &Connection, since_s: i64, now_s: i64) -> Result<(), HistoryError> {
    History::open(path)?.take(seen, since_s, now_s).map(drop)
}

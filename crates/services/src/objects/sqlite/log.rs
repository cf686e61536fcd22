//! An object's log: how much of it is used, and how what it holds gets onto the disk.
//!
//! What is written past the end of a file changes its size, too, and the disk has to keep that with it: a second write,
//! for which the first is waited for. So the log of an object that writes much is made longer beforehand, and begun anew
//! at its full length once its content has moved. Bytes after the last commit count for nothing: SQLite knows its own by
//! a number that each beginning changes.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;
use rusqlite::hooks::Wal;

use super::file::beside;
use crate::objects::Flush;

/// Content moves out of a log of this size, in bytes.
const MOVED_BYTES: u64 = 4 << 20;
/// A log is made longer from this size on: few objects write so much while they live.
const LENGTHENED_BYTES: u64 = 64 << 10;
/// What a page takes in the log, in bytes.
const FRAME_BYTES: u64 = 4096 + 24;
/// What is left of a log that is begun anew, in bytes.
pub(super) const KEPT_BYTES: u64 = MOVED_BYTES + LENGTHENED_BYTES;

/// See the module.
pub(super) struct Log {
    path: PathBuf,
    file: Option<Arc<File>>,
    /// How many pages have been written since it was begun.
    pages: Arc<AtomicU64>,
    /// How long it is, as far as it was made longer here.
    length: u64,
}

impl Log {
    /// The log of a database, which need not exist yet.
    pub(super) fn of(connection: &mut Connection, database: &Path) -> rusqlite::Result<Self> {
        let pages = Arc::<AtomicU64>::default();
        let told = Arc::clone(&pages);
        connection.wal_hook(Some(move |_: &mut Wal, pages| {
            told.store(u64::try_from(pages).unwrap_or_default(), Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self { path: beside(database, "-wal"), file: None, pages, length: 0 })
    }

    fn used(&self) -> u64 {
        self.pages.load(Ordering::Relaxed) * FRAME_BYTES
    }

    /// Whether what it holds is so much that it is to move.
    pub(super) fn is_full(&self) -> bool {
        self.used() >= MOVED_BYTES
    }

    /// What has the disk keep all commits so far; `None`: nothing was ever written.
    pub(super) fn flush(&mut self) -> Option<Flush> {
        let file = match self.opened() {
            Ok(file) => Arc::clone(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return Some(Box::new(move || Err(error))),
        };
        self.lengthen(&file);
        Some(Box::new(move || file.sync_data()))
    }

    fn opened(&mut self) -> io::Result<&Arc<File>> {
        match &mut self.file {
            Some(file) => Ok(file),
            none => Ok(none.insert(Arc::new(OpenOptions::new().write(true).open(&self.path)?))),
        }
    }

    /// Doubles the log where little of it is left.
    fn lengthen(&mut self, file: &File) {
        let used = self.used();
        if used < LENGTHENED_BYTES || self.length > used + used / 4 || self.length >= MOVED_BYTES {
            return;
        }
        let Ok(length) = file.metadata().map(|about| about.len()) else { return };
        let longer = (2 * used).min(KEPT_BYTES);
        let zeros = vec![0; longer.saturating_sub(length) as usize];
        // Where the disk is full, the next commit says so.
        let _ = file.write_all_at(&zeros, length);
        self.length = longer;
    }
}

//! What an object was, and the way back to it. Moments of its storage are noted before writes, at most one for each
//! interval, in a history of its own beside its file ([`crate::d1::History`] says how). Going back waits for the next
//! time that the object is opened: until then a small file names the bookmark.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, UNIX_EPOCH};

use rusqlite::Connection;

use super::copy;
use crate::Clock;
use crate::d1::sqlite::execute::PAGE_BYTES;
use crate::d1::sqlite::history::{self, History, HistoryError, Moment, Staged};

/// The end of the name of the file that says what the next session begins with.
const PLANNED: &str = "restore";

/// See the module.
pub(super) struct Past {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    /// When the next moment may be noted, in seconds since the epoch; `None`: before the first write.
    next_s: Option<i64>,
    /// When this session wrote last.
    written_s: Option<i64>,
    /// What tells the bookmarks of one moment apart.
    serial: i64,
    is_recalled: bool,
    under_way: Option<JoinHandle<()>>,
}

impl Past {
    pub(super) fn new(path: PathBuf, clock: Arc<dyn Clock>) -> Self {
        let (next_s, written_s) = (None, None);
        Self { path, clock, next_s, written_s, serial: 0, is_recalled: false, under_way: None }
    }

    /// Has a moment noted of what is there before a write, where it is time. It is no part of what a write promises:
    /// where it fails, the write goes on.
    pub(super) fn before_write(&mut self, seen: &Connection) {
        let now_s = self.clock.now_s();
        let next_s = self.next_s.unwrap_or_else(|| first_due_s(&self.path, now_s));
        let is_busy = self.under_way.as_ref().is_some_and(|thread| !thread.is_finished());
        if now_s >= next_s && !is_busy {
            self.next_s = Some(now_s + history::interval_s(size(&self.path)));
            self.under_way = self.begin_to_note(seen, now_s).ok();
        } else {
            self.next_s = Some(next_s);
        }
        self.written_s = Some(now_s);
    }

    /// Copies the storage; what takes longer is another thread's.
    fn begin_to_note(&self, seen: &Connection, now_s: i64) -> Result<JoinHandle<()>, HistoryError> {
        let (path, since_s) = (self.path.clone(), self.since_s(now_s));
        let staged = Staged::of(seen, &path)?;
        let thread = std::thread::Builder::new().name("object-history".into());
        let noting = thread.spawn(move || {
            let noted =
                History::open(&path).and_then(|mut history| history.keep(&staged, since_s, now_s, None));
            drop(noted);
        });
        noting.map_err(|source| HistoryError::Copy { path: self.path.clone(), source })
    }

    /// A bookmark of the present state, which sorts after all before.
    pub(super) fn mark(&mut self, seen: &Connection) -> Result<String, HistoryError> {
        let now_s = self.clock.now_s();
        let since_s = self.since_s(now_s);
        let moment = self.history()?.take(seen, since_s, now_s)?;
        self.serial = now_s.max(self.serial + 1);
        Ok(moment.numbered(self.serial))
    }

    /// A bookmark of the state at that time; `None` where it is not known.
    pub(super) fn mark_at(&mut self, seen: &Connection, then_s: i64) -> Result<Option<String>, HistoryError> {
        if then_s >= self.since_s(self.clock.now_s()) {
            return self.mark(seen).map(Some);
        }
        Ok(self.history()?.at(then_s)?.map(|moment| moment.to_string()))
    }

    /// Sees to it that the next session begins with the state of that bookmark; `None` where that is not known. Gives a
    /// bookmark of what will be there just before.
    pub(super) fn plan(&mut self, bookmark: &str) -> Result<Option<String>, HistoryError> {
        if self.history()?.marked(bookmark)?.is_none() {
            return Ok(None);
        }
        let before = Moment::to_come(self.clock.now_s());
        let marker = self.marker();
        write_whole(&marker, &format!("{bookmark}\n{before}")).map_err(failing(&marker))?;
        Ok(Some(before))
    }

    /// Goes back to what the last session has planned; to be called before the file is opened. Says whether it did.
    pub(super) fn recall(&mut self) -> Result<bool, HistoryError> {
        if std::mem::replace(&mut self.is_recalled, true) {
            return Ok(false);
        }
        let marker = self.marker();
        let planned = match fs::read_to_string(&marker) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            read => read.map_err(failing(&marker))?,
        };
        let (bookmark, before) = planned.split_once('\n').unwrap_or((&planned, ""));
        let went = self.go_back(bookmark, before);
        // What cannot be gone back to now cannot be later: the object goes on with what it has.
        fs::remove_file(&marker).map_err(failing(&marker))?;
        went.map(|()| true)
    }

    fn go_back(&mut self, bookmark: &str, before: &str) -> Result<(), HistoryError> {
        let path = self.path.clone();
        let _lock = copy::wait_to_move(&path).map_err(failing(&path))?;
        let now_s = self.clock.now_s();
        let mut history = History::open(&path)?;
        // A process that died here may have noted it, and the file may be what it is to be already.
        if path.exists() && history.marked(before)?.is_none() {
            let since_s = self.since_s(now_s);
            let live = Connection::open(&path)
                .map_err(|source| HistoryError::Database { path: path.clone(), source })?;
            history.keep(&Staged::of(&live, &path)?, since_s, now_s, Some(before))?;
        }
        let forgotten = || HistoryError::Damaged { path: path.clone(), what: "a moment is missing".into() };
        let moment = history.marked(bookmark)?.ok_or_else(forgotten)?;
        history.lay_out(&moment)?.put_in_place(&path).map_err(failing(&path))?;
        self.written_s = Some(now_s);
        Ok(())
    }

    /// The file was closed: its time is to be that of the last write, from which the next session reckons.
    pub(super) fn closed(&self) {
        let Some(written) = self.written_s.and_then(|second| u64::try_from(second).ok()) else { return };
        let time = UNIX_EPOCH + Duration::from_secs(written);
        // Without it a moment seems to begin a little later.
        let _ = File::options().write(true).open(&self.path).and_then(|file| file.set_modified(time));
    }

    /// When what is there now was written.
    fn since_s(&self, now_s: i64) -> i64 {
        self.written_s.or_else(|| history::written_s(&self.path)).unwrap_or(now_s)
    }

    fn history(&mut self) -> Result<History, HistoryError> {
        if let Some(thread) = self.under_way.take() {
            // It has nothing to say.
            let _ = thread.join();
        }
        History::open(&self.path)
    }

    fn marker(&self) -> PathBuf {
        self.path.with_extension(PLANNED)
    }
}

impl Drop for Past {
    fn drop(&mut self) {
        if let Some(thread) = self.under_way.take() {
            let _ = thread.join();
        }
    }
}

/// When the first write of a session has a moment noted: at once, unless there is nothing to be noted, or one was noted
/// just before.
fn first_due_s(path: &Path, now_s: i64) -> i64 {
    let bytes = size(path);
    match history::written_s(&history::file(path)) {
        Some(noted_s) => noted_s + history::interval_s(bytes),
        None if bytes <= PAGE_BYTES => now_s + history::interval_s(bytes),
        None => now_s,
    }
}

/// The bytes of a file and its log. One page is a database without a table.
fn size(path: &Path) -> u64 {
    let log = path.with_extension("sqlite-wal");
    [path, &log].iter().filter_map(|path| fs::metadata(path).ok()).map(|about| about.len()).sum()
}

/// Writes a file that is there whole or not at all.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let fresh = path.with_extension("restore-copy");
    let mut file = File::create(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn failing(path: &Path) -> impl FnOnce(io::Error) -> HistoryError {
    let path = path.to_owned();
    |source| HistoryError::Copy { path, source }
}

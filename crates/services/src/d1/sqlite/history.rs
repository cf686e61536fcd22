//! What a database was: moments of it, kept in a file of its own beside it, and the way back to one.
//!
//! A moment is a copy of the whole database, of which only those pages are stored that the moment before did not have. The first
//! write after a while has one taken of what was there before it, so that a database nobody writes to costs nothing; larger ones are copied
//! more rarely. Moments of the last day are all kept, older ones one for each hour, for thirty days.
//!
//! A moment holds from the last write before it until the next write after it, so a point in time leads to the last one
//! that had no later write in it.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use super::execute::PAGE_BYTES;
use crate::sqlite::{OpenError, Schema, copy, damage, open_shared, open_with_tables, pinned};

/// The number in a bookmark of what there will be just before a database goes back: nobody knows its number yet.
const TO_COME: i64 = 0xffff_ffff;
/// What a database's copy is called, beside it.
const COPY: &str = "-copy";
/// How long after a moment the next is taken at the earliest, in seconds.
const INTERVAL_S: i64 = 60;
/// How many bytes of a database make its moments a second rarer.
const BYTES_PER_S: u64 = 100_000;
/// How long every moment is kept, in seconds.
const ALL_KEPT_S: i64 = 24 * 3600;
/// Of older ones, one is kept for each so many seconds.
const KEPT_EACH_S: i64 = 3600;
/// How long those are kept, in seconds.
const KEPT_S: i64 = 30 * 24 * 3600;
/// The size that a history may have, however small its database is, in bytes. More is three times the database's.
const SIZE_MIN_BYTES: u64 = 256 << 20;
/// How often the way back waits for a writer, a tenth of a second each time.
const BUSY_MAX: u32 = 100;

const SCHEMA: Schema = Schema {
    version: 1,
    tables: "
        -- `since_s` is the last write before the moment; `state` a digest of all pages.
        CREATE TABLE moments (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            since_s INTEGER NOT NULL,
            pages INTEGER NOT NULL,
            state TEXT NOT NULL
        ) STRICT;

        -- A moment's page is that of the last moment up to it that has one.
        CREATE TABLE pages (
            page INTEGER NOT NULL,
            moment INTEGER NOT NULL,
            digest BLOB NOT NULL,
            content BLOB NOT NULL,
            UNIQUE (page, moment)
        ) STRICT;
        CREATE INDEX pages_by_moment ON pages (moment);
    ",
    changes: &[],
};

/// A state that a database had, and can have again. Its text is its bookmark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When the last write of it was, in seconds since the epoch.
    pub since_s: i64,
    number: i64,
    pages: u32,
    state: String,
}

impl std::fmt::Display for Moment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.numbered(0))
    }
}

impl Moment {
    /// A bookmark that sorts among others of the same moment by its number.
    pub(crate) fn numbered(&self, serial: i64) -> String {
        format!("{:08x}-{:08x}-{serial:08x}-{}", self.since_s, self.number, self.state)
    }

    /// A bookmark of a moment that is still to be kept under it ([`History::keep`]).
    pub(crate) fn to_come(now_s: i64) -> String {
        format!("{now_s:08x}-{TO_COME:08x}-00000000-{}", crate::random::name())
    }
}

/// Why a database cannot be what it was.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The history's file cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The history or the database cannot be read or written.
    #[error("{}: {source}", path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// Why not.
        source: rusqlite::Error,
    },
    /// A copy cannot be written or read.
    #[error("{}: {source}", path.display())]
    Copy {
        /// The copy.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What was kept is not what the database was.
    #[error("the history of {} is damaged: {what}", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

/// The history of one database.
pub struct History {
    path: PathBuf,
    connection: Connection,
}

impl History {
    /// Opens the history of the database of that path, making it where there is none.
    pub fn open(path: &Path) -> Result<Self, HistoryError> {
        let connection = open_with_tables(&file(path), &SCHEMA)?;
        Ok(Self { path: path.to_owned(), connection })
    }

    /// The database as it is now.
    pub fn now(&mut self, now_s: i64) -> Result<Moment, HistoryError> {
        let (since_s, failed) = (written_s(&self.path), failing(&self.path));
        let seen = pinned(&self.path).map_err(failed)?;
        self.take(&seen, since_s.unwrap_or(now_s), now_s)
    }

    /// The database as it was then; `None` where that is not known any more.
    pub fn at(&self, then_s: i64) -> Result<Option<Moment>, HistoryError> {
        let sql = "SELECT number, since_s, pages, state FROM moments WHERE since_s <= ?1 ORDER BY number DESC LIMIT 1";
        self.connection.query_row(sql, [then_s], moment).optional().map_err(failing(&self.path))
    }

    /// The moment of a bookmark, of this history's or of a Worker's session, which is a point in time.
    pub fn marked(&self, bookmark: &str) -> Result<Option<Moment>, HistoryError> {
        let parts: Vec<&str> = bookmark.split('-').collect();
        let [second, number, _, state] = parts[..] else { return Ok(None) };
        let (Ok(second), Ok(number)) = (i64::from_str_radix(second, 16), i64::from_str_radix(number, 16))
        else {
            return Ok(None);
        };
        if state.bytes().all(|byte| byte == b'0') {
            return self.at(second);
        }
        let sql =
            "SELECT number, since_s, pages, state FROM moments WHERE (number = ?1 OR ?1 = ?3) AND state = ?2";
        self.connection
            .query_row(sql, (number, state, TO_COME), moment)
            .optional()
            .map_err(failing(&self.path))
    }

    /// When the history begins, in seconds since the epoch.
    pub fn begins_s(&self) -> Result<Option<i64>, HistoryError> {
        let sql = "SELECT min(since_s) FROM moments";
        self.connection.query_row(sql, [], |row| row.get(0)).map_err(failing(&self.path))
    }

    /// Makes the database what it was. Whoever works with it sees all of the change at once. Waits for the disk.
    pub fn restore(&self, moment: &Moment) -> Result<(), HistoryError> {
        let staged = self.lay_out(moment)?;
        let failed = |source| HistoryError::Database { path: self.path.clone(), source };
        let then = Connection::open(&staged.0).map_err(failed)?;
        let mut live = open_shared(&self.path)?;
        let backup = Backup::new(&then, &mut live).map_err(failed)?;
        for _ in 0..BUSY_MAX {
            match backup.step(-1).map_err(failed)? {
                StepResult::Done => return Ok(()),
                _ => std::thread::sleep(std::time::Duration::from_millis(100)),
            }
        }
        Err(failed(busy()))
    }

    /// The database as it was in that moment, in a file of its own.
    pub(crate) fn lay_out(&self, moment: &Moment) -> Result<Staged, HistoryError> {
        let staged = Staged::new(&self.path)?;
        self.write_pages(moment, &staged.0)?;
        let failed = |source| HistoryError::Database { path: self.path.clone(), source };
        let then = Connection::open(&staged.0).map_err(failed)?;
        match damage(&then).map_err(failed)? {
            Some(what) => Err(HistoryError::Damaged { path: self.path.clone(), what }),
            None => Ok(staged),
        }
    }

    /// Keeps a moment that was copied, under the bookmark given out before for it, if one was.
    pub(crate) fn keep(
        &mut self,
        copied: &Staged,
        since_s: i64,
        now_s: i64,
        bookmark: Option<&str>,
    ) -> Result<Moment, HistoryError> {
        let path = self.path.clone();
        let state = bookmark.and_then(|bookmark| bookmark.rsplit('-').next());
        let transaction = self.connection.transaction().map_err(failing(&path))?;
        let moment = enter(&transaction, &path, copied, (since_s, now_s, state))?;
        transaction.commit().map_err(failing(&path))?;
        Ok(moment)
    }

    /// Takes a moment of what a connection sees.
    pub(crate) fn take(
        &mut self,
        seen: &Connection,
        since_s: i64,
        now_s: i64,
    ) -> Result<Moment, HistoryError> {
        let path = self.path.clone();
        // From here on no other process copies this database.
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failing(&path))?;
        let moment = enter(&transaction, &path, &Staged::of(seen, &path)?, (since_s, now_s, None))?;
        transaction.commit().map_err(failing(&path))?;
        Ok(moment)
    }

    fn write_pages(&self, moment: &Moment, to: &Path) -> Result<(), HistoryError> {
        let failed = |source| HistoryError::Database { path: self.path.clone(), source };
        let file = OpenOptions::new().write(true).open(to).map_err(copying(to))?;
        let sql = "SELECT content FROM pages WHERE page = ?1 AND moment <= ?2 ORDER BY moment DESC LIMIT 1";
        let mut statement = self.connection.prepare(sql).map_err(failed)?;
        for page in 0..u64::from(moment.pages) {
            let content: Vec<u8> =
                statement.query_row(params![page as i64, moment.number], |row| row.get(0)).map_err(failed)?;
            file.write_all_at(&content, page * PAGE_BYTES).map_err(copying(to))?;
        }
        Ok(())
    }
}

/// What a text means by a time: seconds since the epoch, or ISO 8601 with a year. In seconds since the epoch.
pub fn point_in_time(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    // SQLite also knows times without a date, and words.
    let has_year =
        text.split_once('-').is_some_and(|(year, _)| year.len() == 4 && year.parse::<u32>().is_ok());
    let read = || {
        let connection = Connection::open_in_memory().ok()?;
        connection.query_row("SELECT unixepoch(?1)", [text], |row| row.get(0)).ok().flatten()
    };
    if has_year { read() } else { None }
}

/// How long after a moment of a database of that size the next is taken at the earliest, in seconds.
pub(crate) fn interval_s(bytes: u64) -> i64 {
    INTERVAL_S.max((bytes / BYTES_PER_S) as i64)
}

/// When a database was last written to, in seconds since the epoch: its log was, while that has something in it.
pub(crate) fn written_s(path: &Path) -> Option<i64> {
    let log = fs::metadata(beside(path, "-wal")).ok().filter(|log| log.len() > 0);
    let about = log.map_or_else(|| fs::metadata(path).ok(), Some)?;
    let since = about.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok()
}

/// Where the history of a database lies.
pub(crate) fn file(path: &Path) -> PathBuf {
    path.with_extension("history.sqlite")
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// A copy of a database, for as long as this lives.
pub(crate) struct Staged(PathBuf);

impl Staged {
    /// A copy of what a connection to the database of that path sees.
    pub(crate) fn of(seen: &Connection, path: &Path) -> Result<Self, HistoryError> {
        let staged = Self::new(path)?;
        copy(seen, &staged.0, || true).map_err(failing(path))?;
        Ok(staged)
    }

    /// Makes the copy the database, which nobody may have open.
    pub(crate) fn put_in_place(self, path: &Path) -> io::Result<()> {
        File::open(&self.0)?.sync_all()?;
        // A log would be taken for that of the copy.
        for end in ["-wal", "-shm"] {
            match fs::remove_file(beside(path, end)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.0, path)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }

    /// Makes it, empty and for the owner's eyes only.
    fn new(path: &Path) -> Result<Self, HistoryError> {
        // One that was left behind may be anything.
        discard_copy(path);
        let staged = Self(beside(path, COPY));
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&staged.0);
        made.map(|_| staged).map_err(copying(path))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        remove_with_companions(&self.0);
    }
}

/// Removes the copy of a database that somebody left behind who was killed.
pub(super) fn discard_copy(path: &Path) {
    remove_with_companions(&beside(path, COPY));
}

/// Logs and journals first: beside another database they would be taken for its own.
fn remove_with_companions(path: &Path) {
    for end in ["-wal", "-shm", "-journal", ""] {
        // There are none, except of one that was left behind.
        let _ = fs::remove_file(beside(path, end));
    }
}

fn moment(row: &Row<'_>) -> rusqlite::Result<Moment> {
    Ok(Moment { number: row.get(0)?, since_s: row.get(1)?, pages: row.get(2)?, state: row.get(3)? })
}

fn latest(connection: &Connection) -> rusqlite::Result<Option<Moment>> {
    let sql = "SELECT number, since_s, pages, state FROM moments ORDER BY number DESC LIMIT 1";
    connection.query_row(sql, [], moment).optional()
}

/// A digest of each page of a copy.
fn digests(copied: &File) -> io::Result<Vec<[u8; 32]>> {
    let count = copied.metadata()?.len() / PAGE_BYTES;
    let mut page = [0; PAGE_BYTES as usize];
    let digest = |number| {
        copied.read_exact_at(&mut page, number * PAGE_BYTES)?;
        Ok(Sha256::digest(page).into())
    };
    (0..count).map(digest).collect()
}

/// Enters a copy as a moment, of the state `named` or else of what its pages are, unless it is the last one.
fn enter(
    transaction: &Transaction<'_>,
    path: &Path,
    Staged(staged): &Staged,
    (since_s, now_s, named): (i64, i64, Option<&str>),
) -> Result<Moment, HistoryError> {
    let copied = File::open(staged).map_err(copying(staged))?;
    let digests = digests(&copied).map_err(copying(staged))?;
    let state = named.map_or_else(|| state_of(&digests), str::to_owned);
    if let Some(kept) = latest(transaction).map_err(failing(path))?.filter(|kept| kept.state == state) {
        return Ok(kept);
    }
    let moment = insert(transaction, since_s, &digests, state).map_err(failing(path))?;
    insert_pages(transaction, &moment, &digests, &copied).map_err(failing(path))?;
    thin(transaction, now_s, digests.len() as u64 * PAGE_BYTES).map_err(failing(path))?;
    Ok(moment)
}

fn state_of(digests: &[[u8; 32]]) -> String {
    let state = digests.iter().fold(Sha256::new(), Sha256::chain_update).finalize();
    hex(&state[..16])
}

fn insert(
    transaction: &Transaction<'_>,
    since_s: i64,
    digests: &[[u8; 32]],
    state: String,
) -> rusqlite::Result<Moment> {
    let pages = digests.len() as u32;
    let sql = "INSERT INTO moments (since_s, pages, state) VALUES (?1, ?2, ?3)";
    transaction.execute(sql, params![since_s, pages, state])?;
    Ok(Moment { number: transaction.last_insert_rowid(), since_s, pages, state })
}

/// Stores the pages that the moment before does not have.
fn insert_pages(
    transaction: &Transaction<'_>,
    moment: &Moment,
    digests: &[[u8; 32]],
    copied: &File,
) -> rusqlite::Result<()> {
    let sql = "SELECT digest FROM pages WHERE page = ?1 ORDER BY moment DESC LIMIT 1";
    let mut kept = transaction.prepare(sql)?;
    let mut store =
        transaction.prepare("INSERT INTO pages (page, moment, digest, content) VALUES (?1, ?2, ?3, ?4)")?;
    let mut content = [0; PAGE_BYTES as usize];
    for (page, digest) in (0_u64..).zip(digests) {
        let before: Option<[u8; 32]> = kept.query_row([page as i64], |row| row.get(0)).optional()?;
        if before.as_ref() != Some(digest) {
            copied
                .read_exact_at(&mut content, page * PAGE_BYTES)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
            store.execute(params![page as i64, moment.number, digest, content])?;
        }
    }
    Ok(())
}

/// Lets go of moments that are not to be kept.
fn thin(transaction: &Transaction<'_>, now_s: i64, database_bytes: u64) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare("SELECT number, since_s FROM moments ORDER BY number")?;
    let moments: Vec<(i64, i64)> =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    let mut kept = Vec::with_capacity(moments.len());
    for pair in moments.windows(2) {
        let ((number, since_s), (next, until_s)) = (pair[0], pair[1]);
        let is_old = until_s < now_s - ALL_KEPT_S && since_s / KEPT_EACH_S == until_s / KEPT_EACH_S;
        if is_old || until_s < now_s - KEPT_S {
            merge(transaction, number, next)?;
        } else {
            kept.push((number, next));
        }
    }
    let most = SIZE_MIN_BYTES.max(3 * database_bytes);
    for (number, next) in kept {
        if size(transaction)? <= most {
            break;
        }
        merge(transaction, number, next)?;
    }
    Ok(())
}

/// Lets go of a moment; what the next one does not have itself, it takes over.
fn merge(transaction: &Transaction<'_>, number: i64, next: i64) -> rusqlite::Result<()> {
    transaction.execute("UPDATE OR IGNORE pages SET moment = ?2 WHERE moment = ?1", [number, next])?;
    transaction.execute("DELETE FROM pages WHERE moment = ?1", [number])?;
    transaction.execute("DELETE FROM moments WHERE number = ?1", [number]).map(drop)
}

/// The bytes that the history uses.
fn size(connection: &Connection) -> rusqlite::Result<u64> {
    let count = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    Ok((count("page_count")? - count("freelist_count")?) as u64 * PAGE_BYTES)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("invariant: a string can be written to");
        text
    })
}

fn failing(path: &Path) -> impl FnOnce(rusqlite::Error) -> HistoryError {
    let path = path.to_owned();
    |source| HistoryError::Database { path, source }
}

fn copying(path: &Path) -> impl FnOnce(io::Error) -> HistoryError {
    let path = path.to_owned();
    |source| HistoryError::Copy { path, source }
}

fn busy() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY), None)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rusqlite::Connection;

    use super::{ALL_KEPT_S, History, KEPT_S, Moment, interval_s, pinned, point_in_time};

    const NOW_S: i64 = 1_000 * 24 * 3600;

    /// A database whose one number is what the moment of that second has.
    struct Numbered {
        folder: tempfile::TempDir,
        history: History,
    }

    impl Numbered {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.sqlite");
            let database = Connection::open(&path).unwrap();
            database.pragma_update(None, "journal_mode", "wal").unwrap();
            database.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (0)").unwrap();
            let history = History::open(&path).unwrap();
            Self { folder, history }
        }

        fn path(&self) -> std::path::PathBuf {
            self.folder.path().join("a.sqlite")
        }

        fn take(&mut self, number: i64, now_s: i64) -> Moment {
            let database = Connection::open(self.path()).unwrap();
            database.execute("UPDATE t SET x = ?1", [number]).unwrap();
            let seen = pinned(&self.path()).unwrap();
            self.history.take(&seen, number, now_s).unwrap()
        }

        fn number_at(&self, second: i64) -> Option<i64> {
            let moment = self.history.at(second).unwrap()?;
            self.history.restore(&moment).unwrap();
            Some(number(&self.path()))
        }
    }

    fn number(path: &Path) -> i64 {
        Connection::open(path).unwrap().query_row("SELECT x FROM t", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_point_in_time_leads_to_the_last_state_without_later_writes() {
        let mut database = Numbered::new();
        for second in [100, 200, 300] {
            database.take(second, second);
        }
        let found = [99, 100, 199, 200, 299, 300, 1000].map(|second| database.number_at(second));
        assert_eq!(found, [None, Some(100), Some(100), Some(200), Some(200), Some(300), Some(300)]);
        assert_eq!(database.history.begins_s().unwrap(), Some(100));
    }

    #[test]
    fn bookmarks_lead_back_and_sessions_mark_points_in_time() {
        let mut database = Numbered::new();
        let (first, second) = (database.take(100, 100), database.take(200, 200));
        assert_eq!(database.history.marked(&first.to_string()).unwrap(), Some(first.clone()));
        let session = format!("{:08x}-00000007-00000000-{:032x}", 150, 0);
        assert_eq!(database.history.marked(&session).unwrap(), Some(first));
        for wrong in
            ["", "x-y-z-0", &second.to_string().replace('-', ""), &format!("{:08x}-00000009-0-1", 200)]
        {
            assert_eq!(database.history.marked(wrong).unwrap(), None);
        }
    }

    #[test]
    fn what_did_not_change_is_no_new_moment() {
        let mut database = Numbered::new();
        let first = database.take(100, 100);
        let seen = pinned(&database.path()).unwrap();
        assert_eq!(database.history.take(&seen, 500, 500).unwrap(), first);
    }

    #[test]
    fn old_moments_are_thinned_and_the_oldest_forgotten() {
        let mut database = Numbered::new();
        let hour = NOW_S - 3 * 24 * 3600;
        let taken = [
            NOW_S - KEPT_S - 7200,
            NOW_S - KEPT_S - 10,
            hour + 60,
            hour + 120,
            hour + 180,
            NOW_S - ALL_KEPT_S,
        ];
        for second in taken.into_iter().chain([NOW_S - 60, NOW_S]) {
            database.take(second, NOW_S);
        }
        let kept = [taken[1], taken[4], taken[5], NOW_S - 60, NOW_S];
        assert_eq!(kept.map(|second| database.number_at(second)), kept.map(Some));
        assert_eq!(database.number_at(taken[0]), None);
        assert_eq!(database.number_at(taken[3]), Some(taken[1]));
    }

    #[test]
    fn times_are_seconds_or_iso_8601() {
        let read =
            ["1700000000", "2023-11-14T22:13:20.5Z", "2023-11-14T23:13:20+01:00", "2023-11-14 22:13:20"];
        assert_eq!(read.map(point_in_time), [Some(1_700_000_000); 4]);
        assert_eq!(["now", "22:13", "", "2023-99-01", "yesterday"].map(point_in_time), [None; 5]);
    }

    #[test]
    fn large_databases_have_fewer_moments() {
        assert_eq!([0, 6_000_000, 6_100_000, 1_000_000_000].map(interval_s), [60, 60, 61, 10_000]);
    }
}

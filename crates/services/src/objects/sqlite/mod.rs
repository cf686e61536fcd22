//! The embedded engine: a file for each object, opened when it is first used and not made before something is stored.
//!
//! | file | holds |
//! |---|---|
//! | `alarms.sqlite` | which object is to be woken when ([`Alarms`]) |
//! | `<namespace>/<id>.sqlite` | one object: its tables, its keys in `_cf_KV`, its alarm in `_cf_METADATA` |
//! | `<namespace>/<id>.<name's digest>.sqlite` | a facet of it, in the same way; those below that have one more digest |
//! | `<namespace>/<id>.history.sqlite` | what it was: pages of moments of the last thirty days |
//! | `<namespace>/<id>.restore` | the bookmark that it goes back to when it is opened next |
//!
//! A file is locked by the one connection that has it, so that no second instance of an object can ever write to it. A
//! commit writes to the log without waiting for the disk; the log is flushed apart ([`Flush`]).

mod copy;
mod facets;
mod file;
mod keys;
mod log;
mod past;
mod query;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::UNIX_EPOCH;

pub(crate) use self::copy::{copy_object, hold};
pub use self::facets::facet_id;
use self::file::ObjectFile;
use self::past::Past;
use super::{Alarms, Answer, Flush, Namespace, ObjectStorage, ObjectStore, Operation, StorageError, limits};
use crate::file_name::file_name;
use crate::{Clock, OpenError};

/// What an object is told that asks for a past it does not have.
const FORGOTTEN: &str = "No state of this Durable Object is kept for that bookmark or time.";

/// All objects of a folder.
pub struct SqliteObjects {
    folder: RwLock<PathBuf>,
    alarms: Arc<Alarms>,
    clock: Arc<dyn Clock>,
}

impl SqliteObjects {
    /// Keeps objects in `folder`, which must exist.
    pub fn open(folder: PathBuf, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let alarms = Arc::new(Alarms::open(&folder.join("alarms.sqlite"))?);
        Ok(Self { folder: RwLock::new(folder), alarms, clock })
    }

    /// Forgets all objects, none of which may be live: from now on they are kept in `folder`, which must exist and should
    /// be empty. What was kept stays where it is, without its alarms.
    pub fn begin_anew(&self, folder: PathBuf) -> rusqlite::Result<()> {
        *self.folder.write().unwrap_or_else(PoisonError::into_inner) = folder;
        self.alarms.clear_all()
    }

    /// Where the objects of a namespace are kept.
    fn folder_of(&self, key: &str) -> PathBuf {
        self.folder.read().unwrap_or_else(PoisonError::into_inner).join(file_name(key))
    }

    /// The objects of a namespace that have stored anything, by their ids.
    pub fn kept(&self, key: &str) -> std::io::Result<Vec<KeptObject>> {
        let folder = match std::fs::read_dir(self.folder_of(key)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            opened => opened?,
        };
        let mut kept = Vec::new();
        for entry in folder {
            let entry = entry?;
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(".sqlite"));
            // What has a longer name is beside an object.
            let Some(id) = id.filter(|id| !id.contains('.')) else { continue };
            // One that is erased meanwhile is no more.
            let Ok(about) = entry.metadata() else { continue };
            let changed = about.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            let changed_ms = changed.map_or(0, |since| since.as_millis() as i64);
            kept.push(KeptObject { id: id.to_owned(), bytes: about.len(), changed_ms });
        }
        kept.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(kept)
    }

    /// Removes all objects of a namespace, none of which may be live.
    pub fn erase(&self, key: &str) -> std::io::Result<()> {
        self.alarms.clear(key).map_err(std::io::Error::other)?;
        match std::fs::remove_dir_all(self.folder_of(key)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl ObjectStore for SqliteObjects {
    fn storage(&self, namespace: &Namespace, id: &str) -> Box<dyn ObjectStorage> {
        let folder = self.folder_of(&namespace.key);
        let past = namespace.sql.then(|| Arc::clone(&self.clock));
        Box::new(SqliteObject {
            file: ObjectFile::new(folder.join(format!("{id}.sqlite")), past),
            namespace: namespace.clone(),
            id: id.to_owned(),
            alarms: Arc::clone(&self.alarms),
            clock: Arc::clone(&self.clock),
            alarm: None,
            taken: None,
        })
    }

    fn erase(&self, namespace: &Namespace, id: &str) -> std::io::Result<()> {
        facets::erase(&self.folder_of(&namespace.key), id)
    }

    fn alarms(&self) -> &Alarms {
        &self.alarms
    }
}

/// An object that has stored something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptObject {
    /// Its id's digits.
    pub id: String,
    /// The size of its file; what was written last may still be beside it.
    pub bytes: u64,
    /// When the file was changed last, in milliseconds since the epoch.
    pub changed_ms: i64,
}

/// One object's storage.
struct SqliteObject {
    file: ObjectFile,
    namespace: Namespace,
    id: String,
    alarms: Arc<Alarms>,
    clock: Arc<dyn Clock>,
    /// The alarm before and after, where it was changed since the last commit.
    alarm: Option<AlarmChange>,
    /// The alarm that is being handled.
    taken: Option<f64>,
}

#[derive(Clone, Copy)]
struct AlarmChange {
    before: Option<f64>,
    after: Option<f64>,
}

impl AlarmChange {
    /// Whether the object could be woken too late if the index heard of it after the commit.
    fn is_earlier(&self) -> bool {
        match (self.before, self.after) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(before), Some(after)) => after < before,
        }
    }
}

impl ObjectStorage for SqliteObject {
    fn perform(&mut self, operation: Operation<'_>) -> Result<Answer<'static>, StorageError> {
        self.check(&operation)?;
        if self.file.recall()? {
            let due = self.file.alarm()?;
            self.index(due)?;
        }
        self.file.begin_operation();
        let done = self.dispatch(operation);
        match done {
            // SQLite has undone all that was not committed, which the object believes to be stored.
            Err(error) if self.file.has_lost_its_writes() => Err(StorageError { reset: true, ..error }),
            done => done,
        }
    }

    fn is_uncommitted(&self) -> bool {
        self.file.is_committable()
    }

    fn commit(&mut self) -> Result<Option<Flush>, StorageError> {
        self.settle()?;
        Ok(self.file.flush())
    }
}

impl SqliteObject {
    /// Commits, and tells the index of all alarms.
    fn settle(&mut self) -> Result<(), StorageError> {
        let change = self.alarm.take();
        if let Some(change) = change.filter(AlarmChange::is_earlier) {
            self.index(change.after)?;
        }
        self.file.commit()?;
        if let Some(change) = change.filter(|change| !change.is_earlier()) {
            self.index(change.after)?;
        }
        Ok(())
    }

    fn index(&self, due_ms: Option<f64>) -> Result<(), StorageError> {
        let told = self.alarms.set(&self.namespace.key, &self.id, due_ms);
        told.map_err(|error| StorageError::fatal(format!("The alarm could not be stored: {error}")))
    }

    /// Holds classes with the older storage to its limits.
    fn check(&self, operation: &Operation<'_>) -> Result<(), StorageError> {
        if self.namespace.sql {
            return Ok(());
        }
        match operation {
            Operation::Get(keys) | Operation::Delete(keys) => {
                check_count(keys.len())?;
                keys.iter().try_for_each(|key| check_key(key))
            }
            Operation::Put(entries) => {
                check_count(entries.len())?;
                entries.iter().try_for_each(|entry| {
                    check_key(&entry.key)?;
                    check_value(entry.value.len())
                })
            }
            _ => Ok(()),
        }
    }

    fn dispatch(&mut self, operation: Operation<'_>) -> Result<Answer<'static>, StorageError> {
        match operation {
            Operation::Get(keys) => self.file.get(&keys),
            Operation::Put(entries) => self.file.put(&entries),
            Operation::Delete(keys) => self.file.delete(&keys),
            Operation::List(range) => self.file.list(&range),
            Operation::DeleteAll { alarm } => self.delete_all(alarm),
            Operation::Exec { sql, params } => self.file.exec(&sql, &params),
            Operation::Size => self.file.size(),
            Operation::Begin => self.file.begin(),
            Operation::Keep => self.file.keep(),
            Operation::Undo => self.undo(),
            Operation::Abandon => self.abandon(),
            Operation::Alarm => Ok(Answer::Number(self.alarm_shown()?)),
            Operation::SetAlarm(due_ms) => self.set_alarm(due_ms),
            Operation::TakeAlarm { due_ms } => self.take_alarm(due_ms),
            Operation::EndAlarm => self.end_alarm(),
            Operation::LeaveAlarm => {
                self.taken = None;
                Ok(Answer::Done)
            }
            Operation::Bookmark => {
                self.settle()?;
                let bookmark = self.file.tell(Past::mark)?;
                Ok(Answer::Text(bookmark.into()))
            }
            Operation::BookmarkAt(then_ms) => {
                self.settle()?;
                let then_s = (then_ms / 1000.0) as i64;
                known(self.file.tell(|past, seen| past.mark_at(seen, then_s))?)
            }
            Operation::RestoreNext(bookmark) => known(self.file.tell(|past, _| past.plan(&bookmark))?),
            Operation::Post(_) | Operation::Commit => {
                Err(StorageError::error("what is not answered is asked in another way"))
            }
            Operation::Sockets(_) | Operation::Facet(_) => {
                Err(StorageError::error("what is beside the storage is none of its operations"))
            }
        }
    }

    fn delete_all(&mut self, alarm: bool) -> Result<Answer<'static>, StorageError> {
        let due_ms = self.file.alarm()?;
        self.file.erase()?;
        match due_ms {
            Some(_) if alarm => self.change_alarm(due_ms, None),
            Some(_) => self.file.set_alarm(due_ms)?,
            None => {}
        }
        Ok(Answer::Done)
    }

    fn undo(&mut self) -> Result<Answer<'static>, StorageError> {
        self.file.undo()?;
        if let Some(change) = &mut self.alarm {
            change.after = self.file.alarm()?;
        }
        Ok(Answer::Done)
    }

    fn abandon(&mut self) -> Result<Answer<'static>, StorageError> {
        self.file.abandon()?;
        self.alarm = None;
        Ok(Answer::Done)
    }

    /// The alarm as the object sees it: one that is being handled is no more.
    fn alarm_shown(&mut self) -> Result<Option<f64>, StorageError> {
        let taken = self.taken.is_some();
        Ok(self.file.alarm()?.filter(|_| !taken))
    }

    fn set_alarm(&mut self, due_ms: Option<f64>) -> Result<Answer<'static>, StorageError> {
        if due_ms.is_some() && facets::is_facet(&self.id) {
            return Err(StorageError::error("Facets of Durable Objects have no alarms."));
        }
        // A time that has passed is now.
        let due_ms = due_ms.map(|due_ms| due_ms.max(self.clock.now_ms() as f64));
        let before = self.file.alarm()?;
        self.file.set_alarm(due_ms)?;
        self.change_alarm(before, due_ms);
        self.taken = None;
        Ok(Answer::Done)
    }

    fn change_alarm(&mut self, before: Option<f64>, after: Option<f64>) {
        let before = self.alarm.map_or(before, |change| change.before);
        self.alarm = Some(AlarmChange { before, after });
    }

    fn take_alarm(&mut self, due_ms: f64) -> Result<Answer<'static>, StorageError> {
        let due = self.file.alarm()?;
        if due == Some(due_ms) {
            self.taken = due;
            return Ok(Answer::Count(1));
        }
        // The index was not told yet, or its last word was lost.
        let told = self.alarms.set(&self.namespace.key, &self.id, due);
        told.map_err(|error| StorageError::error(format!("The alarm could not be stored: {error}")))?;
        Ok(Answer::Count(0))
    }

    /// The alarm has been handled, or is given up. One that was set meanwhile stays.
    fn end_alarm(&mut self) -> Result<Answer<'static>, StorageError> {
        if let Some(due_ms) = self.taken.take() {
            self.file.set_alarm(None)?;
            self.change_alarm(Some(due_ms), None);
        }
        Ok(Answer::Done)
    }
}

/// A bookmark, where what it marks is known.
fn known(bookmark: Option<String>) -> Result<Answer<'static>, StorageError> {
    let bookmark = bookmark.ok_or_else(|| StorageError::error(FORGOTTEN))?;
    Ok(Answer::Text(bookmark.into()))
}

fn check_count(count: usize) -> Result<(), StorageError> {
    if count <= limits::KEYS_MAX {
        return Ok(());
    }
    Err(StorageError::range(format!("Maximum number of key value pairs is {}.", limits::KEYS_MAX)))
}

fn check_key(key: &str) -> Result<(), StorageError> {
    if key.len() <= limits::KEY_MAX_BYTES {
        return Ok(());
    }
    let (limit, size) = (limits::KEY_MAX_BYTES, key.len());
    Err(StorageError::range(format!(
        "Keys cannot be larger than {limit} bytes. A key of size {size} was provided."
    )))
}

fn check_value(size: usize) -> Result<(), StorageError> {
    if size <= limits::VALUE_MAX_BYTES {
        return Ok(());
    }
    let limit = limits::VALUE_MAX_BYTES;
    Err(StorageError::range(format!(
        "Values cannot be larger than {limit} bytes. A value of size {size} was provided."
    )))
}

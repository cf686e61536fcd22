//! Durable Objects: the storage of each object, and the alarms of all.
//!
//! [`ObjectStore`] is what an engine does for all objects, [`ObjectStorage`] what it does for one while that is live;
//! [`SqliteObjects`] is the embedded engine. An object's storage is used by one thread at a time, synchronously. What it
//! writes gathers in a transaction that [`ObjectStorage::commit`] ends. A commit outlives the process at once, and a power
//! cut once the [`Flush`] that it gives has been run, which takes as long as the disk does and may happen on any thread.

mod alarms;
mod classes;
mod error;
pub mod limits;
mod sqlite;

pub use alarms::{Alarm, Alarms};
pub use classes::{ClassError, ClassRecords, ClassUse, Migration};
pub use error::StorageError;
pub use sqlite::{KeptObject, SqliteObjects, facet_id};
pub(crate) use sqlite::{copy_object, hold};

pub use hognose_wire::objects::{Answer, Entry, Operation, Range, Rows};

/// A class of objects, as its data is kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Namespace {
    /// What its data is kept under: it stays when the class is renamed.
    pub key: String,
    /// Whether its objects have SQL and synchronous keys and values.
    pub sql: bool,
}

/// What is left to do so that a commit outlives a power cut.
pub type Flush = Box<dyn FnOnce() -> std::io::Result<()> + Send>;

/// Where all objects are kept.
pub trait ObjectStore: Send + Sync {
    /// The storage of one object; nothing is touched before it is used. Only one may be open for an object at a time.
    fn storage(&self, namespace: &Namespace, id: &str) -> Box<dyn ObjectStorage>;

    /// Removes what is kept of an object that is not live, and of all its facets.
    fn erase(&self, namespace: &Namespace, id: &str) -> std::io::Result<()>;

    /// The alarms of all objects.
    fn alarms(&self) -> &Alarms;
}

/// The storage of one object. Dropping it undoes what was not committed.
pub trait ObjectStorage: Send {
    /// Does everything but [`Operation::Commit`]. An operation that fails changes nothing, unless its error says that the
    /// object must be reset.
    fn perform(&mut self, operation: Operation<'_>) -> Result<Answer<'static>, StorageError>;

    /// Whether there is something to commit, and no transaction under way that keeps it from being committed.
    fn is_uncommitted(&self) -> bool;

    /// Makes what was written outlive the process. Where that fails it is lost.
    fn commit(&mut self) -> Result<Option<Flush>, StorageError>;
}

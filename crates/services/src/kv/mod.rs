//! Workers KV: values by key, with metadata, expiry and an ordered listing.
//!
//! [`Kv`] is what an engine does for one namespace; [`SqliteKv`] is the embedded engine. [`KvService`] stands between a
//! cell and an engine: it reads the calls, checks Cloudflare's limits ([`limits`]) and words its errors.

mod calls;
mod error;
pub mod limits;
mod sqlite;

pub use calls::KvService;
pub use error::{KvError, Operation};
pub use sqlite::{SqliteKv, SqliteNamespace};

use crate::{Content, Pending};

/// One namespace, as an engine keeps it. Arguments are within [`limits`]; answers are read-your-writes where the engine
/// can, eventually consistent where it cannot.
pub trait Kv: Send + Sync {
    /// The entry of a key; `None` where it is missing or expired.
    fn get(&self, key: &str) -> Pending<Result<Option<Entry>, KvError>>;

    /// The entries of several keys, in their order.
    fn get_many(&self, keys: &[&str]) -> Pending<Result<Vec<Option<Entry>>, KvError>>;

    /// Stores a value in place of any earlier one, all of it or nothing; resolved once it is durable.
    fn put(&self, key: &str, value: Content, options: PutOptions) -> Pending<Result<(), KvError>>;

    /// Removes a key; a missing one is no error. Resolved once that is durable.
    fn delete(&self, key: &str) -> Pending<Result<(), KvError>>;

    /// One page of keys, in the order of their UTF-8 bytes.
    fn list(&self, query: ListQuery<'_>) -> Pending<Result<Page, KvError>>;
}

/// A stored value.
#[derive(Debug)]
pub struct Entry {
    /// The value.
    pub value: Content,
    /// The metadata as JSON text.
    pub metadata: Option<String>,
}

/// What is stored with a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutOptions {
    /// When it expires, in seconds since the epoch.
    pub expiration_s: Option<i64>,
    /// The metadata as JSON text.
    pub metadata: Option<String>,
}

/// Which keys to list.
#[derive(Clone, Copy, Debug)]
pub struct ListQuery<'a> {
    /// What they start with.
    pub prefix: &'a str,
    /// How many at most.
    pub limit: usize,
    /// The key that the page before ended with.
    pub after: Option<&'a str>,
}

/// A page of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The keys, ascending.
    pub keys: Vec<ListedKey>,
    /// Whether there is none after them. A page that is not complete holds a key at least.
    pub complete: bool,
}

/// A key in a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedKey {
    /// The key.
    pub name: String,
    /// When it expires, in seconds since the epoch.
    pub expiration_s: Option<i64>,
    /// The metadata as JSON text.
    pub metadata: Option<String>,
}

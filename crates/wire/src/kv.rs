//! The vocabulary of a KV capability. Method names are `get`, `get_bulk`, `put`, `delete` and `list`; `params.bytes`
//! and the result's bytes are postcard of the types here; a value travels as the one body beside them. `params.bytes`
//! is always inline, which bounds what reading it can cost.
//! What each means is in Cloudflare's documentation of Workers KV; limits and error texts are the service's.

use serde::{Deserialize, Serialize};

/// `get` and `getWithMetadata` of one key. Answer: [`Entry`] or nothing; the value is body 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Get<'a> {
    /// The key.
    pub key: &'a str,
    /// `cacheTtl` in seconds, checked and otherwise ignored.
    pub cache_ttl_s: Option<i64>,
}

/// The answer to [`Get`]: `None` where the key is missing or expired.
pub type GetResult<'a> = Option<Entry<'a>>;

/// What is known of a value beside its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry<'a> {
    /// The metadata as JSON text.
    pub metadata: Option<&'a str>,
}

/// `get` and `getWithMetadata` of several keys. Answer: [`GetBulkResult`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetBulk<'a> {
    /// 1 to 100 keys.
    #[serde(borrow)]
    pub keys: Vec<&'a str>,
    /// `text` or `json` (checked by the service, which gives the documented error for anything else).
    pub type_name: &'a str,
    /// `cacheTtl` in seconds, checked and otherwise ignored.
    pub cache_ttl_s: Option<i64>,
}

/// The answer to [`GetBulk`]: per requested key, in request order without repetitions, its text and metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetBulkResult<'a> {
    /// One for each key.
    #[serde(borrow)]
    pub entries: Vec<BulkEntry<'a>>,
}

/// A key, and where it has one its value (decoded with replacement characters) and metadata as JSON text.
pub type BulkEntry<'a> = (&'a str, Option<(&'a str, Option<&'a str>)>);

/// `put`; the value is body 0. Answer: nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Put<'a> {
    /// The key.
    pub key: &'a str,
    /// `expiration`, seconds since the epoch.
    pub expiration_s: Option<i64>,
    /// `expirationTtl` in seconds; wins over `expiration_s`.
    pub expiration_ttl_s: Option<i64>,
    /// The metadata as JSON text.
    pub metadata: Option<&'a str>,
}

/// `delete`. Answer: nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delete<'a> {
    /// The key.
    pub key: &'a str,
}

/// `list`. Answer: [`ListResult`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct List<'a> {
    /// Empty: all keys.
    pub prefix: &'a str,
    /// At most 1000; zero or less, or absent: 1000.
    pub limit: Option<i64>,
    /// As an earlier page gave it.
    pub cursor: Option<&'a str>,
}

/// One page of keys, ascending by their UTF-8 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListResult<'a> {
    /// The keys.
    #[serde(borrow)]
    pub keys: Vec<ListKey<'a>>,
    /// `None`: the list is complete.
    pub cursor: Option<&'a str>,
}

/// One listed key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListKey<'a> {
    /// The key.
    pub name: &'a str,
    /// Seconds since the epoch.
    pub expiration_s: Option<i64>,
    /// As JSON text.
    pub metadata: Option<&'a str>,
}

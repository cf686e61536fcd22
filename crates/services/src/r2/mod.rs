//! R2: objects of any size by key, with metadata, conditions, ranges and multipart uploads.
//!
//! [`R2`] is what an engine does for one bucket; [`SqliteR2`] is the embedded engine. [`R2Service`] stands between a
//! cell and an engine: it reads the calls, checks Cloudflare's limits ([`limits`]) and words its errors.

mod calls;
mod conditions;
mod error;
pub mod lifecycle;
pub mod limits;
mod sqlite;

pub use calls::R2Service;
pub use error::R2Error;
pub use hognose_wire::r2::{
    Algorithm, Condition, Etag, HttpMetadata, Listed, Object, Part, Properties, Range, Upload,
};
pub(crate) use sqlite::link_blobs;
pub use sqlite::{BucketInfo, SqliteBucket, SqliteR2};

use crate::{Content, Pending};

/// One bucket, as an engine keeps it. Arguments are within [`limits`]. What was stored is seen by every call that
/// begins later; an object is there whole or not at all.
pub trait R2: Send + Sync {
    /// What is known of an object; `None` where there is none.
    fn head(&self, key: &str) -> Pending<Result<Option<Object>, R2Error>>;

    /// An object and its content, or the part of it that `range` means.
    fn get(&self, key: &str, options: GetOptions) -> Pending<Result<Got, R2Error>>;

    /// Stores a content under a key in place of any earlier one; `None` where the condition does not hold. Resolved
    /// once it is durable.
    fn put(
        &self,
        key: &str,
        content: Content,
        options: PutOptions,
    ) -> Pending<Result<Option<Object>, R2Error>>;

    /// Removes objects; missing ones are no error. Resolved once that is durable.
    fn delete(&self, keys: Vec<String>) -> Pending<Result<(), R2Error>>;

    /// One page of objects, in the order of their keys' UTF-8 bytes.
    fn list(&self, query: &ListQuery) -> Pending<Result<Listed, R2Error>>;

    /// Begins an upload in parts, and gives its id.
    fn create_upload(&self, key: &str, properties: Properties) -> Pending<Result<String, R2Error>>;

    /// Stores a part in place of any earlier one of that number, and gives its etag.
    fn upload_part(
        &self,
        upload: Upload,
        number: u32,
        content: Content,
        ssec_key: Option<Vec<u8>>,
    ) -> Pending<Result<String, R2Error>>;

    /// Makes the parts one object.
    fn complete_upload(&self, upload: Upload, parts: Vec<Part>) -> Pending<Result<Object, R2Error>>;

    /// Gives an upload up.
    fn abort_upload(&self, upload: Upload) -> Pending<Result<(), R2Error>>;
}

/// How an object is to be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GetOptions {
    /// Without which its content is not wanted.
    pub only_if: Option<Condition>,
    /// Which part is wanted.
    pub range: Option<Range>,
    /// The customer's key.
    pub ssec_key: Option<Vec<u8>>,
}

/// What reading found.
#[derive(Debug)]
pub enum Got {
    /// No object.
    Missing,
    /// An object of which the condition does not hold.
    Unwanted(Object),
    /// An object and its content.
    Found(Object, Content),
}

/// How a content is to be stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PutOptions {
    /// Without which it is not.
    pub only_if: Option<Condition>,
    /// What is stored with it.
    pub properties: Properties,
    /// What its digest must be.
    pub checksum: Option<(Algorithm, Vec<u8>)>,
}

/// Which objects to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuery {
    /// What their keys start with.
    pub prefix: String,
    /// How many objects and groups at most.
    pub limit: usize,
    /// What ends a group; empty: there are none.
    pub delimiter: String,
    /// As an earlier page gave it.
    pub cursor: Option<String>,
    /// The key before the first.
    pub start_after: Option<String>,
}

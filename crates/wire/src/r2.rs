//! The vocabulary of an R2 capability: one type for each method's parameters, which are inline; object bodies, and
//! lists that may be long, are the one body beside them. The types also have a JSON form, in which the client half
//! of the binding has them from JavaScript.
//! What each means is in Cloudflare's documentation of R2; limits and error texts are the service's.

use serde::{Deserialize, Serialize};

/// `head`. Answer: [`Object`] or nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// The key.
    pub key: String,
}

/// `get`. Answer: [`Got`] or nothing; the content is body 0 where there is one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Get {
    /// The key.
    pub key: String,
    /// Without which there is no body.
    pub only_if: Option<Condition>,
    /// Which part is wanted.
    pub range: Option<Range>,
    /// The customer's key, if the object was put with one.
    pub ssec_key: Option<Vec<u8>>,
}

/// The answer to [`Get`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Got {
    /// About the object.
    pub object: Object,
    /// Whether the condition held, and the content comes with this.
    pub has_body: bool,
}

/// `put`; the content is body 0. Answer: [`Object`], or nothing where the condition did not hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Put {
    /// The key.
    pub key: String,
    /// Without which nothing is stored.
    pub only_if: Option<Condition>,
    /// What is stored with it.
    pub properties: Properties,
    /// What the content's digest must be.
    pub checksum: Option<(Algorithm, Vec<u8>)>,
}

/// What is stored with a content.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Properties {
    /// For responses.
    pub http_metadata: HttpMetadata,
    /// The user's own, names in the order given.
    pub custom_metadata: Vec<(String, String)>,
    /// `Standard` or `InfrequentAccess`; `None`: the bucket's.
    pub storage_class: Option<String>,
    /// The customer's key.
    pub ssec_key: Option<Vec<u8>>,
}

/// Headers for whoever serves the object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "each is the header of its name")]
pub struct HttpMetadata {
    pub content_type: Option<String>,
    pub content_language: Option<String>,
    pub content_disposition: Option<String>,
    pub content_encoding: Option<String>,
    pub cache_control: Option<String>,
    /// `Expires`, in milliseconds since the epoch.
    pub cache_expiry: Option<i64>,
}

/// `delete`; body 0 is the postcard of a `Vec<String>` of keys. Answer: nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delete {}

/// `list`. Answer: [`Listed`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct List {
    /// At most 1000, at least 1; `None`: 1000.
    pub limit: Option<i64>,
    /// What the keys start with.
    pub prefix: Option<String>,
    /// As an earlier page gave it.
    pub cursor: Option<String>,
    /// What ends a group of keys that is listed as one.
    pub delimiter: Option<String>,
    /// The key before the first.
    pub start_after: Option<String>,
}

/// One page of objects, ascending by their keys' UTF-8 bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// The objects.
    pub objects: Vec<Object>,
    /// The groups; they count towards the limit.
    pub delimited_prefixes: Vec<String>,
    /// `None`: the list is complete.
    pub cursor: Option<String>,
}

/// `create_multipart_upload`. Answer: the upload's id, a `String`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateUpload {
    /// The key.
    pub key: String,
    /// What is stored with it.
    pub properties: Properties,
}

/// `upload_part`; the content is body 0. Answer: the part's etag, a `String`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UploadPart {
    /// Which upload.
    pub upload: Upload,
    /// 1 to 10,000.
    pub part_number: u32,
    /// The customer's key, if the upload has one.
    pub ssec_key: Option<Vec<u8>>,
}

/// `complete_multipart_upload`; body 0 is the postcard of a `Vec<Part>`. Answer: [`Object`].
/// `abort_multipart_upload`; no body. Answer: nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Upload {
    /// The key that it was created for.
    pub key: String,
    /// As it was given.
    pub upload_id: String,
}

/// An uploaded part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// 1 to 10,000.
    pub part_number: u32,
    /// As it was given.
    pub etag: String,
}

/// What must hold of an object. All that are given must.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// One of these is its etag.
    pub etag_matches: Option<Vec<Etag>>,
    /// None of these is its etag.
    pub etag_does_not_match: Option<Vec<Etag>>,
    /// It was uploaded earlier, in milliseconds since the epoch.
    pub uploaded_before: Option<f64>,
    /// It was uploaded later, in milliseconds since the epoch.
    pub uploaded_after: Option<f64>,
    /// Whether times are compared in whole seconds.
    pub seconds_granularity: bool,
}

/// An etag in a condition, without quotes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Etag {
    /// Any object has it.
    Wildcard,
    /// The object's own.
    Strong(String),
    /// One that only says that contents mean the same.
    Weak(String),
}

/// Part of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Range {
    /// From an offset, by default 0; so many bytes, by default all.
    From {
        /// The first byte.
        offset: Option<u64>,
        /// How many.
        length: Option<u64>,
    },
    /// So many bytes at the end.
    Suffix(u64),
    /// As an HTTP header says. What it says wrongly is not said.
    Header(String),
}

/// What is known of an object beside its content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Object {
    /// The key.
    pub key: String,
    /// Another one for each upload.
    pub version: String,
    /// In bytes.
    pub size: u64,
    /// Without quotes.
    pub etag: String,
    /// When it was stored, in milliseconds since the epoch.
    pub uploaded: i64,
    /// Digests of the content.
    pub checksums: Vec<(Algorithm, Vec<u8>)>,
    /// As it was put.
    pub http_metadata: HttpMetadata,
    /// As it was put.
    pub custom_metadata: Vec<(String, String)>,
    /// `Standard` or `InfrequentAccess`.
    pub storage_class: String,
    /// The MD5 of the customer's key, in hexadecimal.
    pub ssec_key_md5: Option<String>,
    /// Offset and length of what was asked for, where something was.
    pub range: Option<(u64, u64)>,
}

/// A digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "their names say all")]
pub enum Algorithm {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

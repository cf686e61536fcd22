//! The vocabulary of the cache capability: what `caches` of the Cache API comes down to. Method names are `match`, `put`
//! and `delete`; `params.bytes` and the result's bytes are postcard of the types here; a response's body travels beside
//! them. What may be stored, for how long, and what answers a request is the service's to say.

use serde::{Deserialize, Serialize};

/// Header fields: names in lower case, in the order in which they came.
pub type Fields = Vec<(String, String)>;

/// `match`. Answer: [`Found`] or nothing; the body is body 0, where there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// The cache's name; empty for `caches.default`.
    pub cache: String,
    /// The request's URL.
    pub url: String,
    /// The request's header fields.
    pub headers: Fields,
}

/// A response that answers a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// 206 for a part, 304 where the request's own copy is still good, 416 for a part that there is not.
    pub status: u16,
    /// The reason phrase.
    pub status_text: String,
    /// The header fields.
    pub headers: Fields,
    /// Whether a body goes with it.
    pub has_body: bool,
}

/// `put` of the answer to a GET request; the response's body is body 0. Answer: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Put {
    /// The cache's name; empty for `caches.default`.
    pub cache: String,
    /// The request's URL.
    pub url: String,
    /// The request's header fields, for `Vary`.
    pub request_headers: Fields,
    /// The response's status.
    pub status: u16,
    /// Its reason phrase.
    pub status_text: String,
    /// Its header fields.
    pub headers: Fields,
}

/// `delete`. Answer: a `bool`, whether there was something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delete {
    /// The cache's name; empty for `caches.default`.
    pub cache: String,
    /// The request's URL.
    pub url: String,
}

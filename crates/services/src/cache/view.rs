//! Looking into a Worker's caches from outside, and purging them.

use serde::Serialize;

use super::{Stored, policy};
use crate::kv::{Kv, KvError, ListQuery, ListedKey};

/// How many responses are looked up at a time when many are purged.
const PURGE_STEP: usize = 1000;

/// A response that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CachedResponse {
    /// By which it is forgotten.
    pub key: String,
    /// The cache: `default`, or what `caches.open()` was given.
    pub cache: String,
    /// The URL it answers.
    pub url: String,
    /// Its status; none where what is kept cannot be read.
    pub status: Option<u16>,
    /// What its body is.
    pub content_type: Option<String>,
    /// When it was stored, in seconds since the epoch.
    pub put_at_s: Option<i64>,
    /// Until when it counts, in seconds since the epoch.
    pub expiration_s: Option<i64>,
}

/// One page of responses whose URLs begin with `prefix`, and the key after which the next page begins.
pub async fn list(
    kv: &dyn Kv,
    prefix: &str,
    limit: usize,
    after: Option<&str>,
) -> Result<(Vec<CachedResponse>, Option<String>), KvError> {
    let listed = kv.list(ListQuery { prefix, limit, after }).wait().await?;
    let next = listed.keys.last().filter(|_| !listed.complete).map(|key| key.name.clone());
    Ok((listed.keys.into_iter().map(described).collect(), next))
}

/// Forgets one response.
pub async fn forget(kv: &dyn Kv, key: &str) -> Result<(), KvError> {
    kv.delete(key).wait().await
}

/// Forgets the responses whose URLs begin with `prefix`; gives how many there were.
pub async fn purge(kv: &dyn Kv, prefix: &str) -> Result<usize, KvError> {
    let (mut count, mut after) = (0, None::<String>);
    loop {
        let query = ListQuery { prefix, limit: PURGE_STEP, after: after.as_deref() };
        let listed = kv.list(query).wait().await?;
        for key in &listed.keys {
            kv.delete(&key.name).wait().await?;
        }
        count += listed.keys.len();
        if listed.complete {
            return Ok(count);
        }
        after = listed.keys.last().map(|key| key.name.clone());
    }
}

fn described(key: ListedKey) -> CachedResponse {
    let stored = key.metadata.and_then(|json| serde_json::from_str::<Stored>(&json).ok());
    let (url, cache) = key.name.split_once('\n').unwrap_or((&key.name, ""));
    CachedResponse {
        // A name that a Worker chose stands behind a sign, so that it is never the default cache's.
        cache: cache.strip_prefix('=').unwrap_or("default").to_owned(),
        url: url.to_owned(),
        status: stored.as_ref().map(|stored| stored.status),
        content_type: stored.as_ref().and_then(|stored| policy::field(&stored.headers, "content-type")),
        put_at_s: stored.as_ref().map(|stored| stored.put_at_s),
        expiration_s: key.expiration_s,
        key: key.name,
    }
}

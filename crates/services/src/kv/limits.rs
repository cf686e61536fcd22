//! Cloudflare's limits on KV, and what it says where one is passed.
//!
//! The client half rejects the keys `""`, `"."` and `".."` itself with a `TypeError`; they are checked here as well
//! because several keys at a time come unchecked, and because a cell is not to be believed.

use serde::de::IgnoredAny;

use super::KvError;

/// The longest key or prefix, in UTF-8 bytes.
pub const KEY_MAX_BYTES: usize = 512;
/// The largest value in bytes.
pub const VALUE_MAX_BYTES: u64 = 25 << 20;
/// The largest metadata, in bytes of JSON.
pub const METADATA_MAX_BYTES: usize = 1024;
/// The most keys in one page.
pub const LIST_MAX_KEYS: i64 = 1000;
/// The most keys in one bulk get.
pub const BULK_MAX_KEYS: usize = 100;
/// The largest sum of values in one bulk get, in bytes of text.
pub const BULK_MAX_BYTES: u64 = 25 << 20;
/// The shortest time to live, in seconds.
pub const TTL_MIN_S: i64 = 60;
/// The smallest `cacheTtl`, in seconds.
pub const CACHE_TTL_MIN_S: i64 = 30;

/// A key that can be stored.
pub fn check_key(key: &str) -> Result<(), KvError> {
    match key {
        "" => Err(KvError::refused(400, "Key names must not be empty")),
        "." | ".." => {
            Err(KvError::refused(400, format!("Illegal key name \"{key}\". Please use a different name.")))
        }
        _ => check_key_length(key),
    }
}

/// A key or prefix that is not too long.
pub fn check_key_length(key: &str) -> Result<(), KvError> {
    let size = key.len();
    if size <= KEY_MAX_BYTES {
        return Ok(());
    }
    let text = format!("UTF-8 encoded length of {size} exceeds key length limit of {KEY_MAX_BYTES}.");
    Err(KvError::refused(414, text))
}

/// A `cacheTtl` that is long enough. What it promises (a copy no staler than that) an engine without copies keeps anyway.
pub(super) fn check_cache_ttl(cache_ttl_s: Option<i64>) -> Result<(), KvError> {
    match cache_ttl_s {
        Some(ttl) if ttl < CACHE_TTL_MIN_S => {
            let text = format!("Invalid cache_ttl of {ttl}. Cache TTL must be at least {CACHE_TTL_MIN_S}.");
            Err(KvError::refused(400, text))
        }
        _ => Ok(()),
    }
}

/// The keys of a bulk get: few enough, and each valid.
pub(super) fn check_bulk_keys(keys: &[&str]) -> Result<(), KvError> {
    if keys.is_empty() {
        return Err(KvError::refused(400, "You must request a minimum of 1 key"));
    }
    if keys.len() > BULK_MAX_KEYS {
        return Err(KvError::refused(400, format!("You can request a maximum of {BULK_MAX_KEYS} keys")));
    }
    keys.iter().try_for_each(|key| check_key(key))
}

/// When an entry expires, in seconds since the epoch. A time to live wins over a time.
pub fn expiration(at_s: Option<i64>, ttl_s: Option<i64>, now_s: i64) -> Result<Option<i64>, KvError> {
    match (ttl_s, at_s) {
        (Some(ttl), _) => expiration_after(ttl, now_s).map(Some),
        (None, Some(at)) => expiration_at(at, now_s).map(Some),
        (None, None) => Ok(None),
    }
}

fn expiration_after(ttl: i64, now_s: i64) -> Result<i64, KvError> {
    let wrong = |rule: &str| Err(KvError::refused(400, format!("Invalid expiration_ttl of {ttl}. {rule}")));
    match ttl {
        ..=0 => wrong("Please specify integer greater than 0."),
        1..TTL_MIN_S => wrong(&format!("Expiration TTL must be at least {TTL_MIN_S}.")),
        TTL_MIN_S.. => Ok(now_s.saturating_add(ttl)),
    }
}

fn expiration_at(at: i64, now_s: i64) -> Result<i64, KvError> {
    let wrong = |rule: &str| Err(KvError::refused(400, format!("Invalid expiration of {at}. {rule}")));
    if at <= now_s {
        return wrong(
            "Please specify integer greater than the current number of seconds since the UNIX epoch.",
        );
    }
    if at < now_s + TTL_MIN_S {
        return wrong(&format!("Expiration times must be at least {TTL_MIN_S} seconds in the future."));
    }
    Ok(at)
}

/// Metadata that is JSON and short enough.
pub fn check_metadata(metadata: Option<&str>) -> Result<(), KvError> {
    let Some(metadata) = metadata else { return Ok(()) };
    let size = metadata.len();
    if size > METADATA_MAX_BYTES {
        let text = format!("Metadata length of {size} exceeds limit of {METADATA_MAX_BYTES}.");
        return Err(KvError::refused(413, text));
    }
    if !is_json(metadata) {
        return Err(KvError::refused(400, "Metadata must be valid JSON"));
    }
    Ok(())
}

/// A value that is not too large.
pub fn check_value_length(size: u64) -> Result<(), KvError> {
    if size <= VALUE_MAX_BYTES {
        return Ok(());
    }
    Err(KvError::refused(413, format!("Value length of {size} exceeds limit of {VALUE_MAX_BYTES}.")))
}

/// How many keys a page holds.
pub(super) fn page_size(limit: Option<i64>) -> Result<usize, KvError> {
    match limit {
        Some(limit) if limit > LIST_MAX_KEYS => {
            let rule = format!("Please specify an integer less than {LIST_MAX_KEYS}.");
            Err(KvError::refused(400, format!("Invalid key_count_limit of {limit}. {rule}")))
        }
        Some(limit) if limit > 0 => Ok(limit as usize),
        _ => Ok(LIST_MAX_KEYS as usize),
    }
}

/// Whether `JSON.parse` would accept the text.
pub(super) fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

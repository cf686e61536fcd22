//! What tells one version of a Worker from another: an id, a tag that people choose, and when it was made.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hognose_config::Date;
use sha2::{Digest, Sha256};

/// A version's label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    /// In the form of a UUID.
    pub id: String,
    /// What its maker calls it; may be empty.
    pub tag: String,
    /// When it was made, in ISO 8601.
    pub timestamp: String,
}

impl Label {
    /// A label for a version that is made now. Each time that a Worker is read is another version.
    pub(crate) fn new(worker: &str, tag: &str) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut hash = Sha256::new();
        hash.update(worker);
        hash.update(since.as_nanos().to_le_bytes());
        let number = hash.finalize().iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte));
        let digits = format!("{number:032x}");
        let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
        Self { id: parts.join("-"), tag: tag.to_owned(), timestamp: timestamp(since) }
    }
}

/// A time since the epoch in ISO 8601.
pub(crate) fn timestamp(since: Duration) -> String {
    let seconds = since.as_secs();
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    let date = Date::from_unix_seconds(seconds);
    format!("{date}T{hours:02}:{minutes:02}:{:02}.{:03}Z", seconds % 60, since.subsec_millis())
}

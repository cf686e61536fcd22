//! Cloudflare's limits on R2, and what it says where one is passed.

use hognose_wire::r2::Properties;

use super::R2Error;

/// The longest key, in UTF-8 bytes.
pub const KEY_MAX_BYTES: usize = 1024;
/// The largest metadata, in bytes: names and values together.
pub const METADATA_MAX_BYTES: usize = 8192;
/// The largest object in one put, and the largest part, in bytes.
pub const PUT_MAX_BYTES: u64 = (5 << 30) - (5 << 20);
/// The smallest part that is not the last, in bytes.
pub const PART_MIN_BYTES: u64 = 5 << 20;
/// The most parts of an object; also the largest number of one.
pub const PARTS_MAX: u32 = 10_000;
/// The most keys of one deletion.
pub const DELETE_MAX_KEYS: usize = 1000;
/// The most objects and groups in one page.
pub const LIST_MAX: i64 = 1000;
/// How long an upload may be unfinished, in seconds.
pub const UPLOAD_MAX_S: i64 = 7 * 24 * 3600;
/// The longest list (of keys, of parts) as it travels, in bytes.
pub(super) const LIST_MAX_BYTES: usize = 2 << 20;

/// A key that an object can have.
pub fn check_key(key: &str) -> Result<(), R2Error> {
    if key.is_empty() || key.len() > KEY_MAX_BYTES { Err(R2Error::InvalidKey) } else { Ok(()) }
}

/// Metadata that is not too large, and a class that exists.
pub fn check_properties(properties: &Properties) -> Result<(), R2Error> {
    let custom = properties.custom_metadata.iter();
    let size: usize = custom.map(|(name, value)| weight(name) + weight(value)).sum();
    if size > METADATA_MAX_BYTES {
        return Err(R2Error::MetadataTooLarge);
    }
    match properties.storage_class.as_deref() {
        None | Some("Standard" | "InfrequentAccess") => Ok(()),
        Some(_) => Err(R2Error::InvalidStorageClass),
    }
}

/// A content that is not too large; one whose length is not known beforehand is refused.
pub fn check_length(length: Option<u64>) -> Result<u64, R2Error> {
    match length {
        None => Err(R2Error::UnknownLength),
        Some(length) if length > PUT_MAX_BYTES => Err(R2Error::TooLarge),
        Some(length) => Ok(length),
    }
}

/// How many keys a page holds.
pub(super) fn page_size(limit: Option<i64>) -> Result<usize, R2Error> {
    match limit.unwrap_or(LIST_MAX) {
        limit @ 1..=LIST_MAX => Ok(limit as usize),
        _ => Err(R2Error::InvalidLimit),
    }
}

/// What a text counts: a byte each where all its characters are of Latin-1, else two for each UTF-16 unit.
fn weight(text: &str) -> usize {
    let units = text.encode_utf16().count();
    if text.chars().all(|character| character <= '\u{ff}') { units } else { 2 * units }
}

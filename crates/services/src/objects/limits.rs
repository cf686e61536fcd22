//! Cloudflare's limits on the storage of Durable Objects. Those on SQL are D1's ([`crate::d1::limits`]).

use std::time::Duration;

/// The longest key of a class with the older storage, in bytes.
pub const KEY_MAX_BYTES: usize = 2048;
/// The largest value of a class with the older storage, in bytes.
pub const VALUE_MAX_BYTES: usize = 128 << 10;
/// The most keys of one operation of a class with the older storage.
pub const KEYS_MAX: usize = 128;
/// How deep transactions may stand within each other.
pub const TRANSACTIONS_MAX: u32 = 1000;
/// How long one operation may run.
pub const OPERATION_MAX: Duration = Duration::from_secs(30);

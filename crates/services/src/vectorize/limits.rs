//! Cloudflare's limits on Vectorize.

/// The fewest dimensions of an index.
pub const DIMENSIONS_MIN: usize = 32;
/// The most dimensions of an index.
pub const DIMENSIONS_MAX: usize = 1536;
/// The longest id of a vector, in UTF-8 bytes.
pub const ID_MAX_BYTES: usize = 64;
/// The longest namespace, in UTF-8 bytes.
pub const NAMESPACE_MAX_BYTES: usize = 64;
/// The largest metadata of a vector, in bytes of JSON.
pub const METADATA_MAX_BYTES: usize = 10 << 10;
/// The most vectors, or ids to delete, in one call of a Worker.
pub const BATCH_MAX: usize = 1000;
/// The most vectors in one batch of a command.
pub const COMMAND_BATCH_MAX: usize = 5000;
/// The most ids in one `getByIds`.
pub const GET_MAX: usize = 20;
/// The most matches of a query.
pub const TOP_K_MAX: i64 = 100;
/// The most matches of a query that asks for values or all metadata.
pub const TOP_K_FULL_MAX: i64 = 50;
/// The most vectors of an index.
pub const VECTORS_MAX: u64 = 10_000_000;
/// The most namespaces of an index (Cloudflare's paid plan).
pub const NAMESPACES_MAX: u64 = 50_000;
/// The most metadata indexes of an index.
pub const METADATA_INDEXES_MAX: usize = 10;
/// The longest name of an index, in bytes.
pub const NAME_MAX_BYTES: usize = 64;
/// A filter's JSON is shorter than this, in bytes.
pub const FILTER_BYTES: usize = 2048;
/// The longest key of a filter, in characters.
pub const FILTER_KEY_MAX: usize = 512;
/// How much of a string is indexed, in bytes.
pub const INDEXED_STRING_MAX_BYTES: usize = 64;
/// The most ids in one page of a listing.
pub const LIST_MAX: usize = 1000;
/// The largest batch as it travels, in bytes: as many vectors as there may be, each as large as it may be.
pub const BATCH_MAX_BYTES: usize = 32 << 20;

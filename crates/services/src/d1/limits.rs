//! Cloudflare's limits on D1. SQLite words what happens beyond most of them.

use std::time::Duration;

/// The largest database, in bytes (Cloudflare's paid plan).
pub const DATABASE_MAX_BYTES: u64 = 10_000_000_000;
/// The largest row, string or blob, in bytes.
pub const VALUE_MAX_BYTES: i32 = 2_000_000;
/// The longest text of a statement, in bytes.
pub const SQL_MAX_BYTES: i32 = 100_000;
/// The most bound parameters of a statement.
pub const PARAMETERS_MAX: i32 = 100;
/// The most columns of a table or a result.
pub const COLUMNS_MAX: i32 = 100;
/// The most arguments of a function.
pub const ARGUMENTS_MAX: i32 = 32;
/// The longest pattern of LIKE and GLOB, in bytes.
pub const PATTERN_MAX_BYTES: i32 = 50;
/// The most terms of a compound SELECT.
pub const COMPOUND_SELECT_MAX: i32 = 5;
/// The deepest expression.
pub const EXPRESSION_DEPTH_MAX: i32 = 100;
/// The deepest nesting of triggers.
pub const TRIGGER_DEPTH_MAX: i32 = 10;
/// The most instructions of a prepared statement.
pub const INSTRUCTIONS_MAX: i32 = 25_000;
/// How long a query may run, all its statements together.
pub const QUERY_MAX: Duration = Duration::from_secs(30);
/// How many queries may wait for a database.
pub const QUEUE_MAX: usize = 4096;
/// The largest query as it travels, in bytes: all statements and parameters.
pub const QUERY_MAX_BYTES: usize = 32 << 20;
/// The most rows of one query, in bytes as they travel: what a Worker with 128 MiB of memory can at all take.
pub const RESULT_MAX_BYTES: usize = 32 << 20;

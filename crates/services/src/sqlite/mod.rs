//! How the embedded engines keep SQLite files: how one is opened ([`Database`]), read from any thread, and written by
//! one thread that lets concurrent writes share a flush ([`Writer`]).

mod copy;
mod database;
mod writer;

pub(crate) use copy::{copy, damage, fold, pinned};
pub use database::OpenError;
pub(crate) use database::{Database, Schema, open_shared, open_with_tables};

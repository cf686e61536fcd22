//! How the embedded engines keep SQLite files: how one is opened ([`Database`]), read from any thread, and written by
//! one thread that lets concurrent writes share a flush ([`Writer`]).

mod database;
mod writer;

pub use database::OpenError;
pub(crate) use database::{Database, Schema, open_shared};

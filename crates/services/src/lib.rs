//! The server half of each binding, and the only crate that touches data.
//!
//! A binding is a capability that the supervisor hosts for a cell. Behind each stands a [`Service`], which is given the
//! calls the cell makes on it, as bytes, and answers them. A service is two layers: an adapter that reads the
//! binding's vocabulary (from `hognose_wire`), checks every documented limit and words every documented error; and an
//! engine behind a trait in plain Rust types ([`kv::Kv`], [`d1::D1`] ...), which stores. The embedded engines are SQLite files;
//! the traits are shaped so that an engine can as well be at the other end of a network.
//!
//! Nothing here knows tokio: what takes long is a future that any executor can drive, what is quick is answered at
//! once ([`Pending`]), and what blocks (a commit that waits for the disk) runs on a thread the engine owns.

pub mod ai;
pub mod analytics;
pub mod assets;
pub mod backup;
pub mod cache;
mod clock;
mod content;
pub mod crons;
pub mod d1;
pub mod email;
mod file_name;
pub mod images;
pub mod kv;
pub mod objects;
mod pending;
mod pins;
pub mod queues;
pub mod r2;
mod random;
mod range;
pub mod rate_limits;
pub mod secrets;
mod service;
mod sqlite;
mod threads;
pub mod vectorize;
pub mod workflows;

pub use clock::{Clock, SystemClock};
pub use content::{ByteStream, Content, StreamError, next_chunk, read_whole};
pub use pending::{Pending, block_on};
pub use service::{Answer, Call, CallError, Failure, Service};
pub use sqlite::OpenError;

//! The services, tested as the supervisor uses them: by calls in the wire's vocabulary.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod d1;
mod disk_trouble;
mod kv_calls;
mod kv_durability;
mod kv_storage;
mod objects;
mod objects_past;
mod queues;
mod r2;
mod secrets;
mod support;

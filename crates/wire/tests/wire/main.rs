//! The wire, tested from outside: every frame there and back, every limit at it and one past it, every table against a
//! model that is too simple to be wrong.

#![expect(clippy::unwrap_used, reason = "a test's helper fails as the test does")]

mod arbitrary;
mod caps;
mod check;
mod codec;
mod control;
mod ids;
mod messages;
mod payload;
mod streams;

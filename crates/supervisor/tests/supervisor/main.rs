//! The supervisor with cells that only speak the wire: requests, bodies, isolates that die or misbehave, reloads, and
//! the end.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod bodies;
mod calls;
mod fake_cell;
mod faults;
mod fetch;
mod harness;
mod isolates;
mod life;
mod requests;

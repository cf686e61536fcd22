//! The lock, attempt by attempt. Each attempt is made twice, in a forked child each: under the lock, where it must
//! fail, and without it, where it must succeed; otherwise it would prove nothing.

#![expect(unsafe_code, reason = "forking, and calls that only an attacker makes")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod attempts;
mod calls;
mod child;
mod limits;
mod locking;

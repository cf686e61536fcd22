//! What is open on a connection, by number. [`Opened`] holds what this side numbered, [`Accepted`] what the peer did.
//!
//! Numbers go up and around, past those still open. One that was just closed is thus the last to be used again, and a
//! frame that crossed the closing on its way (credit for a stream that has ended, a cancellation of a call that has
//! returned) names nothing, and is ignored, instead of something else.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use crate::frame::{CallId, InvocationId, StreamId};
use crate::limits::{CALLS_MAX, INVOCATIONS_MAX, STREAMS_MAX};
use crate::side::Side;
use crate::violation::Violation;

/// A number of the wire.
pub trait Number: Copy + Eq + Hash {
    /// What it numbers, for messages.
    const WHAT: &'static str;
    /// How many may be open at a time.
    const OPEN_MAX: usize;
    /// The number with this value.
    fn from_value(value: u32) -> Self;
    /// Its value.
    fn value(self) -> u32;
}

macro_rules! number {
    ($name:ident, $what:literal, $max:ident) => {
        impl Number for $name {
            const WHAT: &'static str = $what;
            const OPEN_MAX: usize = $max;
            fn from_value(value: u32) -> Self {
                Self(value)
            }
            fn value(self) -> u32 {
                self.0
            }
        }
    };
}

number!(CallId, "call", CALLS_MAX);
number!(InvocationId, "invocation", INVOCATIONS_MAX);
number!(StreamId, "stream", STREAMS_MAX);

/// As many are open as may be at a time. Whoever wanted one more waits or fails; the connection is sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{limit} {what}s are open, which is the limit")]
pub struct Full {
    /// What they are.
    pub what: &'static str,
    /// How many may be open.
    pub limit: usize,
}

/// What this side opened and numbered.
#[derive(Debug)]
pub struct Opened<N, T> {
    next: u32,
    step: u32,
    open: HashMap<N, T>,
}

impl<T> Opened<CallId, T> {
    /// Calls that this side makes.
    pub fn calls() -> Self {
        Self::counting(0, 1)
    }
}

impl<T> Opened<InvocationId, T> {
    /// Invocations, for the supervisor.
    pub fn invocations() -> Self {
        Self::counting(0, 1)
    }
}

impl<T> Opened<StreamId, T> {
    /// Streams that `this_side` writes.
    pub fn streams(this_side: Side) -> Self {
        match this_side {
            Side::Supervisor => Self::counting(0, 2),
            Side::Cell => Self::counting(1, 2),
        }
    }
}

impl<N: Number, T> Opened<N, T> {
    fn counting(first: u32, step: u32) -> Self {
        Self { next: first, step, open: HashMap::new() }
    }

    /// Numbers `value`.
    pub fn open(&mut self, value: T) -> Result<N, Full> {
        if self.open.len() >= N::OPEN_MAX {
            return Err(Full { what: N::WHAT, limit: N::OPEN_MAX });
        }
        loop {
            let number = N::from_value(self.next);
            self.next = self.next.wrapping_add(self.step);
            if let Entry::Vacant(vacant) = self.open.entry(number) {
                vacant.insert(value);
                return Ok(number);
            }
        }
    }
}

/// What the peer opened and numbered.
#[derive(Debug)]
pub struct Accepted<N, T> {
    open: HashMap<N, T>,
}

impl<N, T> Default for Accepted<N, T> {
    fn default() -> Self {
        Self { open: HashMap::new() }
    }
}

impl<N: Number, T> Accepted<N, T> {
    /// Nothing open. (That a stream's number is one of the peer's is for [`crate::Frame::check`] to see.)
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes `value` under the number that the peer gave it.
    pub fn accept(&mut self, number: N, value: T) -> Result<(), Violation> {
        if self.open.contains_key(&number) {
            return Err(Violation::InUse { what: N::WHAT, number: number.value() });
        }
        let count = self.open.len() + 1;
        if count > N::OPEN_MAX {
            return Err(Violation::TooMany { what: N::WHAT, count, limit: N::OPEN_MAX });
        }
        self.open.insert(number, value);
        Ok(())
    }
}

/// What both tables can do.
macro_rules! table {
    ($table:ident) => {
        impl<N: Number, T> $table<N, T> {
            /// What goes by this number; `None` too where it did until lately.
            pub fn get(&self, number: N) -> Option<&T> {
                self.open.get(&number)
            }

            /// As [`Self::get`], to change.
            pub fn get_mut(&mut self, number: N) -> Option<&mut T> {
                self.open.get_mut(&number)
            }

            /// Closes `number`; `None` where it was not open.
            pub fn remove(&mut self, number: N) -> Option<T> {
                self.open.remove(&number)
            }

            /// Closes `number` by order of the peer, who knows whether it is open (a call that returns, an invocation
            /// that settles).
            pub fn close(&mut self, number: N) -> Result<T, Violation> {
                self.remove(number).ok_or(Violation::NotOpen { what: N::WHAT, number: number.value() })
            }

            /// How many are open.
            pub fn len(&self) -> usize {
                self.open.len()
            }

            /// Whether none is.
            pub fn is_empty(&self) -> bool {
                self.open.is_empty()
            }

            /// Everything open, in no order.
            pub fn iter(&self) -> impl Iterator<Item = (N, &T)> {
                self.open.iter().map(|(number, value)| (*number, value))
            }

            /// Everything open, in no order, to change.
            pub fn iter_mut(&mut self) -> impl Iterator<Item = (N, &mut T)> {
                self.open.iter_mut().map(|(number, value)| (*number, value))
            }

            /// Closes everything, in no order: the connection is over.
            pub fn drain(&mut self) -> impl Iterator<Item = (N, T)> {
                self.open.drain()
            }
        }
    };
}

table!(Opened);
table!(Accepted);

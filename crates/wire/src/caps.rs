//! The two halves of a capability table. [`Exports`] is the host's: a value for each number, with the references that
//! the peer holds. [`Imports`] is the holder's: how many references it will have to give back.
//!
//! Counting is what makes this safe without a handshake. A reference is counted when the frame that lists it is sent;
//! should the holder give back all it has while one more is on its way, the host still counts that one, and keeps the
//! value.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::ids::Full;
use crate::limits::CAPS_MAX;
use crate::value::CapId;
use crate::violation::Violation;

const WHAT: &str = "capability";

/// The capabilities that this side hosts for one peer.
#[derive(Debug)]
pub struct Exports<T> {
    entries: HashMap<CapId, Export<T>>,
    /// How many of them are not pinned.
    counted: usize,
    next: u32,
}

#[derive(Debug)]
struct Export<T> {
    value: T,
    held: Held,
}

/// What keeps an export.
#[derive(Debug)]
enum Held {
    /// The connection: references are not counted.
    Pinned,
    /// That many references, never none.
    References(u32),
}

impl<T> Default for Exports<T> {
    fn default() -> Self {
        Self { entries: HashMap::new(), counted: 0, next: CapId::ROOT.0 + 1 }
    }
}

impl<T> Exports<T> {
    /// Hosting nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Hosts `value` for as long as the connection lasts, under a number that both sides know from elsewhere
    /// ([`CapId::ROOT`], a Worker's `env`). Before anything else is hosted.
    pub fn pin(&mut self, cap: CapId, value: T) {
        self.entries.insert(cap, Export { value, held: Held::Pinned });
    }

    /// Hosts `value` under a new number, with the one reference that the frame about to be sent hands out.
    pub fn insert(&mut self, value: T) -> Result<CapId, Full> {
        if self.counted >= CAPS_MAX {
            return Err(Full { what: WHAT, limit: CAPS_MAX });
        }
        let cap = self.free_number();
        self.insert_at(cap, value);
        Ok(cap)
    }

    /// Hosts `value`, the result of a call still under way, under the number that the peer gave it, with the one
    /// reference that the peer holds.
    pub fn insert_promise(&mut self, cap: CapId, value: T) -> Result<(), Violation> {
        if !cap.is_promise() {
            return Err(Violation::MisplacedPromise(cap));
        }
        if self.entries.contains_key(&cap) {
            return Err(Violation::InUse { what: WHAT, number: cap.0 });
        }
        if self.counted >= CAPS_MAX {
            return Err(too_many(WHAT, CAPS_MAX));
        }
        self.insert_at(cap, value);
        Ok(())
    }

    /// One more reference, for a frame about to be sent that lists `cap` again. `false`: it is no longer hosted, or has
    /// all the references that can be counted; insert it anew.
    #[must_use]
    pub fn add_reference(&mut self, cap: CapId) -> bool {
        match self.entries.get_mut(&cap).map(|export| &mut export.held) {
            None | Some(Held::References(u32::MAX)) => false,
            Some(Held::Pinned) => true,
            Some(Held::References(count)) => {
                *count += 1;
                true
            }
        }
    }

    /// What the peer means by `cap`.
    pub fn get(&self, cap: CapId) -> Result<&T, Violation> {
        self.entries.get(&cap).map(|export| &export.value).ok_or(Violation::UnknownCap(cap))
    }

    /// As [`Exports::get`], to change (a capability whose context has ended breaks, but stays until it is given back).
    pub fn get_mut(&mut self, cap: CapId) -> Result<&mut T, Violation> {
        self.entries.get_mut(&cap).map(|export| &mut export.value).ok_or(Violation::UnknownCap(cap))
    }

    /// Takes back `count` references. With the last one the value comes back too, for whoever wants to be told.
    pub fn release(&mut self, cap: CapId, count: u32) -> Result<Option<T>, Violation> {
        let export = self.entries.get_mut(&cap).ok_or(Violation::UnknownCap(cap))?;
        let Held::References(held) = &mut export.held else { return Ok(None) };
        if count > *held {
            return Err(Violation::OverRelease { cap, count, held: *held });
        }
        *held -= count;
        if *held > 0 {
            return Ok(None);
        }
        self.counted -= 1;
        Ok(self.entries.remove(&cap).map(|export| export.value))
    }

    /// Everything hosted, in no order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (CapId, &mut T)> {
        self.entries.iter_mut().map(|(cap, export)| (*cap, &mut export.value))
    }

    /// Whether so many more can be hosted.
    pub fn has_room_for(&self, count: usize) -> bool {
        self.counted + count <= CAPS_MAX
    }

    /// Everything hosted, which is from now on not.
    pub fn drain(&mut self) -> impl Iterator<Item = T> {
        self.counted = 0;
        self.entries.drain().map(|(_, export)| export.value)
    }

    /// How many capabilities are counted against [`CAPS_MAX`]: all but the pinned ones.
    pub fn counted(&self) -> usize {
        self.counted
    }

    fn insert_at(&mut self, cap: CapId, value: T) {
        self.entries.insert(cap, Export { value, held: Held::References(1) });
        self.counted += 1;
    }

    fn free_number(&mut self) -> CapId {
        loop {
            let cap = CapId(self.next);
            self.next = (self.next + 1) % CapId::FIRST_PROMISE.0;
            if cap != CapId::ROOT && !self.entries.contains_key(&cap) {
                return cap;
            }
        }
    }
}

/// The capabilities of one peer that this side holds references to.
#[derive(Debug)]
pub struct Imports {
    references: HashMap<CapId, u32>,
    next_promise: u32,
}

impl Default for Imports {
    fn default() -> Self {
        Self { references: HashMap::new(), next_promise: CapId::FIRST_PROMISE.0 }
    }
}

impl Imports {
    /// Holding nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more reference: the peer's frame lists `cap` as its own.
    pub fn receive(&mut self, cap: CapId) -> Result<(), Violation> {
        if cap.is_promise() {
            return Err(Violation::MisplacedPromise(cap));
        }
        let full = self.references.len() >= CAPS_MAX;
        match self.references.entry(cap) {
            Entry::Occupied(mut held) => {
                *held.get_mut() =
                    held.get().checked_add(1).ok_or(too_many("references", u32::MAX as usize))?;
            }
            Entry::Vacant(_) if full => return Err(too_many(WHAT, CAPS_MAX)),
            Entry::Vacant(vacant) => {
                vacant.insert(1);
            }
        }
        Ok(())
    }

    /// A free number for the result of a call about to be made, with the one reference that the call creates.
    pub fn promise(&mut self) -> Result<CapId, Full> {
        if self.references.len() >= CAPS_MAX {
            return Err(Full { what: WHAT, limit: CAPS_MAX });
        }
        loop {
            let cap = CapId(self.next_promise);
            self.next_promise = self.next_promise.wrapping_add(1).max(CapId::FIRST_PROMISE.0);
            if let Entry::Vacant(vacant) = self.references.entry(cap) {
                vacant.insert(1);
                return Ok(cap);
            }
        }
    }

    /// Nobody here uses `cap` any longer: how many references the [`crate::Frame::Release`] to send gives back. `None`:
    /// it is not held, and there is nothing to send.
    pub fn forget(&mut self, cap: CapId) -> Option<u32> {
        self.references.remove(&cap)
    }

    /// How many references to `cap` are held.
    pub fn held(&self, cap: CapId) -> u32 {
        self.references.get(&cap).copied().unwrap_or(0)
    }

    /// How many capabilities are held.
    pub fn len(&self) -> usize {
        self.references.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.references.is_empty()
    }
}

fn too_many(what: &'static str, limit: usize) -> Violation {
    Violation::TooMany { what, count: limit + 1, limit }
}

//! Maps of what a conversion has done already, by the addresses of objects.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map by the address of an object that it keeps alive.
pub(super) type ByAddress<T> = HashMap<usize, T, BuildHasherDefault<AddressHasher>>;

/// Spreads addresses. Nobody chooses them to collide, so that no secret is needed, and they are looked up for each container.
#[derive(Default)]
pub(super) struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_usize(byte.into());
        }
    }

    /// Multiplies by the golden ratio, which carries the low bits that differ to the high ones; the map uses both ends.
    fn write_usize(&mut self, address: usize) {
        let spread = (self.0 ^ address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = spread ^ (spread >> 32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

//! Random numbers from the kernel, with a small supply so that `Math.random` costs no system call each time.

use std::cell::RefCell;

/// How many bytes are drawn at a time.
const SUPPLY_BYTES: usize = 512;

/// A supply that a forked child must [`forget`](Random::forget), or both would draw the same.
#[derive(Debug, Default)]
pub(crate) struct Random(RefCell<Vec<u8>>);

impl Random {
    /// Drops the supply.
    pub(crate) fn forget(&self) {
        self.0.borrow_mut().clear();
    }

    /// Fills `bytes` for cryptographic use.
    pub(crate) fn fill(bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("invariant: the kernel gives random numbers");
    }

    /// A number from 0 up to, not including, 1, with 53 random bits.
    pub(crate) fn unit(&self) -> f64 {
        let mut supply = self.0.borrow_mut();
        if supply.len() < size_of::<u64>() {
            supply.resize(SUPPLY_BYTES, 0);
            Self::fill(&mut supply);
        }
        let rest = supply.len() - size_of::<u64>();
        let bytes = supply.split_off(rest).try_into().expect("invariant: eight bytes were split off");
        (u64::from_ne_bytes(bytes) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

//! What CPU time the invocations of an isolate are charged, in equal parts, turn by turn.
//!
//! No turn walks all of them, for many may be idle WebSockets: what one invocation would have been charged that was there
//! from the start is summed up, and an invocation has the difference between its end and its beginning.

use std::cell::Cell;

use crate::clock::CpuClock;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Charges {
    clock: CpuClock,
    /// In microseconds.
    total_us: Cell<u64>,
    /// What did not divide, and waits for the next turn.
    rest_us: Cell<u64>,
}

impl Charges {
    /// Forgets the time since the last turn, in which nothing was under way.
    pub(super) fn skip(&self) {
        self.clock.lap_us();
    }

    /// Charges the time since the last turn to that many invocations.
    pub(super) fn share(&self, invocations: usize) {
        self.add(self.clock.lap_us(), invocations as u64);
    }

    fn add(&self, used_us: u64, invocations: u64) {
        let due_us = self.rest_us.get() + used_us;
        self.rest_us.set(due_us % invocations);
        self.total_us.set(self.total_us.get() + due_us / invocations);
    }

    /// What one that was there from the start would have been charged, in microseconds.
    pub(super) fn total_us(&self) -> u64 {
        self.total_us.get()
    }
}

#[cfg(test)]
mod tests {
    use super::Charges;

    #[test]
    fn each_is_charged_its_part_of_the_turns_that_it_was_there_in() {
        let charges = Charges::default();
        charges.add(10, 1);
        let second_begun_us = charges.total_us();
        charges.add(10, 2);
        assert_eq!((charges.total_us(), charges.total_us() - second_begun_us), (15, 5));
    }

    #[test]
    fn what_does_not_divide_is_charged_later() {
        let charges = Charges::default();
        (0..1000).for_each(|_| charges.add(7, 5000));
        assert_eq!(charges.total_us(), 1);
    }
}

//! How fast the steps of an isolate follow each other, and so whether answers may gather.
//!
//! What a turn of the loop has to say is sent in one piece at its end, which is cheaper for both sides than a piece for
//! each answer. But a handler of the same turn may compute for long, and then those that are answered wait for it. Which
//! one will cannot be known; but a Worker that has computed for long does so again, and is not held up by a piece more.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// A step that takes longer than this is long.
const LONG: Duration = Duration::from_millis(1);
/// How many steps after a long one answers leave before each step.
const WARY_STEPS: u32 = 1000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When the step under way began; none: the loop waits.
    begun: Cell<Option<Instant>>,
    wary_steps: Cell<u32>,
}

impl Pace {
    /// A step begins: whether what is answered should leave before it.
    pub(super) fn hurries(&self) -> bool {
        self.step(Instant::now())
    }

    /// The loop waits, and waiting is no step.
    pub(super) fn pause(&self) {
        self.note(Instant::now());
        self.begun.set(None);
    }

    fn step(&self, now: Instant) -> bool {
        self.note(now);
        self.begun.set(Some(now));
        let wary_steps = self.wary_steps.get();
        self.wary_steps.set(wary_steps.saturating_sub(1));
        wary_steps > 0
    }

    fn note(&self, now: Instant) {
        if self.begun.get().is_some_and(|begun| now.duration_since(begun) > LONG) {
            self.wary_steps.set(WARY_STEPS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_gather_until_a_step_was_long_and_again_after_enough_short_ones() {
        let (pace, start) = (Pace::default(), Instant::now());
        assert!(!pace.step(start));
        assert!(!pace.step(start + LONG), "at the limit");
        let mut now = start + LONG + LONG + Duration::from_nanos(1);
        assert!((0..WARY_STEPS).all(|_| pace.step(now)), "and one past it");
        assert!(!pace.step(now));
        pace.begun.set(None);
        now += LONG * 2;
        assert!(!pace.step(now), "the loop has waited, and no step was long");
    }
}

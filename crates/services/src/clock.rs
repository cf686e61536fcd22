//! Where services learn the time. They are given it, so that tests of expiry need not wait.

use std::time::{SystemTime, UNIX_EPOCH};

/// A source of wall-clock time.
pub trait Clock: Send + Sync {
    /// Whole seconds since the epoch.
    fn now_s(&self) -> i64;

    /// Milliseconds since the epoch, where the source knows them.
    fn now_ms(&self) -> i64 {
        self.now_s() * 1000
    }
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_s(&self) -> i64 {
        self.now_ms() / 1000
    }

    fn now_ms(&self) -> i64 {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        since_epoch.map_or(0, |elapsed| elapsed.as_millis() as i64)
    }
}

//! The CPU time of the cell's thread.

use std::cell::Cell;

use rustix::time::{ClockId, clock_gettime};

/// A stopwatch over the thread's CPU time.
#[derive(Debug, Default)]
pub(crate) struct CpuClock(Cell<u64>);

impl CpuClock {
    /// Microseconds since the last call.
    pub(crate) fn lap_us(&self) -> u64 {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        let now = (time.tv_sec * 1_000_000 + time.tv_nsec / 1000).cast_unsigned();
        now.saturating_sub(self.0.replace(now))
    }
}

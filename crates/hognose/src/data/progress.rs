//! A line that says how far long work has come: on a terminal, and only once it has taken a second.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

const SHOWN_AFTER: Duration = Duration::from_secs(1);
const SHOWN_EVERY: Duration = Duration::from_millis(100);
const WIDTH: usize = 30;

/// Work under way.
pub(crate) struct Progress {
    what: &'static str,
    total: u64,
    done: u64,
    next: Option<Instant>,
    is_shown: bool,
}

impl Progress {
    /// Work of `total` units.
    pub(crate) fn new(what: &'static str, total: u64) -> Self {
        let next = io::stderr().is_terminal().then(|| Instant::now() + SHOWN_AFTER);
        Self { what, total, done: 0, next, is_shown: false }
    }

    /// So many more units are done.
    pub(crate) fn advance(&mut self, units: u64) {
        self.done += units;
        if self.next.is_none_or(|next| next > Instant::now()) {
            return;
        }
        self.next = Some(Instant::now() + SHOWN_EVERY);
        self.is_shown = true;
        let filled = (WIDTH as u64 * self.done / self.total.max(1)) as usize;
        let bar = "█".repeat(filled.min(WIDTH)) + &"░".repeat(WIDTH.saturating_sub(filled));
        // A terminal that has gone needs no progress.
        let _ = write!(io::stderr(), "\r{} {bar} {}/{}", self.what, self.done, self.total);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

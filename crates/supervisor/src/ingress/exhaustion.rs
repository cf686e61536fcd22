//! What is done where a connection cannot be accepted. Out of descriptors or memory, accepting again at once would only
//! spin: what was accepted goes on and frees some, the others wait in the kernel's queue, and the operator is told.

use std::io;
use std::time::Instant;

use hognose_wire::LogLevel;

use crate::events::Events;
use crate::limits::{ACCEPT_PAUSE, EXHAUSTION_TOLD_EVERY};

/// Remembers when the operator was told last.
#[derive(Debug, Default)]
pub(super) struct Exhaustion {
    told: Option<Instant>,
}

impl Exhaustion {
    /// Waits before the next try, unless the fault lay with one client.
    pub(super) async fn pause(&mut self, error: &io::Error, events: &Events) {
        if is_of_one_client(error) {
            return;
        }
        if self.told.is_none_or(|told| told.elapsed() >= EXHAUSTION_TOLD_EVERY) {
            self.told = Some(Instant::now());
            let text = format!(
                "No connection can be accepted: {error}. Those that are open go on, new ones wait. Raise the limit on \
                 open files (`ulimit -n`, `LimitNOFILE=` of a systemd unit) if this lasts."
            );
            events.log(&"".into(), LogLevel::Error, text);
        }
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

fn is_of_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

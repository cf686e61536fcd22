//! What the server tells whoever started it: the command line prints it, a dashboard may show it.
//!
//! Events go through a bounded channel and are never waited for: a Worker that floods its log loses lines, and the
//! count of lost lines is told with the next event that finds room.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hognose_wire::LogLevel;
use hognose_wire::control::{Export, LoadFailure};
use tokio::sync::mpsc;

/// Something that happened in the server.
#[derive(Clone, Debug)]
pub enum ServerEvent {
    /// The head of a response was handed to the client's connection.
    RequestDone {
        /// The request's method.
        method: http::Method,
        /// The request's path, without its query.
        path: String,
        /// The response's status.
        status: u16,
        /// From the end of the request's head to the start of the response.
        duration: Duration,
        /// The number that the request has in its `cf-ray`, and the response too.
        ray: u64,
        /// The address that the client connected from.
        client: IpAddr,
    },
    /// A line of `print`, `console`, standard error or a traceback.
    Log {
        /// Whose; empty where a base printed it.
        worker: Arc<str>,
        /// How loud.
        level: LogLevel,
        /// The text, one or more lines.
        text: String,
    },
    /// A version of a Worker has loaded and takes requests.
    Loaded {
        /// Whose.
        worker: Arc<str>,
        /// What it exports.
        exports: Vec<Export>,
        /// Things to tell the user once.
        warnings: Vec<String>,
        /// From the order to load to the report.
        duration: Duration,
    },
    /// A version of a Worker could not be loaded.
    LoadFailed {
        /// Whose.
        worker: Arc<str>,
        /// Why.
        failure: LoadFailure,
    },
    /// An isolate ended without having been asked to.
    IsolateDied {
        /// Whose.
        worker: Arc<str>,
        /// Its process id.
        pid: u32,
        /// What is known of the reason.
        reason: String,
        /// How many requests were lost with it.
        requests_lost: usize,
    },
    /// So many events were lost before this one, for want of room in the channel.
    Lost {
        /// How many.
        count: u64,
    },
}

/// The sending half, shared by all parts of the server.
#[derive(Debug)]
pub(crate) struct Events {
    sender: mpsc::Sender<ServerEvent>,
    lost: AtomicU64,
}

impl Events {
    pub(crate) fn new(sender: mpsc::Sender<ServerEvent>) -> Self {
        Self { sender, lost: AtomicU64::new(0) }
    }

    /// Sends `event` if there is room, and counts it as lost otherwise.
    pub(crate) fn send(&self, event: ServerEvent) {
        if self.lost.load(Ordering::Relaxed) > 0 {
            self.tell_lost();
        }
        if self.sender.try_send(event).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn log(&self, worker: &Arc<str>, level: LogLevel, text: impl Into<String>) {
        self.send(ServerEvent::Log { worker: Arc::clone(worker), level, text: text.into() });
    }

    fn tell_lost(&self) {
        if let Ok(permit) = self.sender.try_reserve() {
            permit.send(ServerEvent::Lost { count: self.lost.swap(0, Ordering::Relaxed) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(event: &ServerEvent) -> String {
        match event {
            ServerEvent::Log { text, .. } => text.clone(),
            ServerEvent::Lost { count } => format!("lost {count}"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn events_beyond_the_channels_room_are_counted_and_told() {
        let (sender, mut receiver) = mpsc::channel(2);
        let events = Events::new(sender);
        let worker = Arc::from("w");
        for text in ["a", "b", "c", "d"] {
            events.log(&worker, LogLevel::Info, text);
        }
        assert_eq!(status(&receiver.try_recv().unwrap()), "a");
        assert_eq!(status(&receiver.try_recv().unwrap()), "b");
        events.log(&worker, LogLevel::Info, "e");
        assert_eq!(status(&receiver.try_recv().unwrap()), "lost 2");
        assert_eq!(status(&receiver.try_recv().unwrap()), "e");
    }
}

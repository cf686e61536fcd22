//! Which commits of an isolate's objects are on the disk, and how its task hears of it.
//!
//! The thread that flushes is none of the runtime's. It rings by a descriptor that the runtime waits for together with
//! the sockets: a waker would rouse two of the runtime's threads, of which one finds nothing to do.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use hognose_wire::WriteSeq;
use rustix::event::{EventfdFlags, eventfd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::cell_socket::watched;

/// See the module.
#[derive(Default)]
pub(crate) struct Commits {
    /// The last that is on the disk with all before it.
    durable: AtomicU64,
    /// Whether the task waits for one.
    awaited: AtomicBool,
    bell: OnceLock<OwnedFd>,
}

/// The task's end of the bell.
pub(crate) struct Bell(AsyncFd<OwnedFd>);

impl Commits {
    /// Whether a frame that depends on that commit is to wait.
    pub(crate) fn holds(&self, WriteSeq(after): WriteSeq) -> bool {
        if after <= self.durable.load(Ordering::SeqCst) {
            return false;
        }
        self.awaited.store(true, Ordering::SeqCst);
        // What is flushed before it could be seen that somebody waits is seen here.
        after > self.durable.load(Ordering::SeqCst)
    }

    /// Whether a commit is on the disk as soon as it is made, where it has nothing to flush itself.
    pub(super) fn has_all_before(&self, seq: u64) -> bool {
        self.durable.load(Ordering::SeqCst) == seq - 1
    }

    /// All up to this one are on the disk.
    pub(super) fn flushed(&self, seq: u64) {
        self.durable.store(seq, Ordering::SeqCst);
        if self.awaited.swap(false, Ordering::SeqCst)
            && let Some(bell) = self.bell.get()
        {
            // It counts how often it was rung, which is never too often.
            let _rung = rustix::io::write(bell, &1_u64.to_ne_bytes());
        }
    }

    /// Gives the task its end; to be called once. What was flushed before is not rung for.
    pub(crate) fn bell(&self) -> io::Result<Bell> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let heard = Bell(watched(bell.try_clone()?, Interest::READABLE)?);
        let _first = self.bell.set(bell);
        Ok(heard)
    }
}

impl Bell {
    /// Has the task woken when the bell is rung the next time.
    pub(crate) fn listen(&self, context: &mut Context<'_>) -> io::Result<()> {
        while let Poll::Ready(rung) = self.0.poll_read_ready(context) {
            rung?.clear_ready();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[test]
    fn a_frame_waits_for_its_commit_and_those_before() {
        let commits = Commits::default();
        assert!(!commits.holds(WriteSeq(0)));
        assert!(commits.holds(WriteSeq(2)) && !commits.has_all_before(2));
        commits.flushed(1);
        assert!(commits.holds(WriteSeq(2)) && commits.has_all_before(2));
        commits.flushed(2);
        assert!(!commits.holds(WriteSeq(2)));
    }

    #[tokio::test]
    async fn who_waits_is_woken_each_time() {
        let commits = std::sync::Arc::new(Commits::default());
        let bell = commits.bell().unwrap();
        for seq in 1..=3 {
            let flushing = std::sync::Arc::clone(&commits);
            assert!(commits.holds(WriteSeq(seq)));
            let thread = std::thread::spawn(move || flushing.flushed(seq));
            poll_fn(|context| {
                bell.listen(context).unwrap();
                if commits.holds(WriteSeq(seq)) { Poll::Pending } else { Poll::Ready(()) }
            })
            .await;
            thread.join().unwrap();
        }
    }
}

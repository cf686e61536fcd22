//! One isolate as the supervisor sees it: what it was asked, what it asked, and the frames that wait to be sent.
//!
//! The state stands under a mutex that is held for moments only. Whoever has something to say appends frames to the
//! outbox and wakes the isolate's one task ([`crate::connection`]), which writes all that gathered in one system call.
//! Nothing that holds a stream may be dropped under the lock, for dropping a stream takes it.

mod account;
mod allowance;
mod answers;
mod begin;
mod hosted;
mod state;

use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hognose_wire::{ProtocolError, Violation};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

pub(crate) use answers::{Answer, Pending};
pub(crate) use begin::{Origin, Refused};
pub(crate) use state::State;

use crate::calls::Grants;
use crate::links::{self, Handle};
use crate::objects::Storages;
use crate::process::Process;
use crate::trace::Trace;
use answers::Invocation;

/// A cell that serves.
pub(crate) struct Isolate {
    pub(crate) process: Process,
    pub(crate) grants: Arc<Grants>,
    /// Of the Durable Objects that live in it.
    pub(crate) storages: Arc<Storages>,
    state: Mutex<State>,
    /// Told when an invocation or a stream ends.
    progress: Notify,
    /// Told when something begins and the isolate is not watched.
    begun: Notify,
}

/// Why an isolate is to end.
pub(crate) enum Closing {
    /// It is not needed any more.
    Asked,
    /// Of something it did.
    Expelled(Breach),
}

/// What a cell did that no unmodified cell does. It is killed for it: nothing it says can be trusted any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Breach {
    /// Its bytes are no frames.
    #[error("it broke the protocol: {0}")]
    Protocol(#[from] ProtocolError),
    /// A frame has no place where it came.
    #[error("it broke the protocol: {0}")]
    Rule(#[from] Violation),
    /// It asked for what does not exist.
    #[error("it broke the protocol: {0}")]
    Other(String),
}

impl Breach {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self::Other(what.into())
    }
}

impl Isolate {
    /// `synchronous` is its second socket, which a script's cell does not have.
    pub(crate) fn new(process: Process, grants: Arc<Grants>, synchronous: Option<UnixStream>) -> Self {
        let state = State::with_exports(links::granted(&grants));
        let storages = Arc::new(Storages::new(synchronous));
        let (progress, begun) = (Notify::new(), Notify::new());
        Self { process, grants, storages, state: Mutex::new(state), progress, begun }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // The state is never left half-changed by a panic: each method changes one thing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Told when something begins that [`crate::watch`] is to look at.
    pub(crate) fn begun(&self) -> &Notify {
        &self.begun
    }

    /// Asks the isolate's task to end it, now.
    pub(crate) fn close(&self) {
        self.state().close(Closing::Asked);
        self.progress.notify_waiters();
    }

    /// As [`Isolate::close`], for what it did.
    pub(crate) fn expel(&self, breach: Breach) {
        self.state().close(Closing::Expelled(breach));
    }

    /// Waits until all that was begun is over.
    pub(crate) async fn drained(&self) {
        loop {
            let mut progress = std::pin::pin!(self.progress.notified());
            progress.as_mut().enable();
            if self.state().is_drained() {
                return;
            }
            progress.await;
        }
    }

    /// Ends everything that was begun, and returns how many requests were lost.
    pub(crate) fn lose_all(self: &Arc<Self>, reason: &str) -> usize {
        let mut state = self.state();
        state.close(Closing::Asked);
        let excess = state.excess();
        let unread = state.streams.close();
        let invocations: Vec<Invocation> =
            state.invocations.drain().map(|(_, invocation)| invocation).collect();
        let calls: Vec<AbortHandle> = state.calls.drain().filter_map(|(_, call)| call.task).collect();
        let asked: Vec<_> = state.asked.drain().collect();
        let held: Vec<Handle> = state.exports.drain().collect();
        drop(state);
        drop((asked, held));
        drop(unread);
        calls.iter().for_each(AbortHandle::abort);
        if let Some(objects) = &self.grants.objects {
            objects.lost(self);
        }
        self.progress.notify_waiters();
        let tracing = &self.grants.tracing;
        invocations.into_iter().filter_map(|invocation| invocation.lose(reason, excess, tracing)).count()
    }

    /// What is known of the invocations under way.
    pub(crate) fn open_traces(&self) -> Vec<Trace> {
        let state = self.state();
        state
            .invocations
            .iter()
            .filter_map(|(_, open)| open.trace.as_ref())
            .map(|trace| trace.so_far())
            .collect()
    }

    pub(crate) fn notify_progress(&self) {
        self.progress.notify_waiters();
    }
}

//! How the events that an isolate was given end: the answer first, then the rest of what was begun.

use std::sync::Arc;
use std::time::Duration;

use hognose_wire::objects::ObjectNumber;
use hognose_wire::{Frame, InvocationId, StreamId, WAIT_UNTIL_OVER};
use http::Response;
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

use super::account::{self, Account};
use super::{Breach, Isolate};
use crate::body::Body;
use crate::limits::OVERDUE_GRACE;
use crate::links::{Raised, Value};
use crate::recorder::Tracing;
use crate::trace::OpenTrace;
use crate::watch::Excess;

/// An event that the isolate was given.
pub(super) struct Invocation {
    /// Where its answer goes; `None` once it was given.
    pub(super) answer: Option<oneshot::Sender<Answer>>,
    /// The body that was offered with it.
    pub(super) body: Option<StreamId>,
    /// What can be its answer.
    pub(super) wants: Wants,
    /// How many Workers called each other before this one.
    pub(super) depth: u32,
    /// The Durable Object that it is for.
    pub(super) object: Option<ObjectNumber>,
    /// Whether its object has ended: it was answered with that, and what it says does not count.
    pub(super) given_up: bool,
    /// Ends it where it takes too long to be answered, and once it was, to settle.
    pub(super) deadline: Option<AbortOnDropHandle<()>>,
    /// What it has used.
    pub(super) account: Account,
    /// What is remembered of it.
    pub(super) trace: Option<Box<OpenTrace>>,
}

impl Invocation {
    /// Tells whoever waits that there will be no answer, and why; `None` where nobody does.
    pub(super) fn lose(mut self, reason: &str, excess: Option<Excess>, tracing: &Tracing) -> Option<()> {
        let answer = match excess {
            Some(excess) => Answer::Raised(account::raised(excess, String::new())),
            None => Answer::Lost(reason.to_owned()),
        };
        if let Some(mut trace) = self.trace.take() {
            if self.answer.is_some() {
                trace.answered(&answer);
            }
            tracing.record(trace.settled(self.account.cpu.as_micros() as u64));
        }
        self.answer?.send(answer).ok()
    }
}

/// What an event is answered with, where nothing goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    Response,
    Value,
    Nothing,
}

/// What became of an invocation.
pub(crate) enum Answer {
    /// The handler's response, to a request.
    Response(Response<Body>),
    /// What a method returned.
    Value(Value),
    /// The handler of another event has ended well.
    Done,
    /// The handler raised, or gave something that is no answer.
    Raised(Raised),
    /// The isolate ended first; why.
    Lost(String),
}

/// An event that an isolate works on. Dropped before the answer, it is cancelled: the client has gone.
pub(crate) struct Pending {
    pub(super) isolate: Arc<Isolate>,
    pub(super) invocation: InvocationId,
    pub(super) answer: oneshot::Receiver<Answer>,
    pub(super) over: bool,
}

impl Pending {
    pub(crate) async fn answer(mut self) -> Answer {
        let answer = (&mut self.answer).await;
        self.over = true;
        answer.unwrap_or_else(|_| Answer::Lost("the server is shutting down".into()))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.over {
            self.isolate.state().cancel(self.invocation);
        }
    }
}

impl Isolate {
    /// The handler's result has come. `streams`: its body is still to come.
    pub(crate) fn complete(
        &self,
        invocation: InvocationId,
        answer: Answer,
        streams: bool,
    ) -> Result<(), Breach> {
        let mut state = self.state();
        state.started(invocation);
        if !streams {
            state.answered.push(invocation);
        }
        if state.is_given_up(Some(invocation)) {
            // The answer is dropped after the state is released.
            drop(state);
            return Ok(());
        }
        let excess = state.excess().or_else(|| state.is_late(invocation).then_some(Excess::Wall));
        let answer = match (excess, answer) {
            (Some(excess), Answer::Raised(raised)) => Answer::Raised(account::raised(excess, raised.stack)),
            (_, answer) => answer,
        };
        let found = state.invocations.get_mut(invocation);
        let found = found.and_then(|open| {
            if let Some(trace) = &mut open.trace {
                trace.answered(&answer);
            }
            open.answer.take().map(|sender| (sender, open.wants))
        });
        drop(state);
        let (sender, wants) =
            found.ok_or_else(|| Breach::new("it completed an invocation that was not open"))?;
        let fits = match &answer {
            Answer::Response(_) => wants == Wants::Response,
            Answer::Value(_) => wants == Wants::Value,
            Answer::Done => wants == Wants::Nothing,
            Answer::Raised(_) | Answer::Lost(_) => true,
        };
        if !fits {
            return Err(Breach::new("it answered an event with what is no answer to it"));
        }
        // Nobody waits where the client has gone; a body that the answer holds is then cancelled by being dropped.
        let _client_gone = sender.send(answer);
        Ok(())
    }

    /// Begins the time of what was answered in full and has not settled with it, as most do.
    pub(crate) fn limit_waits(self: &Arc<Self>) {
        let answered = std::mem::take(&mut self.state().answered);
        for invocation in answered {
            self.answered(invocation);
        }
    }

    /// The client has all of the response: what `waitUntil` keeps has a limited time from now on.
    pub(crate) fn answered(self: &Arc<Self>, invocation: InvocationId) {
        let mut state = self.state();
        let Some(open) = state.invocations.get_mut(invocation) else { return };
        let (isolate, wait_until_max) = (Arc::downgrade(self), self.grants.wait_until_max);
        open.deadline = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            tokio::time::sleep(wait_until_max).await;
            if let Some(isolate) = isolate.upgrade() {
                isolate.state().send(Frame::CancelInvocation { invocation, reason: WAIT_UNTIL_OVER });
            }
        })));
    }

    /// Fails what is not answered after so long; where the isolate does not even do that, it is killed.
    pub(super) fn end_after(
        self: &Arc<Self>,
        invocation: InvocationId,
        wall_max: Duration,
    ) -> AbortOnDropHandle<()> {
        let isolate = Arc::downgrade(self);
        AbortOnDropHandle::new(tokio::spawn(async move {
            tokio::time::sleep(wall_max).await;
            if !isolate.upgrade().is_some_and(|isolate| isolate.state().is_overdue(invocation)) {
                return;
            }
            tokio::time::sleep(OVERDUE_GRACE).await;
            if let Some(isolate) = isolate.upgrade()
                && isolate.state().is_overdue(invocation)
            {
                isolate.state().exceed(invocation, Excess::Wall);
                isolate.process.warn(Excess::Wall);
            }
        }))
    }

    /// An object has ended: what it has not answered fails with this.
    pub(crate) fn give_up_object(&self, object: ObjectNumber, raised: &Raised) {
        let senders = self.state().give_up(object);
        for sender in senders {
            // Nobody waits where the client has gone.
            let _client_gone = sender.send(Answer::Raised(raised.clone()));
        }
    }

    /// The invocation is over.
    pub(crate) fn settled(&self, invocation: InvocationId, cpu_us: u64) -> Result<(), Breach> {
        let mut state = self.state();
        state.started(invocation);
        let mut ended = state.invocations.close(invocation)?;
        let unread = ended.body.and_then(|stream| state.streams.withdraw(stream));
        drop(state);
        drop(unread);
        if let Some(trace) = ended.trace.take() {
            self.grants.tracing.record(trace.settled(cpu_us));
        }
        self.progress.notify_waiters();
        if ended.answer.is_some() {
            return Err(Breach::new("it settled an invocation without completing it"));
        }
        Ok(())
    }
}

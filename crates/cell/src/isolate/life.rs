//! How long an invocation lives: until its handler has answered, what streams is sent and all that `waitUntil` was given
//! has settled, or until nothing can wake it any more. Its CPU time is counted on the way.

use std::rc::Rc;

use hognose_engine::{Result as JsResult, Thrown, Value};
use hognose_ffi::event_loop::Hooks;
use hognose_web::BodySource;
use hognose_wire::{Frame, InvocationId, LogLevel, Outcome, StreamId};
use pyo3::Python;

use super::invocation::Wants;
use super::{Inbox, Isolate};
use crate::host;
use crate::link::{Link, OwnedError};
use crate::python::Half;

/// What the platform says where a handler can never answer.
const HUNG: &str = "The Workers runtime canceled this request because it detected that your Worker's code had hung \
                    and would never generate a response.";

/// The error of what has not answered in its time.
const OVERDUE: &str = "Worker exceeded wall time limit.";

/// What it says where `waitUntil` was given more than its time.
const WAITED_TOO_LONG: &str = "waitUntil() tasks did not complete within the allowed time after invocation end and have \
                               been cancelled. See: \
                               https://developers.cloudflare.com/workers/runtime-apis/context/#waituntil";

impl Isolate {
    /// The invocation that is being served, where it is the only one: code that JavaScript runs later on its behalf
    /// carries no context variable.
    pub(crate) fn only_invocation(&self) -> Option<InvocationId> {
        let invocations = self.invocations.borrow();
        let mut ids = invocations.keys();
        ids.next().filter(|_| ids.next().is_none()).copied()
    }

    /// Keeps an invocation going until the promise has settled.
    pub(crate) fn wait_until(self: &Rc<Self>, invocation: InvocationId, promise: &Value) -> JsResult<()> {
        match self.invocations.borrow_mut().get_mut(&invocation) {
            Some(entry) => entry.waits += 1,
            // Nothing keeps an invocation that is over.
            None => return Ok(()),
        }
        let (fulfilled, rejected) = (Rc::clone(self), Rc::clone(self));
        promise.then(
            move |context, _value| {
                fulfilled.waited(invocation);
                Ok(context.undefined())
            },
            move |context, reason| {
                let text = host::describe_error(reason);
                Python::attach(|py| rejected.cell.log(py, LogLevel::Error, &text));
                if let Some(entry) = rejected.invocations.borrow_mut().get_mut(&invocation) {
                    entry.rejected = Some(text);
                }
                rejected.waited(invocation);
                Ok(context.undefined())
            },
        )?;
        Ok(())
    }

    /// Ends an invocation whose handler is given up: what is to come of it will come of another one.
    pub(crate) fn suspend(self: &Rc<Self>, invocation: InvocationId) {
        let task = match self.invocations.borrow_mut().get_mut(&invocation) {
            Some(entry) if !entry.completed => entry.task.take(),
            _ => return,
        };
        self.complete(invocation, Outcome::Done);
        let cancelled = task.map_or(Ok(()), |task| {
            Python::attach(|py| task.call_method0(py, "cancel").map(drop).map_err(|error| error.to_string()))
        });
        if let Err(text) = cancelled {
            Python::attach(|py| self.cell.log(py, LogLevel::Error, &text));
        }
    }

    /// Counts one more operation on a binding of that kind and gives how many there were, this one included.
    pub(crate) fn count_operation(&self, invocation: InvocationId, kind: &'static str) -> u32 {
        let mut invocations = self.invocations.borrow_mut();
        let Some(entry) = invocations.get_mut(&invocation) else { return 1 };
        let count = entry.operations.entry(kind).or_default();
        *count += 1;
        *count
    }

    /// Keeps an invocation going until [`Isolate::waited`] is called for it.
    pub(crate) fn hold(&self, invocation: InvocationId) {
        if let Some(entry) = self.invocations.borrow_mut().get_mut(&invocation) {
            entry.waits += 1;
        }
    }

    /// Keeps an invocation going while a stream of its answer is written: what the stream is made of, a fetched body for
    /// one, is the invocation's and ends with it.
    pub(super) fn hold_for(self: &Rc<Self>, invocation: InvocationId, source: &BodySource) {
        let BodySource::Stream { body, .. } = source else { return };
        self.hold(invocation);
        let isolate = Rc::clone(self);
        self.link().when_over(StreamId(body.0), move |_py| isolate.waited(invocation));
    }

    /// One thing less keeps an invocation going.
    pub(crate) fn waited(self: &Rc<Self>, invocation: InvocationId) {
        if let Some(entry) = self.invocations.borrow_mut().get_mut(&invocation) {
            // Nothing is left to count where the waits were given up.
            entry.waits = entry.waits.saturating_sub(1);
        }
        self.end_lingering(invocation);
        self.settle_if_over(invocation);
    }

    pub(super) fn hooks(self: &Rc<Self>, link: &Rc<Link>) -> Hooks {
        let (ending, beginning) = ((Rc::clone(self), Rc::clone(link)), (Rc::clone(self), Rc::clone(link)));
        let cell = Rc::clone(&self.cell);
        Hooks {
            before_wait: Box::new(move |py| ending.0.end_turn(py, &ending.1)),
            before_step: Box::new(move |py| beginning.0.begin_step(py, &beginning.1)),
            uncaught: Box::new(move |py, error| cell.log(py, LogLevel::Error, &host::describe_error(&error))),
            // For the next invocation.
            is_waiting: Box::new(|| true),
        }
    }

    /// Says all that came of a turn.
    fn end_turn(self: &Rc<Self>, py: Python<'_>, link: &Link) {
        self.cell.report_rejections(py);
        self.charge();
        self.announce(link);
        self.end_hung(py, link);
        link.flush(py, &Inbox(Rc::clone(self)));
        self.pace.pause();
    }

    /// Lets go what is answered, where what comes may take long. Writes of Durable Objects that are not committed yet are
    /// committed with the turn, and answers wait for that.
    fn begin_step(self: &Rc<Self>, py: Python<'_>, link: &Link) {
        if self.pace.hurries() && link.holds_answer() && !self.objects.is_uncommitted() {
            link.flush(py, &Inbox(Rc::clone(self)));
        }
    }

    /// Charges the CPU time since the last turn to the invocations under way, in equal parts.
    fn charge(&self) {
        let under_way = self.invocations.borrow().len();
        if under_way > 0 {
            self.charges.share(under_way);
        }
    }

    /// Tells the supervisor which invocations have begun and not yet been heard of.
    fn announce(&self, link: &Link) {
        for id in self.unannounced.take() {
            let mut invocations = self.invocations.borrow_mut();
            let Some(invocation) = invocations.get_mut(&id).filter(|entry| !entry.announced) else {
                continue;
            };
            invocation.announced = true;
            link.send(Frame::Started { invocation: id });
        }
    }

    /// Ends invocations that nothing can ever wake again.
    fn end_hung(self: &Rc<Self>, py: Python<'_>, link: &Link) {
        if !self.cell.event_loop.is_idle() || link.is_busy() || self.cell.rpc().hosts_anything() {
            return;
        }
        let hung: Vec<InvocationId> = self.invocations.borrow().keys().copied().collect();
        if hung.is_empty() || Half::other_threads_may_call(py) {
            return;
        }
        for invocation in hung {
            if !self.is_completed(invocation) {
                self.cell.serve(invocation, || self.cell.log(py, LogLevel::Error, HUNG));
                OwnedError::error(HUNG).with_remote(|error| self.complete(invocation, Outcome::Error(error)));
            }
            // Promises that will never settle keep nothing.
            if let Some(entry) = self.invocations.borrow_mut().get_mut(&invocation) {
                entry.waits = 0;
            }
            self.settle_if_over(invocation);
        }
    }

    pub(super) fn settle_if_over(self: &Rc<Self>, invocation: InvocationId) {
        let over = self
            .invocations
            .borrow()
            .get(&invocation)
            .is_some_and(|entry| entry.completed && entry.waits == 0);
        if !over {
            return;
        }
        let rpc = self.cell.rpc();
        // What came to an object is its own, beyond the event that brought it.
        let object = self.object_of(invocation);
        if let Err(thrown) = if object.is_some() { Ok(()) } else { rpc.let_go(invocation) } {
            Python::attach(|py| self.cell.log(py, LogLevel::Error, &host::describe_error(&thrown.0)));
        }
        // What a method handed out keeps its invocation; what a request did ends with it.
        let hosts = rpc.hosts_for(invocation);
        let wants = self.invocations.borrow().get(&invocation).map(|entry| entry.wants);
        if hosts && wants == Some(Wants::Value) {
            return;
        }
        if hosts {
            rpc.break_exports(invocation);
        }
        self.charge();
        let link = self.link();
        Python::attach(|py| self.cell.python.flush_output(py));
        if let Some(entry) = self.invocations.borrow_mut().remove(&invocation) {
            link.cancel_streams_of(invocation);
            self.cell.web_sockets.let_go(&self.cell, &link, invocation);
            let cpu_us = self.charges.total_us() - entry.charged_before_us;
            link.send(Frame::Settled { invocation, cpu_us });
        }
    }

    /// Gives up what `waitUntil` still keeps.
    pub(super) fn end_waits(self: &Rc<Self>, py: Python<'_>, invocation: InvocationId) {
        match self.invocations.borrow_mut().get_mut(&invocation) {
            Some(entry) if entry.waits > 0 => entry.waits = 0,
            _ => return,
        }
        self.cell.serve(invocation, || self.cell.log(py, LogLevel::Warn, WAITED_TOO_LONG));
        self.settle_if_over(invocation);
    }

    /// Fails what has not answered in its time, and gives up all that it keeps.
    pub(super) fn end_overdue(self: &Rc<Self>, py: Python<'_>, invocation: InvocationId) {
        self.cancel(invocation, OVERDUE);
        if !self.is_completed(invocation) {
            OwnedError::error(OVERDUE).with_remote(|error| self.complete(invocation, Outcome::Error(error)));
        }
        self.end_waits(py, invocation);
    }

    pub(super) fn cancel(&self, invocation: InvocationId, reason: &str) {
        let request = self.invocations.borrow().get(&invocation).and_then(|entry| entry.request.clone());
        let Some(request) = request else { return };
        let aborted = self.cell.serve(invocation, || {
            let reason = Thrown::dom_exception(self.cell.context, "AbortError", reason);
            self.cell.web().abort_request(&request, &reason.0)
        });
        if let Err(thrown) = aborted {
            Python::attach(|py| self.cell.log(py, LogLevel::Error, &host::describe_error(&thrown.0)));
        }
    }
}

//! What a handler gave, or how it failed, becomes the outcome of its invocation.

use std::rc::Rc;

use hognose_engine::{Result as JsResult, Thrown, Value};
use hognose_wire::{Frame, HttpResponse, InvocationId, LogLevel, Outcome, Payload, Side};
use pyo3::{PyErr, Python};

use super::Isolate;
use super::invocation::{Handler, Wants};
use crate::host::{self, js_error};
use crate::link::{OwnedError, PYTHON_ERROR};
use crate::web_sockets;

/// The flag by which a queue's consumer is done when its handler is.
const NO_WAIT: &str = "queue_consumer_no_wait_for_wait_until";

impl Isolate {
    /// Ends an invocation with what its handler gave.
    pub(super) fn answer(self: &Rc<Self>, invocation: InvocationId, value: &Value) -> JsResult<()> {
        if self.is_completed(invocation) {
            return Ok(());
        }
        match self.wants(invocation) {
            Wants::Response => return self.respond(invocation, value),
            Wants::Value => return self.give(invocation, value),
            Wants::Report => self.report(invocation, false),
            Wants::Nothing if self.lingers(invocation) => {}
            Wants::Nothing => self.complete(invocation, Outcome::Done),
        }
        Ok(())
    }

    /// Ends a method call with what it returned.
    fn give(self: &Rc<Self>, invocation: InvocationId, value: &Value) -> JsResult<()> {
        let packed = self.cell.rpc().pack(&self.cell, value, Some(invocation))?;
        let given = packed.with_payload(&self.link(), |payload| {
            packed.streams.iter().for_each(|source| self.hold_for(invocation, source));
            self.complete(invocation, Outcome::Value(payload));
        });
        given.map_err(|error| js_error(self.cell.context, &error))
    }

    fn respond(self: &Rc<Self>, invocation: InvocationId, value: &Value) -> JsResult<()> {
        let context = self.cell.context;
        let parts = self.cell.web().response_parts(value)?;
        let link = self.link();
        let body = host::wire_body(&link, &parts.body).map_err(|error| js_error(context, &error))?;
        let asked = self.invocations.borrow().get(&invocation).is_some_and(|entry| entry.asks_for_socket);
        let web_socket =
            parts.web_socket.map(|given| web_sockets::give(&self.cell, invocation, given, asked));
        let web_socket = web_socket.transpose()?;
        let response = HttpResponse {
            status: parts.status,
            status_text: &parts.status_text,
            url: "",
            redirected: false,
            headers: parts.headers.iter().map(|(name, value)| (name, value.as_bytes())).collect(),
            encoded: parts.encode_manual,
            body,
            web_socket,
        };
        response
            .check(Side::Cell)
            .map_err(|violation| Thrown::type_error(context, &violation.to_string()))?;
        self.hold_for(invocation, &parts.body);
        self.complete(invocation, Outcome::Response(response));
        if let Some(socket) = web_socket {
            web_sockets::given(&self.cell, socket);
        }
        Ok(())
    }

    /// A Python exception as the caller and the log have it.
    pub(super) fn described(&self, py: Python<'_>, error: &PyErr) -> OwnedError {
        if self.cell.python.is_refusal(py, error) {
            let message = error.value(py).to_string();
            return OwnedError { name: "TypeError".to_owned(), ..OwnedError::error(&message) };
        }
        let (message, stack) = self.cell.python.describe(py, error, &[&self.worker.plan.module_root]);
        OwnedError { name: PYTHON_ERROR.to_owned(), message, stack, ..OwnedError::default() }
    }

    /// A handler raised, or its result is no response.
    pub(super) fn raised(self: &Rc<Self>, py: Python<'_>, invocation: InvocationId, error: &PyErr) {
        let error = self.described(py, error);
        if self.object_of(invocation).is_none() {
            return self.fail(py, invocation, error);
        }
        // Python raises after it has asked for the object's abort, which then is what the caller hears of.
        let isolate = Rc::clone(self);
        self.cell.event_loop.post(move |py| isolate.fail(py, invocation, error));
    }

    pub(super) fn fail(self: &Rc<Self>, py: Python<'_>, invocation: InvocationId, error: OwnedError) {
        if self.is_completed(invocation) {
            return;
        }
        let text = if error.stack.is_empty() { &error.message } else { &error.stack };
        self.cell.python.flush_output(py);
        self.cell.serve(invocation, || self.cell.log(py, LogLevel::Error, text.trim_end()));
        if self.wants(invocation) == Wants::Report {
            return self.report(invocation, true);
        }
        error.with_remote(|error| self.complete(invocation, Outcome::Error(error)));
    }

    /// Ends an event with what its handler decided; where it failed, the error was logged.
    fn report(self: &Rc<Self>, invocation: InvocationId, failed: bool) {
        let report = self.invocations.borrow_mut().get_mut(&invocation).and_then(|entry| entry.report.take());
        let bytes = report.map_or(Ok(Vec::new()), |report| report.bytes(self.cell.context, failed));
        match bytes {
            Ok(bytes) => match self.link().body(&bytes) {
                Ok(bytes) => {
                    self.complete(invocation, Outcome::Value(Payload { bytes, ..Payload::default() }));
                }
                Err(error) => error.with_remote(|error| self.complete(invocation, Outcome::Error(error))),
            },
            Err(thrown) => {
                host::owned_error(&thrown)
                    .with_remote(|error| self.complete(invocation, Outcome::Error(error)));
            }
        }
    }

    fn wants(&self, invocation: InvocationId) -> Wants {
        self.invocations.borrow().get(&invocation).map(|entry| entry.wants).unwrap_or_default()
    }

    pub(super) fn complete(self: &Rc<Self>, invocation: InvocationId, outcome: Outcome<'_>) {
        self.settle_alarm(invocation, matches!(outcome, Outcome::Error(_)));
        self.settle_batch(invocation, matches!(outcome, Outcome::Error(_)));
        self.link().send_answer(Frame::Complete { invocation, outcome });
        if let Some(entry) = self.invocations.borrow_mut().get_mut(&invocation) {
            entry.completed = true;
            entry.announced = true;
        }
        self.settle_if_over(invocation);
    }

    pub(super) fn is_completed(&self, invocation: InvocationId) -> bool {
        self.invocations.borrow().get(&invocation).is_none_or(|entry| entry.completed)
    }

    /// Whether what becomes of a queue's messages is said only when all that `waitUntil` was given has settled: unless a
    /// flag says otherwise, a promise that is rejected fails the batch.
    fn lingers(self: &Rc<Self>, invocation: InvocationId) -> bool {
        if self.worker.plan.flags.get(NO_WAIT).copied().unwrap_or_default() {
            return false;
        }
        match self.invocations.borrow_mut().get_mut(&invocation) {
            Some(entry) if entry.batch.is_some() && (entry.waits > 0 || entry.rejected.is_some()) => {
                entry.handler = Handler::Lingering;
            }
            _ => return false,
        }
        self.end_lingering(invocation);
        true
    }

    /// Ends an invocation whose outcome waited, once nothing is left to wait for.
    pub(super) fn end_lingering(self: &Rc<Self>, invocation: InvocationId) {
        let rejected = match self.invocations.borrow_mut().get_mut(&invocation) {
            Some(entry) if entry.handler == Handler::Lingering && !entry.completed && entry.waits == 0 => {
                entry.rejected.take()
            }
            _ => return,
        };
        match rejected {
            None => self.complete(invocation, Outcome::Done),
            Some(message) => OwnedError::error(&message)
                .with_remote(|error| self.complete(invocation, Outcome::Error(error))),
        }
    }

    /// Says what becomes of a queue's messages, where the invocation is about any.
    fn settle_batch(&self, invocation: InvocationId, failed: bool) {
        let batch = self.invocations.borrow_mut().get_mut(&invocation).and_then(|entry| entry.batch.take());
        let settled = batch.map_or(Ok(()), |batch| batch.settle(self.cell.context, invocation, failed));
        if let Err(thrown) = settled {
            Python::attach(|py| self.cell.log(py, LogLevel::Error, &host::describe_error(&thrown.0)));
        }
    }
}

/// A JavaScript error for its author: the stack below its text, as V8 has them.
pub(super) fn with_text(thrown: &Thrown) -> OwnedError {
    OwnedError { stack: host::describe_error(&thrown.0), ..host::owned_error(thrown) }
}

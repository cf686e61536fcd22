//! What an isolate remembers of one event while it serves it.

use std::collections::HashMap;
use std::rc::Rc;

use hognose_engine::Value;
use pyo3::{Py, PyAny};

use crate::env::queues::OpenBatch;
use crate::objects::LiveObject;
use crate::report::Report;

/// What an event is answered with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Wants {
    /// A `fetch`: a response.
    Response,
    /// A method call: whatever it returned.
    Value,
    /// An event whose handler decides something: what.
    Report,
    /// Results of other handlers say nothing.
    #[default]
    Nothing,
}

/// How far an event's handler is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Handler {
    /// It works, or all is said of it.
    #[default]
    Serving,
    /// It is done, and what that means waits for the promises passed to `waitUntil`.
    Lingering,
}

/// One event being served.
#[derive(Default)]
pub(super) struct Invocation {
    /// The JavaScript request, so that a client that goes away aborts its signal.
    pub(super) request: Option<Value>,
    /// What its handler's result becomes.
    pub(super) wants: Wants,
    /// `ctx.props`, as JSON.
    pub(super) props: Option<String>,
    /// Promises passed to `waitUntil` that have not settled, and streams of its answer that are not over.
    pub(super) waits: usize,
    /// Whether its outcome waits for those promises.
    pub(super) handler: Handler,
    /// Why one of them was rejected.
    pub(super) rejected: Option<String>,
    /// Whether its request asks for a WebSocket.
    pub(super) asks_for_socket: bool,
    pub(super) completed: bool,
    /// Whether the supervisor has heard of it since it was sent.
    pub(super) announced: bool,
    /// What had been charged before it began; see [`super::charges`].
    pub(super) charged_before_us: u64,
    /// The messages it is about, where it is a queue's.
    pub(super) batch: Option<OpenBatch>,
    /// The task of its handler, where that is Python's and waits.
    pub(super) task: Option<Py<PyAny>>,
    /// What tells what its handler decided, where it can decide anything.
    pub(super) report: Option<Report>,
    /// The Durable Object that it is for.
    pub(super) object: Option<Rc<LiveObject>>,
    /// How often its alarm has failed before, where it is one.
    pub(super) alarm: Option<u32>,
    /// How many operations it has made on bindings, by their kind.
    pub(super) operations: HashMap<&'static str, u32>,
}

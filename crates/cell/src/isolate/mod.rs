//! An isolate: a fork of the zygote that serves invocations, many at a time, until its socket ends. An event comes in
//! through [`invoke`], is served by one of [`handlers`], becomes an outcome in [`answers`], and is over when [`life`]
//! says so.

mod answers;
mod charges;
mod handlers;
mod invocation;
mod invoke;
mod life;
mod on_objects;
mod pace;
mod socket_events;

use std::cell::RefCell;
use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use hognose_engine::Value;
use hognose_wire::{Body, Frame, InvocationId, LogLevel, TIME_OVER, Violation, WAIT_UNTIL_OVER};
use pyo3::exceptions::{PyException, PyMemoryError};
use pyo3::prelude::*;

use self::charges::Charges;
use self::invocation::Invocation;
use self::pace::Pace;
use crate::cell::{Cell, LoadedWorker, Stage};
use crate::link::{Events, Link, OwnedError};
use crate::objects::Objects;
use crate::rpc::MethodCall;
use crate::{evaluation, process, reseed};

/// What the work of an object that has ended is answered with, which nobody sees.
const ENDED: &str = "The Durable Object has ended.";

/// See the module.
pub(crate) struct Isolate {
    cell: Rc<Cell>,
    worker: Rc<LoadedWorker>,
    invocations: RefCell<HashMap<InvocationId, Invocation>>,
    handlers: RefCell<Handlers>,
    charges: Charges,
    pace: Pace,
    /// Those that have begun since the last turn, in order.
    unannounced: RefCell<Vec<InvocationId>>,
    /// The Durable Objects that live here.
    objects: Objects,
}

/// The functions that serve events, by event and entrypoint.
type Handlers = HashMap<(&'static str, Option<String>), Py<PyAny>>;

/// What is to be called.
enum Task {
    /// The handler of an event.
    Handler(&'static str, Value),
    /// A method, with its arguments in an array.
    Method(MethodCall, Value),
}

/// Runs an isolate to its end.
pub(crate) fn run(py: Python<'_>, cell: &Rc<Cell>, frames: UnixStream, synchronous: UnixStream) -> ! {
    let Some(worker) = cell.worker() else { process::exit(1) };
    if let Err(error) = cell.confinement.close() {
        cell.log(py, LogLevel::Error, &format!("the isolate could not be locked: {error}"));
        process::exit(1);
    }
    cell.refuse_eval(evaluation::refused_in_handlers(&worker.plan.flags));
    let isolate = Rc::new(Isolate {
        cell: Rc::clone(cell),
        worker,
        invocations: RefCell::default(),
        handlers: RefCell::default(),
        charges: Charges::default(),
        pace: Pace::default(),
        unannounced: RefCell::default(),
        objects: Objects::new(synchronous),
    });
    let serve = || -> PyResult<()> {
        reseed::reseed(py)?;
        let events = Rc::new(Inbox(Rc::clone(&isolate)));
        let link = Link::open(&cell.event_loop, frames, events)?;
        cell.set_stage(Stage::Isolate(Rc::clone(&link), Rc::clone(&isolate)));
        cell.event_loop.set_hooks(isolate.hooks(&link));
        run_on(py, cell)
    };
    if let Err(error) = serve() {
        isolate.give_up(py, &error);
    }
    process::exit(1)
}

/// Runs the loop without end. `sys.exit()` in a handler ends that handler only, whose task has the exception; what a
/// limit raises may also come between two handlers.
fn run_on(py: Python<'_>, cell: &Cell) -> PyResult<()> {
    loop {
        match cell.event_loop.run(py, &|| false) {
            Err(error) if !error.is_instance_of::<PyException>(py) => {}
            Err(error) if error.is_instance_of::<PyMemoryError>(py) && !cell.event_loop.is_starved() => {}
            ended => return ended,
        }
    }
}

/// Hands the link's events to the isolate.
struct Inbox(Rc<Isolate>);

impl Events for Inbox {
    fn event(&self, py: Python<'_>, frame: Frame<'_>) -> Result<(), Violation> {
        match frame {
            Frame::Invoke { invocation, entrypoint, object, props, event } => {
                let object =
                    object.map(|object| self.0.objects.of_event(&object, entrypoint.unwrap_or_default()));
                let props = match props.bytes {
                    Body::Inline(json) => Some(String::from_utf8_lossy(json).into_owned()),
                    _ => None,
                };
                self.0.invoke(py, (invocation, props, object), entrypoint.map(str::to_owned), event)?;
            }
            Frame::Call { call, target, method, access, params, .. } => {
                let (cell, link) = (&self.0.cell, self.0.link());
                let what = MethodCall::new(method, access);
                cell.rpc().serve(cell, &link, (call, target), what, params)?;
            }
            Frame::Release { cap, count } => {
                let owner = self.0.cell.rpc().released(cap, count)?;
                if let Some(owner) = owner {
                    self.0.settle_if_over(owner);
                }
            }
            Frame::EndObject { object } => {
                self.0.objects.end(&self.0.cell, object, &OwnedError::error(ENDED));
            }
            Frame::CancelInvocation { invocation, reason: WAIT_UNTIL_OVER } => {
                self.0.end_waits(py, invocation);
            }
            Frame::CancelInvocation { invocation, reason: TIME_OVER } => {
                self.0.end_overdue(py, invocation);
            }
            Frame::CancelInvocation { invocation, reason } => self.0.cancel(invocation, reason),
            _ => {}
        }
        Ok(())
    }

    fn before_flush(&self, _py: Python<'_>) {
        self.0.objects.commit(&self.0.cell);
    }

    fn closed(&self, _py: Python<'_>) -> ! {
        process::exit(0)
    }
}

impl Isolate {
    /// Whether other Workers are told of what the Worker does.
    pub(crate) fn is_tailed(&self) -> bool {
        self.worker.plan.tailed
    }

    pub(crate) fn objects(&self) -> &Objects {
        &self.objects
    }

    /// Says why this process ends.
    fn give_up(self: &Rc<Self>, py: Python<'_>, error: &PyErr) {
        let Some(link) = self.cell.link() else { return error.print(py) };
        self.cell.log(py, LogLevel::Error, &error.to_string());
        if self.cell.event_loop.is_starved() {
            link.send(Frame::OutOfMemory);
        }
        link.flush(py, &Inbox(Rc::clone(self)));
    }

    fn link(&self) -> Rc<Link> {
        self.cell.link().expect("invariant: an isolate has its link before it gets an event")
    }
}

//! What a cell has at every stage of its life, from base to isolate.

use std::cell::{Cell as Slot, RefCell};
use std::rc::Rc;

use hognose_engine::{Context, Value};
use hognose_ffi::event_loop::EventLoop;
use hognose_web::Web;
use hognose_wire::control::{Report, Worker};
use hognose_wire::{CapId, InvocationId, LogLevel, limits};
use pyo3::prelude::*;

use crate::confinement::Confinement;
use crate::control::Control;
use crate::host;
use crate::isolate::Isolate;
use crate::javascript::MainModule;
use crate::link::Link;
use crate::python::Half;
use crate::random::Random;
use crate::rejections::Rejections;
use crate::rpc::Rpc;
use crate::web_sockets::WebSockets;

/// See the module.
pub(crate) struct Cell {
    pub(crate) context: Context,
    pub(crate) event_loop: Rc<EventLoop>,
    pub(crate) python: Half,
    pub(crate) random: Rc<Random>,
    pub(crate) confinement: Confinement,
    web: RefCell<Option<Rc<Web>>>,
    rejections: Rc<Rejections>,
    pub(crate) web_sockets: WebSockets,
    rpc: RefCell<Option<Rc<Rpc>>>,
    /// What `js/context.js` made.
    runtime: RefCell<Option<Value>>,
    stage: RefCell<Stage>,
    worker: RefCell<Option<Rc<LoadedWorker>>>,
    script_outbound: Slot<CapId>,
    /// Whether JavaScript has thrown or rejected something that nobody caught.
    uncaught: Slot<bool>,
    /// The invocation on whose behalf the main stack runs; Python code has a context variable for that.
    serving: Slot<Option<InvocationId>>,
    /// Whether JavaScript may not be made from strings now.
    eval_is_refused: Slot<bool>,
}

/// Where output goes and whether anything outside can be reached.
pub(crate) enum Stage {
    /// A template: only its control socket.
    Template(Rc<RefCell<Control>>),
    /// An isolate: its link.
    Isolate(Rc<Link>, Rc<Isolate>),
    /// `hognose run`: the standard streams are the caller's own.
    Script(Rc<Link>),
}

/// A Worker whose top-level code has run.
pub(crate) struct LoadedWorker {
    /// What the supervisor said of it.
    pub(crate) plan: Worker,
    /// What its main module offers.
    pub(crate) entrypoints: Entrypoints,
    /// Makes the `ctx` of an invocation: called with its number and its props.
    pub(crate) make_context: Value,
}

/// What a Worker's main module offers to be called.
pub(crate) enum Entrypoints {
    /// A Python module.
    Python {
        /// The Python object that finds its handlers.
        handlers: Py<PyAny>,
        /// `env`, as Python code gets it.
        env: Py<PyAny>,
    },
    /// A JavaScript module.
    JavaScript(MainModule),
}

thread_local! {
    static CELL: RefCell<Option<Rc<Cell>>> = const { RefCell::new(None) };
}

impl Cell {
    /// Makes the process's cell.
    pub(crate) fn install(
        context: Context,
        event_loop: Rc<EventLoop>,
        python: Half,
        random: Rc<Random>,
        (stage, confinement): (Stage, Confinement),
    ) -> Rc<Self> {
        let cell = Rc::new(Self {
            context,
            event_loop,
            python,
            random,
            confinement,
            web: RefCell::default(),
            rejections: Rejections::track(context),
            web_sockets: WebSockets::default(),
            rpc: RefCell::default(),
            runtime: RefCell::default(),
            stage: RefCell::new(stage),
            worker: RefCell::default(),
            script_outbound: Slot::default(),
            uncaught: Slot::new(false),
            serving: Slot::new(None),
            eval_is_refused: Slot::new(false),
        });
        CELL.set(Some(Rc::clone(&cell)));
        cell
    }

    /// The process's cell, if it is one.
    pub(crate) fn current() -> Option<Rc<Self>> {
        CELL.with_borrow(Clone::clone)
    }

    pub(crate) fn set_web(&self, web: Rc<Web>) {
        self.web.replace(Some(web));
    }

    /// Reports rejections that the code that has just run left unhandled.
    pub(crate) fn report_rejections(&self, py: Python<'_>) {
        if let Err(thrown) = self.rejections.report(&self.web()) {
            self.log(py, LogLevel::Error, &host::describe_error(&thrown.0));
        }
    }

    pub(crate) fn web(&self) -> Rc<Web> {
        self.web.borrow().clone().expect("invariant: the web platform is installed at boot")
    }

    pub(crate) fn set_rpc(&self, rpc: Rpc) {
        self.rpc.replace(Some(Rc::new(rpc)));
    }

    pub(crate) fn rpc(&self) -> Rc<Rpc> {
        self.rpc.borrow().clone().expect("invariant: calls between Workers are set up at boot")
    }

    pub(crate) fn set_runtime(&self, runtime: Value) {
        self.runtime.replace(Some(runtime));
    }

    pub(crate) fn runtime(&self) -> Value {
        self.runtime.borrow().clone().expect("invariant: the runtime's modules are installed at boot")
    }

    /// What `make` gives, made at the first use and kept: a file of JavaScript that not every Worker needs. Its classes
    /// are the same at each use, and an event does not compile it again.
    pub(crate) fn library(
        &self,
        name: &'static str,
        make: impl FnOnce() -> hognose_engine::Result<Value>,
    ) -> hognose_engine::Result<Value> {
        let runtime = self.runtime();
        let known = runtime.get(name)?;
        if !known.is_undefined() {
            return Ok(known);
        }
        let library = make()?;
        runtime.set(name, &library)?;
        Ok(library)
    }

    pub(crate) fn set_worker(&self, worker: LoadedWorker) {
        self.worker.replace(Some(Rc::new(worker)));
    }

    /// The Worker of this zygote or isolate.
    pub(crate) fn worker(&self) -> Option<Rc<LoadedWorker>> {
        self.worker.borrow().clone()
    }

    pub(crate) fn refuse_eval(&self, refused: bool) {
        self.eval_is_refused.set(refused);
    }

    pub(crate) fn eval_is_refused(&self) -> bool {
        self.eval_is_refused.get()
    }

    pub(crate) fn note_uncaught(&self) {
        self.uncaught.set(true);
    }

    pub(crate) fn has_uncaught(&self) -> bool {
        self.uncaught.get()
    }

    pub(crate) fn set_script_outbound(&self, cap: CapId) {
        self.script_outbound.set(cap);
    }

    pub(crate) fn set_stage(&self, stage: Stage) {
        self.stage.replace(stage);
    }

    /// The way out, which a template does not have.
    pub(crate) fn link(&self) -> Option<Rc<Link>> {
        match &*self.stage.borrow() {
            Stage::Isolate(link, _) | Stage::Script(link) => Some(Rc::clone(link)),
            Stage::Template(_) => None,
        }
    }

    pub(crate) fn isolate(&self) -> Option<Rc<Isolate>> {
        match &*self.stage.borrow() {
            Stage::Isolate(_, isolate) => Some(Rc::clone(isolate)),
            Stage::Template(_) | Stage::Script(_) => None,
        }
    }

    /// The capability through which `fetch()` leaves.
    pub(crate) fn outbound(&self) -> CapId {
        self.worker().map_or(self.script_outbound.get(), |worker| worker.plan.outbound)
    }

    /// Runs `body` on behalf of an invocation.
    pub(crate) fn serve<T>(&self, invocation: InvocationId, body: impl FnOnce() -> T) -> T {
        let before = self.serving.replace(Some(invocation));
        let result = body();
        self.serving.set(before);
        result
    }

    /// The invocation on whose behalf this code runs.
    pub(crate) fn invocation(&self, py: Python<'_>) -> Option<InvocationId> {
        self.python
            .invocation(py)
            .or_else(|| self.serving.get())
            .or_else(|| self.isolate().and_then(|isolate| isolate.only_invocation()))
    }

    /// Sends a line of output.
    pub(crate) fn log(&self, py: Python<'_>, level: LogLevel, text: &str) {
        self.log_given(py, level, text, "");
    }

    /// Sends what a `console` method says, and what it was given, in JSON.
    pub(crate) fn log_given(&self, py: Python<'_>, level: LogLevel, text: &str, given: &str) {
        match &*self.stage.borrow() {
            Stage::Template(control) => {
                let text = limits::cut(text, limits::LOG_LINE_MAX).into_owned();
                // Where the supervisor has gone, the next order says so.
                let _ = control.borrow_mut().send(&Report::Log { level, text });
            }
            Stage::Isolate(link, _) => link.log(self.invocation(py), level, text, given),
            Stage::Script(_) => crate::script::print(level, text),
        }
    }

    /// Makes a forked child a process of its own.
    pub(crate) fn after_fork(&self, py: Python<'_>) -> PyResult<()> {
        self.event_loop.after_fork();
        self.random.forget();
        self.python.after_fork(py)
    }
}

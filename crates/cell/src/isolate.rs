//! An isolate: a fork of the zygote that serves invocations, many at a time, until its socket ends.

use std::cell::RefCell;
use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use hognose_engine::{Result as JsResult, Thrown, Value};
use hognose_ffi::event_loop::{self, Hooks};
use hognose_wire::{
    Body, Event, Frame, HttpRequest, HttpResponse, InvocationId, LogLevel, Outcome, Payload, Side, Violation,
    WAIT_UNTIL_OVER,
};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyCFunction;

use crate::cell::{Cell, Entrypoints, LoadedWorker, Stage};
use crate::clock::CpuClock;
use crate::env::queues::{self, OpenBatch};
use crate::host::{self, js_error};
use crate::javascript::MainModule;
use crate::link::{Events, Link, OwnedError, PYTHON_ERROR};
use crate::python::Half;
use crate::rpc::MethodCall;
use crate::{evaluation, process, reseed};

/// What the platform says where a handler can never answer.
const HUNG: &str = "The Workers runtime canceled this request because it detected that your Worker's code had hung \
                    and would never generate a response.";

/// What it says where `waitUntil` was given more than its time.
const WAITED_TOO_LONG: &str = "waitUntil() tasks did not complete within the allowed time after invocation end and have \
                               been cancelled. See: \
                               https://developers.cloudflare.com/workers/runtime-apis/context/#waituntil";

/// See the module.
pub(crate) struct Isolate {
    cell: Rc<Cell>,
    worker: Rc<LoadedWorker>,
    invocations: RefCell<HashMap<InvocationId, Invocation>>,
    handlers: RefCell<Handlers>,
    clock: CpuClock,
}

/// The functions that serve events, by event and entrypoint.
type Handlers = HashMap<(&'static str, Option<String>), Py<PyAny>>;

/// What an event is answered with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Wants {
    /// A `fetch`: a response.
    Response,
    /// A method call: whatever it returned.
    Value,
    /// Results of other handlers say nothing.
    #[default]
    Nothing,
}

/// What is to be called.
enum Task {
    /// The handler of an event.
    Handler(&'static str, Value),
    /// A method, with its arguments in an array.
    Method(MethodCall, Value),
}

/// One event being served.
#[derive(Default)]
struct Invocation {
    /// The JavaScript request, so that a client that goes away aborts its signal.
    request: Option<Value>,
    /// What its handler's result becomes.
    wants: Wants,
    /// `ctx.props`, as JSON.
    props: Option<String>,
    /// Promises passed to `waitUntil` that have not settled.
    waits: usize,
    completed: bool,
    /// Whether the supervisor has heard of it since it was sent.
    announced: bool,
    cpu_us: u64,
    /// The messages it is about, where it is a queue's.
    batch: Option<OpenBatch>,
    /// How many operations it has made on bindings, by their kind.
    operations: HashMap<&'static str, u32>,
}

/// Runs an isolate to its end.
pub(crate) fn run(py: Python<'_>, cell: &Rc<Cell>, frames: UnixStream, synchronous: UnixStream) -> ! {
    let Some(worker) = cell.worker() else { process::exit(1) };
    cell.refuse_eval(evaluation::refused_in_handlers(&worker.plan.flags));
    let isolate = Rc::new(Isolate {
        cell: Rc::clone(cell),
        worker,
        invocations: RefCell::default(),
        handlers: RefCell::default(),
        clock: CpuClock::default(),
    });
    let serve = || -> PyResult<()> {
        reseed::reseed(py)?;
        let events = Rc::new(Inbox(Rc::clone(&isolate)));
        let link = Link::open(&cell.event_loop, frames, events)?;
        cell.set_stage(Stage::Isolate(Rc::clone(&link), Rc::clone(&isolate)));
        cell.event_loop.set_hooks(isolate.hooks(&link));
        // Kept open: synchronous calls of later bindings go through it.
        let _synchronous = synchronous;
        run_on(py, cell)
    };
    if let Err(error) = serve() {
        error.print(py);
    }
    process::exit(1)
}

/// Runs the loop without end. `sys.exit()` in a handler ends that handler only, whose task has the exception.
fn run_on(py: Python<'_>, cell: &Cell) -> PyResult<()> {
    loop {
        match cell.event_loop.run(py, &|| false) {
            Err(error) if event_loop::is_interruption(py, &error) => {}
            ended => return ended,
        }
    }
}

/// Hands the link's events to the isolate.
struct Inbox(Rc<Isolate>);

impl Events for Inbox {
    fn event(&self, py: Python<'_>, frame: Frame<'_>) -> Result<(), Violation> {
        match frame {
            Frame::Invoke { invocation, entrypoint, props, event, .. } => {
                let props = match props.bytes {
                    Body::Inline(json) => Some(String::from_utf8_lossy(json).into_owned()),
                    _ => None,
                };
                self.0.invoke(py, (invocation, props), entrypoint.map(str::to_owned), event)?;
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
            Frame::CancelInvocation { invocation, reason: WAIT_UNTIL_OVER } => {
                self.0.end_waits(py, invocation);
            }
            Frame::CancelInvocation { invocation, reason } => self.0.cancel(invocation, reason),
            _ => {}
        }
        Ok(())
    }

    fn closed(&self, _py: Python<'_>) -> ! {
        process::exit(0)
    }
}

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
                rejected.waited(invocation);
                Ok(context.undefined())
            },
        )?;
        Ok(())
    }

    /// Counts one more operation on a binding of that kind and gives how many there were, this one included.
    pub(crate) fn count_operation(&self, invocation: InvocationId, kind: &'static str) -> u32 {
        let mut invocations = self.invocations.borrow_mut();
        let Some(entry) = invocations.get_mut(&invocation) else { return 1 };
        let count = entry.operations.entry(kind).or_default();
        *count += 1;
        *count
    }

    fn waited(self: &Rc<Self>, invocation: InvocationId) {
        if let Some(entry) = self.invocations.borrow_mut().get_mut(&invocation) {
            // Nothing is left to count where the waits were given up.
            entry.waits = entry.waits.saturating_sub(1);
        }
        self.settle_if_over(invocation);
    }

    fn hooks(self: &Rc<Self>, link: &Rc<Link>) -> Hooks {
        let (isolate, flushed) = (Rc::clone(self), Rc::clone(link));
        let cell = Rc::clone(&self.cell);
        let inbox = Inbox(Rc::clone(self));
        Hooks {
            before_wait: Box::new(move |py| {
                isolate.cell.report_rejections(py);
                isolate.charge();
                isolate.announce(&flushed);
                isolate.end_hung(py, &flushed);
                flushed.flush(py, &inbox);
            }),
            uncaught: Box::new(move |py, error| cell.log(py, LogLevel::Error, &host::describe_error(&error))),
            // For the next invocation.
            is_waiting: Box::new(|| true),
        }
    }

    /// Charges the CPU time since the last turn to the invocations under way, in equal parts.
    fn charge(&self) {
        let mut invocations = self.invocations.borrow_mut();
        if invocations.is_empty() {
            return;
        }
        let share = self.clock.lap_us() / invocations.len() as u64;
        for invocation in invocations.values_mut() {
            invocation.cpu_us += share;
        }
    }

    /// Tells the supervisor which invocations have begun and not yet been heard of.
    fn announce(&self, link: &Link) {
        for (id, invocation) in &mut *self.invocations.borrow_mut() {
            if !invocation.announced {
                invocation.announced = true;
                link.send(Frame::Started { invocation: *id });
            }
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

    fn invoke(
        self: &Rc<Self>,
        py: Python<'_>,
        (invocation, props): (InvocationId, Option<String>),
        entrypoint: Option<String>,
        event: Event<'_>,
    ) -> Result<(), Violation> {
        if self.invocations.borrow().is_empty() {
            self.clock.lap_us();
        }
        let wants = match event {
            Event::Fetch(_) => Wants::Response,
            Event::Rpc { .. } => Wants::Value,
            _ => Wants::Nothing,
        };
        self.invocations
            .borrow_mut()
            .insert(invocation, Invocation { wants, props, ..Invocation::default() });
        match event {
            Event::Fetch(request) => match self.take_request(invocation, request) {
                Ok(request) => self.start(invocation, entrypoint, Task::Handler("fetch", request)),
                Err(error) => self.fail(py, invocation, error),
            },
            Event::Test => match self.cell.context.object() {
                Ok(controller) => self.start(invocation, entrypoint, Task::Handler("test", controller)),
                Err(thrown) => self.fail(py, invocation, host::owned_error(&thrown)),
            },
            Event::Queue { queue, batch } => match self.take_batch(invocation, queue, batch) {
                Ok(batch) => self.start(invocation, entrypoint, Task::Handler("queue", batch)),
                Err(error) => self.fail(py, invocation, error),
            },
            Event::Rpc { method, access, args } => {
                let call = MethodCall::new(method, access);
                let (isolate, link) = (Rc::clone(self), self.link());
                self.cell.rpc().unpack(&link, args, Some(invocation), move |arguments| match arguments {
                    Ok(arguments) => isolate.start(invocation, entrypoint, Task::Method(call, arguments)),
                    Err(thrown) => {
                        Python::attach(|py| isolate.fail(py, invocation, host::owned_error(&thrown)));
                    }
                })?;
            }
            other => {
                let text = format!("this version of hognose does not deliver the event {}", kind_of(&other));
                self.fail(py, invocation, OwnedError::error(&text));
            }
        }
        Ok(())
    }

    fn take_batch(
        &self,
        invocation: InvocationId,
        queue: &str,
        batch: Payload<'_>,
    ) -> Result<Value, OwnedError> {
        let Body::Inline(bytes) = batch.bytes else {
            return Err(OwnedError::error("the batch has not the form that was agreed on"));
        };
        let opened = queues::open(&self.cell, queue, bytes);
        let (controller, batch) = opened.map_err(|thrown| host::owned_error(&thrown))?;
        if let Some(entry) = self.invocations.borrow_mut().get_mut(&invocation) {
            entry.batch = Some(batch);
        }
        Ok(controller)
    }

    /// Says what becomes of a queue's messages, where the invocation is about any.
    fn settle_batch(&self, invocation: InvocationId, failed: bool) {
        let batch = self.invocations.borrow_mut().get_mut(&invocation).and_then(|entry| entry.batch.take());
        let settled = batch.map_or(Ok(()), |batch| batch.settle(self.cell.context, invocation, failed));
        if let Err(thrown) = settled {
            Python::attach(|py| self.cell.log(py, LogLevel::Error, &host::describe_error(&thrown.0)));
        }
    }

    fn take_request(&self, invocation: InvocationId, request: HttpRequest<'_>) -> Result<Value, OwnedError> {
        let link = self.link();
        let body = link
            .accept(request.body, Some(invocation))
            .map_err(|violation| OwnedError::error(&violation.to_string()))?;
        let value = self
            .cell
            .web()
            .incoming_request(host::request_head(&request, body))
            .map_err(|thrown| host::owned_error(&thrown))?;
        if let Some(entry) = self.invocations.borrow_mut().get_mut(&invocation) {
            entry.request = Some(value.clone());
        }
        Ok(value)
    }

    /// Runs a handler on a runner at the next turn.
    fn start(self: &Rc<Self>, invocation: InvocationId, entrypoint: Option<String>, task: Task) {
        let isolate = Rc::clone(self);
        self.cell.event_loop.post(move |py| {
            let started =
                isolate.cell.serve(invocation, || isolate.call_handler(py, invocation, entrypoint, &task));
            if let Err(error) = started {
                isolate.raised(py, invocation, &error);
            }
        });
    }

    fn call_handler(
        self: &Rc<Self>,
        py: Python<'_>,
        invocation: InvocationId,
        entrypoint: Option<String>,
        task: &Task,
    ) -> PyResult<()> {
        match &self.worker.entrypoints {
            Entrypoints::Python { handlers, env } => {
                let (handler, argument) = match task {
                    Task::Handler(event, argument) => {
                        (self.handler(handlers.bind(py), event, entrypoint)?, argument)
                    }
                    Task::Method(call, arguments) => {
                        let reached = (entrypoint.as_deref(), &call.path, &call.method, call.read);
                        (handlers.bind(py).call_method1("method", reached)?.unbind(), arguments)
                    }
                };
                self.call_python(py, invocation, handler, argument, env.bind(py))
            }
            Entrypoints::JavaScript(main) => {
                if let Err(thrown) = self.call_javascript(invocation, main, entrypoint, task) {
                    self.fail(py, invocation, with_text(&thrown));
                }
                Ok(())
            }
        }
    }

    /// Calls a JavaScript handler; what it returns, or a promise of it becomes, is the answer.
    fn call_javascript(
        self: &Rc<Self>,
        invocation: InvocationId,
        main: &MainModule,
        entrypoint: Option<String>,
        task: &Task,
    ) -> JsResult<()> {
        let execution = self.make_context(invocation)?;
        let result = match task {
            Task::Handler(event, argument) => {
                main.serve(event, entrypoint.as_deref(), argument, &execution)?
            }
            Task::Method(call, arguments) => {
                let target = main.target(entrypoint.as_deref(), &execution)?;
                self.cell.rpc().dispatch(&target, call, arguments)?
            }
        };
        let (fulfilled, rejected) = (Rc::clone(self), Rc::clone(self));
        let promise = self.cell.context.resolved_promise(&result)?;
        promise.then(
            move |context, value| {
                if let Err(thrown) = fulfilled.cell.serve(invocation, || fulfilled.answer(invocation, value))
                {
                    Python::attach(|py| fulfilled.fail(py, invocation, with_text(&thrown)));
                }
                Ok(context.undefined())
            },
            move |context, reason| {
                let error = with_text(&Thrown(reason.clone()));
                Python::attach(|py| rejected.fail(py, invocation, error));
                Ok(context.undefined())
            },
        )?;
        Ok(())
    }

    fn call_python(
        self: &Rc<Self>,
        py: Python<'_>,
        invocation: InvocationId,
        handler: Py<PyAny>,
        argument: &Value,
        env: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let context = self.cell.python.context_of(py, invocation)?;
        let argument = hognose_ffi::to_python(py, argument)?;
        let execution = self.make_context(invocation).map_err(|thrown| hognose_ffi::raise(py, thrown))?;
        let execution = hognose_ffi::to_python(py, &execution)?;
        let result = context.call_method1(intern!(py, "run"), (handler, argument, env, execution))?;
        let Some(task) = self.cell.python.start_task(&result, &context)? else {
            self.finished(py, invocation, Ok(result));
            return Ok(());
        };
        if task.call_method0(intern!(py, "done"))?.is_truthy()? {
            self.finished(py, invocation, task.call_method0(intern!(py, "result")));
            return Ok(());
        }
        let callback = PyCFunction::new_closure(py, None, None, move |arguments, _keywords| {
            let isolate = Cell::current().and_then(|cell| cell.isolate());
            let result = arguments.get_item(0).and_then(|task| task.call_method0("result"));
            if let Some(isolate) = isolate {
                isolate.finished(arguments.py(), invocation, result);
            }
        })?;
        task.call_method1("add_done_callback", (callback,)).map(drop)
    }

    fn handler(
        &self,
        handlers: &Bound<'_, PyAny>,
        event: &'static str,
        entrypoint: Option<String>,
    ) -> PyResult<Py<PyAny>> {
        let py = handlers.py();
        let key = (event, entrypoint);
        if let Some(handler) = self.handlers.borrow().get(&key) {
            return Ok(handler.clone_ref(py));
        }
        let handler = handlers.call_method1("handler", (event, key.1.as_deref()))?.unbind();
        self.handlers.borrow_mut().insert(key, handler.clone_ref(py));
        Ok(handler)
    }

    fn make_context(&self, invocation: InvocationId) -> JsResult<Value> {
        let context = self.cell.context;
        let props = self.invocations.borrow().get(&invocation).and_then(|entry| entry.props.clone());
        let props = match props {
            Some(json) => context.json_parse(&json, "props")?,
            None => context.object()?,
        };
        self.worker.make_context.call_function(&[context.number(invocation.0), props])
    }

    fn finished(
        self: &Rc<Self>,
        py: Python<'_>,
        invocation: InvocationId,
        result: PyResult<Bound<'_, PyAny>>,
    ) {
        let answered = result.and_then(|result| {
            let result = unwrap_response(result)?;
            let value = hognose_ffi::to_js(py, &result)?;
            Ok((self.cell.serve(invocation, || self.answer(invocation, &value)), result))
        });
        match answered {
            Ok((Ok(()), _)) => {}
            Ok((Err(thrown), result)) => self.fail(py, invocation, unfit(&thrown, &result)),
            Err(error) => self.raised(py, invocation, &error),
        }
    }

    /// Ends an invocation with what its handler gave.
    fn answer(self: &Rc<Self>, invocation: InvocationId, value: &Value) -> JsResult<()> {
        if self.is_completed(invocation) {
            return Ok(());
        }
        let wants = self.invocations.borrow().get(&invocation).map(|entry| entry.wants);
        match wants.unwrap_or_default() {
            Wants::Response => return self.respond(invocation, value),
            Wants::Value => return self.give(invocation, value),
            Wants::Nothing => self.complete(invocation, Outcome::Done),
        }
        Ok(())
    }

    /// Ends a method call with what it returned.
    fn give(self: &Rc<Self>, invocation: InvocationId, value: &Value) -> JsResult<()> {
        let packed = self.cell.rpc().pack(&self.cell, value, Some(invocation))?;
        let given =
            packed.with_payload(&self.link(), |payload| self.complete(invocation, Outcome::Value(payload)));
        given.map_err(|error| js_error(self.cell.context, &error))
    }

    fn respond(self: &Rc<Self>, invocation: InvocationId, value: &Value) -> JsResult<()> {
        let context = self.cell.context;
        let parts = self.cell.web().response_parts(value)?;
        let link = self.link();
        let body = host::wire_body(&link, &parts.body).map_err(|error| js_error(context, &error))?;
        let response = HttpResponse {
            status: parts.status,
            status_text: &parts.status_text,
            url: "",
            redirected: false,
            headers: parts.headers.iter().map(|(name, value)| (name, value.as_bytes())).collect(),
            encoded: parts.encode_manual,
            body,
            web_socket: None,
        };
        response
            .check(Side::Cell)
            .map_err(|violation| Thrown::type_error(context, &violation.to_string()))?;
        self.complete(invocation, Outcome::Response(response));
        Ok(())
    }

    /// A handler raised, or its result is no response.
    fn raised(self: &Rc<Self>, py: Python<'_>, invocation: InvocationId, error: &PyErr) {
        let (message, stack) = self.cell.python.describe(py, error, &[&self.worker.plan.module_root]);
        let name = PYTHON_ERROR.to_owned();
        self.fail(py, invocation, OwnedError { name, message, stack, retryable: false });
    }

    fn fail(self: &Rc<Self>, py: Python<'_>, invocation: InvocationId, error: OwnedError) {
        if self.is_completed(invocation) {
            return;
        }
        let text = if error.stack.is_empty() { &error.message } else { &error.stack };
        self.cell.python.flush_output(py);
        self.cell.serve(invocation, || self.cell.log(py, LogLevel::Error, text.trim_end()));
        error.with_remote(|error| self.complete(invocation, Outcome::Error(error)));
    }

    fn complete(self: &Rc<Self>, invocation: InvocationId, outcome: Outcome<'_>) {
        self.settle_batch(invocation, matches!(outcome, Outcome::Error(_)));
        self.link().send(Frame::Complete { invocation, outcome });
        if let Some(entry) = self.invocations.borrow_mut().get_mut(&invocation) {
            entry.completed = true;
            entry.announced = true;
        }
        self.settle_if_over(invocation);
    }

    fn is_completed(&self, invocation: InvocationId) -> bool {
        self.invocations.borrow().get(&invocation).is_none_or(|entry| entry.completed)
    }

    fn settle_if_over(self: &Rc<Self>, invocation: InvocationId) {
        let over = self
            .invocations
            .borrow()
            .get(&invocation)
            .is_some_and(|entry| entry.completed && entry.waits == 0);
        if !over {
            return;
        }
        let rpc = self.cell.rpc();
        if let Err(thrown) = rpc.let_go(invocation) {
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
            link.send(Frame::Settled { invocation, cpu_us: entry.cpu_us });
        }
    }

    /// Gives up what `waitUntil` still keeps.
    fn end_waits(self: &Rc<Self>, py: Python<'_>, invocation: InvocationId) {
        match self.invocations.borrow_mut().get_mut(&invocation) {
            Some(entry) if entry.waits > 0 => entry.waits = 0,
            _ => return,
        }
        self.cell.serve(invocation, || self.cell.log(py, LogLevel::Warn, WAITED_TOO_LONG));
        self.settle_if_over(invocation);
    }

    fn cancel(&self, invocation: InvocationId, reason: &str) {
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

    fn link(&self) -> Rc<Link> {
        self.cell.link().expect("invariant: an isolate has its link before it gets an event")
    }
}

/// A JavaScript error for its author: the stack below its text, as V8 has them.
fn with_text(thrown: &Thrown) -> OwnedError {
    OwnedError { stack: host::describe_error(&thrown.0), ..host::owned_error(thrown) }
}

/// Why a handler's result is no answer; with what it was, for its author.
fn unfit(thrown: &Thrown, result: &Bound<'_, PyAny>) -> OwnedError {
    let error = host::owned_error(thrown);
    let kind = result.get_type().name().map(|name| name.to_string()).unwrap_or_default();
    let stack = format!(
        "{}: {}\nThe handler returned an object of the type `{kind}`; it must return a Response.",
        error.name, error.message
    );
    OwnedError { stack, ..error }
}

/// SDK objects wrap a JavaScript one.
fn unwrap_response(result: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    match result.getattr_opt(intern!(result.py(), "js_response"))? {
        Some(response) => Ok(response),
        None => Ok(result),
    }
}

fn kind_of(event: &Event<'_>) -> &'static str {
    match event {
        Event::Fetch(_) => "fetch",
        Event::Rpc { .. } => "rpc",
        Event::Scheduled { .. } => "scheduled",
        Event::Queue { .. } => "queue",
        Event::Alarm { .. } => "alarm",
        Event::WebSocket { .. } => "webSocket",
        Event::Test => "test",
        Event::Other { .. } => "other",
    }
}

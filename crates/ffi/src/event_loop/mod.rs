//! The one event loop of a process. It drives asyncio's callbacks, JavaScript's jobs and timers, and whatever else the
//! process waits for (the wire, sockets, other threads), all on one thread.
//!
//! A *turn* runs what is ready, then the JavaScript jobs that came of it, then waits for the next timer, descriptor or
//! message from another thread. Python callbacks run on runners ([`crate::stack`]), so that they may wait in
//! `run_sync`; everything else runs on the main stack. `HognoseLoop`, the Python class, is a thin face over
//! [`python_api`].

mod handle;
mod poller;
mod python_api;
mod timers;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use hognose_engine::{Context, Thrown, Value};
use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError, PySystemExit};
use pyo3::prelude::*;

use crate::interrupts;
use crate::stack::CurrentTask;
use crate::stack::runner::{Runners, Ticket};
pub(crate) use handle::Callback;
pub use handle::Handle;
pub use poller::{Interest, Readiness, Watch};
pub(crate) use poller::{is_waiting, wake};
pub use python_api::register;
pub use timers::TimerId;

/// How many callbacks a turn runs before it looks at descriptors and timers again.
const CALLBACKS_PER_TURN: usize = 256;

/// How many JavaScript jobs are run before errors and interruptions are looked at.
const JOBS_AT_ONCE: usize = 1024;

/// What is ready to run.
enum Ready {
    /// asyncio's: `loop.call_soon`.
    Python(Callback),
    /// Ours, on a runner.
    Native(Box<dyn FnOnce(Python<'_>)>),
    /// A runner whose wait in `run_sync` is over.
    Redeem(Ticket),
}

/// What the process wants to be told by the loop, on the main stack.
pub struct Hooks {
    /// Before the loop waits: send what was buffered.
    pub before_wait: Box<dyn Fn(Python<'_>)>,
    /// Before each callback, which may compute for long. Alone among these it may be called on a runner.
    pub before_step: Box<dyn Fn(Python<'_>)>,
    /// A JavaScript job or timer callback threw this and nobody caught it.
    pub uncaught: Box<dyn Fn(Python<'_>, Value)>,
    /// Whether the process waits for something that the loop does not know of: then it goes on although it is idle.
    pub is_waiting: Box<dyn Fn() -> bool>,
}

impl Default for Hooks {
    fn default() -> Self {
        Self {
            before_wait: Box::new(|_| ()),
            before_step: Box::new(|_| ()),
            uncaught: Box::new(|_, _| ()),
            is_waiting: Box::new(|| false),
        }
    }
}

impl std::fmt::Debug for Hooks {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Hooks")
    }
}

/// See the module.
pub struct EventLoop {
    context: Context,
    ready: RefCell<VecDeque<Ready>>,
    timers: timers::Timers,
    poller: poller::Poller,
    runners: Runners,
    hooks: RefCell<Hooks>,
    holds: Cell<usize>,
    /// `SystemExit` or `KeyboardInterrupt` out of a callback: it ends the loop.
    interruption: RefCell<Option<PyErr>>,
}

impl std::fmt::Debug for EventLoop {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("EventLoop").field("ready", &self.ready.borrow().len()).finish_non_exhaustive()
    }
}

thread_local! {
    static LOOP: RefCell<Option<Rc<EventLoop>>> = const { RefCell::new(None) };
}

/// Makes the thread's event loop, once.
pub fn install(context: Context) -> Rc<EventLoop> {
    LOOP.with(|slot| {
        Rc::clone(slot.borrow_mut().get_or_insert_with(|| {
            Rc::new(EventLoop {
                context,
                ready: RefCell::default(),
                timers: timers::Timers::default(),
                poller: poller::Poller::default(),
                runners: Runners::new(context, work),
                hooks: RefCell::default(),
                holds: Cell::new(0),
                interruption: RefCell::default(),
            })
        }))
    })
}

/// The thread's event loop.
///
/// # Errors
/// `RuntimeError` on a thread that has none: only the process's first thread has.
pub fn current() -> PyResult<Rc<EventLoop>> {
    LOOP.with(|slot| slot.borrow().clone()).ok_or_else(|| {
        PyRuntimeError::new_err(
            "the event loop belongs to another thread; reach it with loop.call_soon_threadsafe",
        )
    })
}

/// Runs `callback(*args)` on a runner at the next turn, in a copy of the current context.
pub fn call_soon(py: Python<'_>, callback: &Bound<'_, PyAny>, args: &[Bound<'_, PyAny>]) -> PyResult<()> {
    let callback = Callback::new(py, callback, args, None)?;
    current()?.push(Ready::Python(callback));
    Ok(())
}

/// Runs `callback(*args)` at once, on a runner above the JavaScript that asks for it, in a copy of the current context.
/// Comes back when it has ended or waits in `run_sync`.
pub(crate) fn begin(py: Python<'_>, callback: &Bound<'_, PyAny>, args: &[Bound<'_, PyAny>]) -> PyResult<()> {
    let (event_loop, callback) = (current()?, Callback::new(py, callback, args, None)?);
    let runs = Rc::clone(&event_loop);
    let asks = CurrentTask::step_out(py)?;
    let begun = event_loop.runners.begin(py, Box::new(move |py| runs.run_callback(py, &callback)));
    asks.step_in(py)?;
    begun
}

/// Calls the JavaScript function `callback` after `delay_ms` milliseconds.
pub fn schedule(callback: Value, delay_ms: f64) -> PyResult<TimerId> {
    Ok(current()?.set_timer(delay_ms, false, callback))
}

/// Wakes the runner that waits under `ticket`, at the next turn.
pub(crate) fn redeem(ticket: Ticket) -> PyResult<()> {
    current()?.push(Ready::Redeem(ticket));
    Ok(())
}

/// Whether this is `SystemExit` or `KeyboardInterrupt`, which leave the loop.
pub fn is_interruption(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PySystemExit>(py) || error.is_instance_of::<PyKeyboardInterrupt>(py)
}

/// What a runner does: callbacks until there are none, or until another runner is due.
fn work(py: Python<'_>) {
    let event_loop = current().expect("invariant: runners run on the loop's thread");
    for _ in 0..CALLBACKS_PER_TURN {
        if event_loop.interruption.borrow().is_some() {
            return;
        }
        let Some(ready) = event_loop.pop_for_runner() else { return };
        event_loop.before_step(py);
        match ready {
            Ready::Python(callback) => event_loop.run_callback(py, &callback),
            Ready::Native(task) => task(py),
            Ready::Redeem(_) => unreachable!("invariant: those are left to the main stack"),
        }
        event_loop.run_jobs(py);
    }
}

impl EventLoop {
    /// The JavaScript context it drives.
    pub fn context(&self) -> Context {
        self.context
    }

    pub(crate) fn runners(&self) -> &Runners {
        &self.runners
    }

    /// Replaces what the loop tells its process.
    pub fn set_hooks(&self, hooks: Hooks) {
        self.hooks.replace(hooks);
    }

    /// Runs `task` on a runner at the next turn.
    pub fn post(&self, task: impl FnOnce(Python<'_>) + 'static) {
        self.push(Ready::Native(Box::new(task)));
    }

    /// Calls the JavaScript function after `delay_ms` (then again and again where it repeats).
    pub fn set_timer(&self, delay_ms: f64, repeat: bool, callback: Value) -> TimerId {
        self.timers.set(delay_ms, repeat, timers::Action::Js(callback))
    }

    /// Forgets a timer; one that has fired or never was is ignored.
    pub fn clear_timer(&self, timer: TimerId) {
        self.timers.clear(timer);
    }

    /// Calls `action` on the main stack whenever the descriptor is ready, until the watch is dropped.
    pub fn watch(
        &self,
        descriptor: std::os::fd::RawFd,
        interest: Interest,
        action: impl Fn(Python<'_>, Readiness) + 'static,
    ) -> std::io::Result<Watch> {
        self.poller.watch(descriptor, interest, Rc::new(action))
    }

    /// Keeps the loop from ending while something outside is under way, until the guard drops.
    pub fn hold(self: &Rc<Self>) -> Hold {
        self.holds.set(self.holds.get() + 1);
        Hold(Rc::clone(self))
    }

    /// Whether nothing is ready, timed, watched or held. Watches made with [`Interest::background`] do not count.
    pub fn is_idle(&self) -> bool {
        self.is_quiet()
            && !self.has_jobs()
            && self.timers.is_empty()
            && self.poller.is_empty()
            && self.holds.get() == 0
    }

    /// Whether nothing is ready to run now.
    fn is_quiet(&self) -> bool {
        self.ready.borrow().is_empty() && !poller::has_messages() && !crate::threads::has_operations()
    }

    /// Whether no memory was left for a stack to run callbacks on: [`EventLoop::run`], which fails of that, would again.
    pub fn is_starved(&self) -> bool {
        self.runners.are_starved()
    }

    /// How many callbacks wait in `run_sync`.
    pub fn waiting(&self) -> usize {
        self.runners.waiting()
    }

    /// Gives back the kernel objects where nothing needs them; the next wait makes them anew.
    pub fn rest(&self) {
        self.poller.rest();
    }

    /// Makes the loop fit for a forked child: kernel objects that parent and child would share are made afresh.
    pub fn after_fork(&self) {
        self.poller.after_fork();
    }

    /// Turns until `done` says so or nothing can happen any more.
    ///
    /// # Errors
    /// A `SystemExit` or `KeyboardInterrupt` that a callback raised, what the kernel said to waiting, or `MemoryError`
    /// ([`EventLoop::is_starved`]).
    pub fn run(&self, py: Python<'_>, done: &dyn Fn() -> bool) -> PyResult<()> {
        while !done() {
            self.run_ready(py)?;
            if done() {
                break;
            }
            (self.hooks.borrow().before_wait)(py);
            if self.is_idle() && !(self.hooks.borrow().is_waiting)() {
                break;
            }
            if self.is_quiet() && !self.has_jobs() {
                crate::cycles::collect_if_due(py);
            }
            self.wait(py)?;
        }
        Ok(())
    }

    /// One turn's callbacks, jobs and due timers.
    fn run_ready(&self, py: Python<'_>) -> PyResult<()> {
        crate::release_dropped();
        self.run_jobs(py);
        let due = self.ready.borrow().len();
        for _ in 0..due {
            let redeemed = match self.ready.borrow().front() {
                Some(Ready::Redeem(ticket)) => Some(*ticket),
                Some(_) => None,
                None => break,
            };
            if let Some(ticket) = redeemed {
                self.ready.borrow_mut().pop_front();
                self.before_step(py);
                self.runners.redeem(py, ticket);
            } else {
                self.runners.work(py)?;
            }
            self.run_jobs(py);
            self.check_interruption()?;
        }
        self.run_timers(py);
        self.check_interruption()
    }

    fn before_step(&self, py: Python<'_>) {
        (self.hooks.borrow().before_step)(py);
    }

    fn check_interruption(&self) -> PyResult<()> {
        self.interruption.borrow_mut().take().map_or(Ok(()), Err)
    }

    fn wait(&self, py: Python<'_>) -> PyResult<()> {
        let timeout = if self.is_quiet() && !self.has_jobs() {
            self.timers.until_next()
        } else {
            Some(std::time::Duration::ZERO)
        };
        let events = self.poller.wait(py, timeout)?;
        // Where there is something to run, the signal interrupts that: what its handler raises gets a traceback there.
        if timeout != Some(std::time::Duration::ZERO) {
            py.check_signals()?;
        }
        crate::threads::serve();
        self.run_jobs(py);
        for event in events {
            (event.action)(py, event.readiness);
            self.run_jobs(py);
        }
        for callback in poller::take_messages() {
            self.push(Ready::Python(callback));
        }
        self.check_interruption()
    }

    fn run_timers(&self, py: Python<'_>) {
        let now = std::time::Instant::now();
        while let Some(action) = self.timers.next_due(now) {
            match action {
                timers::Action::Python(callback) => self.push(Ready::Python(callback)),
                timers::Action::Js(function) => {
                    self.before_step(py);
                    if let Err(thrown) = function.call(&self.context.undefined(), &[]) {
                        self.report(py, thrown);
                    }
                    self.run_jobs(py);
                }
            }
        }
    }

    fn has_jobs(&self) -> bool {
        self.context.has_jobs()
    }

    /// Runs JavaScript's jobs until none is left.
    pub fn run_jobs(&self, py: Python<'_>) {
        while self.context.has_jobs() {
            if let Err(thrown) = self.context.execute_jobs(JOBS_AT_ONCE) {
                self.report(py, thrown);
            }
        }
        crate::facade::flush_released();
    }

    fn report(&self, py: Python<'_>, thrown: Thrown) {
        let raised = if thrown.is_uncatchable() { interrupts::take_raised() } else { None };
        match raised {
            Some(error) => drop(self.interruption.replace(Some(error))),
            None => (self.hooks.borrow().uncaught)(py, thrown.0),
        }
    }

    fn run_callback(&self, py: Python<'_>, callback: &Callback) {
        let Err(error) = callback.run(py) else { return };
        if is_interruption(py, &error) {
            self.interruption.replace(Some(error));
        } else if let Err(error) = python_api::report_callback_error(py, callback, error) {
            error.write_unraisable(py, None);
        }
    }

    fn push(&self, ready: Ready) {
        self.ready.borrow_mut().push_back(ready);
    }

    /// The next thing to run, unless it is another runner's turn.
    fn pop_for_runner(&self) -> Option<Ready> {
        let mut ready = self.ready.borrow_mut();
        if matches!(ready.front(), Some(Ready::Redeem(_))) { None } else { ready.pop_front() }
    }
}

/// See [`EventLoop::hold`].
#[derive(Debug)]
pub struct Hold(Rc<EventLoop>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.holds.set(self.0.holds.get() - 1);
    }
}

//! Runners: coroutines on which the event loop runs Python callbacks.
//!
//! Normally there is one, and all callbacks share it. When a callback waits in `run_sync`, the runner it runs on is
//! put aside under a ticket and the loop takes another from the pool; when the wait is over the ticket is redeemed.
//!
//! JavaScript may also begin a callback at once, on a runner of its own above whatever runs ([`Runners::begin`]).

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::c_int;
use std::io;
use std::ptr::NonNull;

use corosensei::stack::{DefaultStack, Stack};
use corosensei::{Coroutine, CoroutineResult, Yielder};
use hognose_engine::Context;
use pyo3::exceptions::PyMemoryError;
use pyo3::{PyErr, PyResult, Python};

use super::python_state::PythonState;

/// Address space of a runner's stack, in bytes; the kernel commits it page by page.
const STACK_BYTES: usize = 4 << 20;
/// What CPython before 3.14 may use of it before it raises RecursionError, in its own count of C calls (10,000 on a stack
/// of 8 MiB). From 3.14 on it compares addresses.
const C_RECURSION: c_int = 5000;
/// What is kept free below JavaScript's limit for the native functions that it calls, in bytes.
const JS_MARGIN_BYTES: usize = 256 << 10;
/// How much of the main stack (usually 8 MiB) JavaScript may use, in bytes.
const MAIN_JS_STACK_BYTES: usize = 4 << 20;
/// How many idle runners keep their stacks.
const POOL_MAX: usize = 4;

/// Why a runner gave control back.
enum Pause {
    /// It has nothing to do.
    Idle,
    /// Its callback waits for a ticket to be redeemed.
    Waiting(Ticket),
}

/// Stands for a runner that was put aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ticket(u64);

struct Runner {
    coroutine: Coroutine<(), Pause, (), DefaultStack>,
    python: PythonState,
    js_frames: usize,
}

/// What a runner does at once instead of the loop's work.
type Task = Box<dyn FnOnce(Python<'_>)>;

/// What `suspend` needs to know of the stack it is called on.
#[derive(Clone, Copy)]
struct Current {
    yielder: NonNull<Yielder<(), Pause>>,
    stack_base: usize,
    stack_limit: usize,
}

thread_local! {
    /// The runner whose stack we are on; `None` on the main stack.
    static CURRENT: Cell<Option<Current>> = const { Cell::new(None) };
    /// For the runner that is resumed next.
    static TASK: Cell<Option<Task>> = const { Cell::new(None) };
}

/// All runners of the thread's event loop.
pub(crate) struct Runners {
    context: Context,
    work: fn(Python<'_>),
    idle: RefCell<Vec<Runner>>,
    waiting: RefCell<HashMap<Ticket, Runner>>,
    next_ticket: Cell<u64>,
    /// How far down JavaScript may use the main stack; 0 until that was first said.
    main_js_limit: Cell<usize>,
    starved: Cell<bool>,
}

impl Runners {
    /// `work` is what a runner does: it takes callbacks from the loop's queue until there is none for it.
    pub(crate) fn new(context: Context, work: fn(Python<'_>)) -> Self {
        Self {
            context,
            work,
            idle: RefCell::default(),
            waiting: RefCell::default(),
            next_ticket: Cell::new(0),
            main_js_limit: Cell::default(),
            starved: Cell::new(false),
        }
    }

    /// Does `task` now, on an idle runner, and comes back when it has ended or waits. To be called from JavaScript: its
    /// frames below are those of the caller's stack, and so no hindrance to waiting.
    pub(crate) fn begin(&self, py: Python<'_>, task: Task) -> PyResult<()> {
        let runner = self.take_idle(py)?;
        let main_js_limit = self.main_js_limit.get();
        TASK.set(Some(task));
        self.resume(py, runner);
        if !on_runner() && main_js_limit != 0 {
            // JavaScript is deeper in the main stack here than where the loop resumes runners: no more of it is given.
            self.limit_main_js_stack(main_js_limit);
        }
        Ok(())
    }

    /// Lets an idle runner work until there is no work for it or its callback waits.
    pub(crate) fn work(&self, py: Python<'_>) -> PyResult<()> {
        let runner = self.take_idle(py)?;
        self.resume(py, runner);
        Ok(())
    }

    fn take_idle(&self, py: Python<'_>) -> PyResult<Runner> {
        let idle = self.idle.borrow_mut().pop();
        idle.map_or_else(|| self.spawn(py), Ok)
    }

    /// Lets the runner that waits under `ticket` go on. A ticket that was redeemed before is ignored.
    pub(crate) fn redeem(&self, py: Python<'_>, ticket: Ticket) {
        let waiting = self.waiting.borrow_mut().remove(&ticket);
        if let Some(runner) = waiting {
            self.resume(py, runner);
        }
    }

    /// Whether no memory was left for the last stack that was asked for.
    pub(crate) fn are_starved(&self) -> bool {
        self.starved.get()
    }

    /// How many callbacks wait in `run_sync`.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.borrow().len()
    }

    fn new_ticket(&self) -> Ticket {
        let number = self.next_ticket.get();
        self.next_ticket.set(number + 1);
        Ticket(number)
    }

    fn spawn(&self, py: Python<'_>) -> PyResult<Runner> {
        let stack = DefaultStack::new(STACK_BYTES).map_err(|error| self.starve(&error))?;
        self.starved.set(false);
        let (stack_base, stack_limit) = (stack.base().get(), stack.limit().get());
        let python = PythonState::fresh(py, &stack, C_RECURSION)?;
        let (context, work) = (self.context, self.work);
        let coroutine = Coroutine::with_stack(stack, move |yielder: &Yielder<(), Pause>, ()| {
            let current = Current { yielder: NonNull::from(yielder), stack_base, stack_limit };
            loop {
                CURRENT.set(Some(current));
                limit_js_stack(context, stack_limit);
                // SAFETY: runners are resumed only while the thread is attached.
                let py = unsafe { Python::assume_attached() };
                match TASK.take() {
                    Some(task) => task(py),
                    None => work(py),
                }
                yielder.suspend(Pause::Idle);
            }
        });
        Ok(Runner { coroutine, python, js_frames: 0 })
    }

    fn starve(&self, error: &io::Error) -> PyErr {
        self.starved.set(true);
        let waiting = self.waiting();
        PyMemoryError::new_err(format!(
            "no address space is left for one more stack, while {waiting} callbacks wait in run_sync(): {error}"
        ))
    }

    fn resume(&self, py: Python<'_>, mut runner: Runner) {
        let below = CURRENT.get();
        let mut state = PythonState::save(py, below.map(|current| current.stack_limit..current.stack_base));
        let js_frames = super::swap_js_frames(runner.js_frames);
        // SAFETY: the runner's stack exists as long as its coroutine, and runs next.
        unsafe { runner.python.restore(py) };
        let paused = runner.coroutine.resume(());
        runner.python.save_again(py);
        // SAFETY: this is the stack that `state` was saved on.
        unsafe { state.restore(py) };
        runner.js_frames = super::swap_js_frames(js_frames);
        CURRENT.set(below);
        match below {
            Some(current) => limit_js_stack(self.context, current.stack_limit),
            None => self.limit_main_js_stack((&raw const below).addr() - MAIN_JS_STACK_BYTES),
        }
        match paused {
            CoroutineResult::Yield(Pause::Idle) => self.put_back(py, runner),
            CoroutineResult::Yield(Pause::Waiting(ticket)) => {
                self.waiting.borrow_mut().insert(ticket, runner);
            }
            CoroutineResult::Return(()) => unreachable!("invariant: a runner's loop has no end"),
        }
    }

    /// Tells QuickJS how far the main stack reaches, whose end the kernel moves as it grows.
    fn limit_main_js_stack(&self, lowest_address: usize) {
        self.main_js_limit.set(lowest_address);
        // SAFETY: the main stack may grow to more than what is given away here.
        unsafe { self.context.set_stack(lowest_address) };
    }

    fn put_back(&self, py: Python<'_>, mut runner: Runner) {
        if self.idle.borrow().len() < POOL_MAX {
            self.idle.borrow_mut().push(runner);
            return;
        }
        // SAFETY: an idle runner's stack holds only `spawn`'s closure, which owns nothing that needs dropping.
        unsafe { runner.coroutine.force_reset() };
        runner.python.free(py);
    }
}

/// Whether the current stack is a runner's.
pub(super) fn on_runner() -> bool {
    CURRENT.get().is_some()
}

/// A ticket for the current runner, and the pause that it is good for: first the ticket is handed to whoever will
/// redeem it, then the pause is taken.
pub(super) struct Waiting<'a> {
    runners: &'a Runners,
    ticket: Ticket,
}

impl<'a> Waiting<'a> {
    /// For the runner that the caller runs on.
    pub(super) fn new(runners: &'a Runners) -> Self {
        Self { runners, ticket: runners.new_ticket() }
    }

    /// What wakes the runner.
    pub(super) fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// Puts the current runner aside until the ticket is redeemed. The caller has made sure that no JavaScript frame
    /// lies below and that it is on a runner.
    pub(super) fn pause(self) {
        let current = CURRENT.get().expect("invariant: only called on a runner");
        // SAFETY: the yielder lives at the base of the very stack that this function runs on.
        unsafe { current.yielder.as_ref() }.suspend(Pause::Waiting(self.ticket));
        CURRENT.set(Some(current));
        limit_js_stack(self.runners.context, current.stack_limit);
    }
}

/// Tells QuickJS how far the current runner's stack reaches: it compares addresses, and knows of one stack only.
fn limit_js_stack(context: Context, stack_limit: usize) {
    // SAFETY: this runs on the runner's stack, which ends at its limit; the margin lies above it.
    unsafe { context.set_stack(stack_limit + JS_MARGIN_BYTES) };
}

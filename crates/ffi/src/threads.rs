//! Threads besides the first: what they do to a JavaScript object is done for them on the thread that JavaScript belongs
//! to, while they wait.
//!
//! On Pyodide there are no threads, executors run inline, and code in `asyncio.to_thread` or a thread pool uses JavaScript
//! objects like any other. Here such code runs in a real thread, so [`on_own_thread`] hands each operation over: a closure
//! whose arguments stay where they are, as their thread waits without the GIL until it has the result or the exception.
//!
//! The first thread must hear of it wherever it is. In its event loop a descriptor wakes it. Anywhere else a signal does:
//! Python runs the handlers of signals between two of its instructions, and wherever it waits and can be interrupted, for
//! a lock, a thread, a socket, in `sleep`. Only while JavaScript computes an operation has to wait, since nothing may happen
//! to JavaScript's objects in the middle of its code.
//!
//! What needs the loop itself, waiting for a promise, is in `threads.py`.

use std::collections::VecDeque;
use std::ffi::{c_int, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyModule, PyTuple};

use crate::bridge::{Object, State, bridge, installed, python};
use crate::errors::{Raised, raised};
use crate::{event_loop, jsproxy, stack};

/// Tells the first thread. By default it is ignored and nobody else sends it here, which is why Go takes it too.
const SIGNAL: c_int = libc::SIGURG;

/// How long a thread waits until it repeats the signal, at first and at most.
const PATIENCE_MIN: Duration = Duration::from_millis(1);
const PATIENCE_MAX: Duration = Duration::from_millis(100);

/// What other threads wait for.
static QUEUE: Mutex<VecDeque<Forwarded>> = Mutex::new(VecDeque::new());
/// Whether a signal's handler may run in the middle of JavaScript's code now.
static AMID_JAVASCRIPT: AtomicBool = AtomicBool::new(false);
/// Whether this process is a fork that another thread made: the thread that JavaScript belongs to is not in it.
static IS_ORPHANED: AtomicBool = AtomicBool::new(false);

/// An operation on its way to the first thread.
struct Forwarded {
    operation: Box<dyn FnOnce()>,
    /// A copy of its thread's `contextvars` context: it says for which invocation the work is done.
    context: Object,
}

// SAFETY: what an operation holds is touched with the GIL only.
unsafe impl Send for Forwarded {}

/// What an operation gives. Another thread may have to have it in another form.
pub(crate) trait Crossing: Sized {
    /// The result as the thread can use it that asked for it.
    fn arrive(self) -> Result<Self, Raised> {
        Ok(self)
    }
}

impl Crossing for () {}
impl Crossing for bool {}
impl Crossing for isize {}
impl Crossing for usize {}
impl<T> Crossing for Option<T> {}

impl Crossing for Object {
    /// A future of the first thread's loop becomes one of the loop that runs here, if one does.
    fn arrive(self) -> Result<Self, Raised> {
        if self.get_type().is(jsproxy::future_type()?) {
            return Ok(bridge().threads().get_item("future_here")?.call1((self,))?);
        }
        Ok(self)
    }
}

/// Does something with JavaScript's objects: at once where that is possible, else on their thread.
#[inline]
pub(crate) fn on_own_thread<T: Crossing>(operation: impl FnOnce() -> Result<T, Raised>) -> Result<T, Raised> {
    if bridge().is_own_thread() { operation() } else { forward(operation) }
}

#[cold]
fn forward<T: Crossing>(operation: impl FnOnce() -> Result<T, Raised>) -> Result<T, Raised> {
    let result = hand_over(|| {
        // It runs in the midst of other code, which must not be put aside for it.
        let _frame = stack::enter_js();
        operation()
    });
    result?.arrive()
}

/// Waits until the first thread has done it.
fn hand_over<T>(operation: impl FnOnce() -> Result<T, Raised>) -> Result<T, Raised> {
    let (mut outcome, (answer, answered)) = (None, sync_channel(1));
    let run = || {
        // SAFETY: the indicator is set where the operation failed; its reference becomes ours.
        outcome =
            Some(operation().map_err(|Raised| unsafe {
                Bound::from_owned_ptr(python(), ffi::PyErr_GetRaisedException())
            }));
        // Nobody is told who has not waited.
        let _told = answer.send(());
    };
    let run: Box<dyn FnOnce() + '_> = Box::new(run);
    // SAFETY: only the lifetime changes; this function goes on when the operation, which holds the other end of the
    // channel, has run or was dropped.
    send(unsafe { std::mem::transmute::<Box<dyn FnOnce() + '_>, Box<dyn FnOnce()>>(run) })?;
    python().detach(move || wait(&answered));
    match outcome {
        Some(result) => result.map_err(|exception: Object| {
            // SAFETY: the call takes over the reference.
            unsafe { ffi::PyErr_SetRaisedException(exception.into_ptr()) };
            Raised
        }),
        None => Err(orphaned()),
    }
}

/// Queues an operation and wakes the loop.
fn send(operation: Box<dyn FnOnce()>) -> Result<(), Raised> {
    if IS_ORPHANED.load(Ordering::Relaxed) {
        return Err(orphaned());
    }
    // SAFETY: attached; the reference is ours.
    let context = unsafe { Bound::from_owned_ptr_or_err(python(), ffi::PyContext_CopyCurrent()) }?;
    queue().push_back(Forwarded { operation, context });
    event_loop::wake();
    Ok(())
}

/// Waits for the answer. A signal that comes in the moment before the first thread begins to wait does not end that wait,
/// so it is repeated, ever more rarely, as long as nobody has come for the operation.
fn wait(answered: &Receiver<()>) {
    let mut patience = PATIENCE_MIN;
    loop {
        if !event_loop::is_waiting() && has_operations() {
            bridge().signal(SIGNAL);
        }
        // Disconnected: the operation was dropped, which the caller sees.
        if !matches!(answered.recv_timeout(patience), Err(RecvTimeoutError::Timeout)) {
            return;
        }
        patience = (patience * 2).min(PATIENCE_MAX);
    }
}

fn queue() -> std::sync::MutexGuard<'static, VecDeque<Forwarded>> {
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cold]
fn orphaned() -> Raised {
    raised::<PyRuntimeError>(
        "a JavaScript object was used in a process forked by another thread than the first, which alone has JavaScript; \
         fork on the first thread",
    )
}

/// `__await__` of a promise, for this thread's own loop.
#[cold]
pub(crate) fn await_here(promise: &Object) -> Result<Object, Raised> {
    Ok(bridge().threads().get_item("await_here")?.call1((promise,))?)
}

/// `pyodide.ffi.run_sync` on another thread than the first.
#[cold]
pub(crate) fn run_sync(awaitable: &Object) -> Result<Object, Raised> {
    stack::check_awaitable(awaitable)?;
    Ok(bridge().threads().get_item("run_sync")?.call1((awaitable,))?)
}

/// Whether other threads wait for something.
pub(crate) fn has_operations() -> bool {
    !queue().is_empty()
}

/// Does what other threads wait for. To be called on the first thread, between other things.
pub(crate) fn serve() {
    while let Some(forwarded) = next() {
        forwarded.run();
    }
}

fn next() -> Option<Forwarded> {
    queue().pop_front()
}

impl Forwarded {
    fn run(self) {
        // SAFETY: attached; the context is a fresh copy that nobody has entered, and is left where it was entered.
        unsafe {
            if ffi::PyContext_Enter(self.context.as_ptr()) < 0 {
                ffi::PyErr_Clear();
            }
            (self.operation)();
            if ffi::PyContext_Exit(self.context.as_ptr()) < 0 {
                ffi::PyErr_Clear();
            }
        }
    }
}

/// Runs the handlers of signals in the middle of JavaScript's code. Operations of other threads wait until it has ended.
pub(crate) fn amid_javascript<T>(handle: impl FnOnce() -> T) -> T {
    AMID_JAVASCRIPT.store(true, Ordering::Relaxed);
    let handled = handle();
    AMID_JAVASCRIPT.store(false, Ordering::Relaxed);
    handled
}

/// The handler of the signal.
#[pyfunction]
fn on_signal(_number: c_int, _frame: &Bound<'_, PyAny>) {
    if AMID_JAVASCRIPT.load(Ordering::Relaxed) {
        // SAFETY: may be called at any time. Where too much waits already, the event loop finds the operation.
        unsafe { ffi::Py_AddPendingCall(Some(serve_pending), null_mut()) };
    } else {
        serve();
    }
}

extern "C" fn serve_pending(_nothing: *mut c_void) -> c_int {
    serve();
    0
}

/// Calls a Python function on the first thread and gives its result.
#[pyfunction]
#[pyo3(signature = (function, *arguments))]
fn on_first_thread(function: &Bound<'_, PyAny>, arguments: &Bound<'_, PyTuple>) -> PyResult<Py<PyAny>> {
    Ok(hand_over(|| Ok(function.call1(arguments.clone())?.unbind()))?)
}

/// Has the first thread call a Python function, which may wait in `run_sync` there, and goes on.
#[pyfunction]
#[pyo3(signature = (function, *arguments))]
fn post(function: &Bound<'_, PyAny>, arguments: &Bound<'_, PyTuple>) -> PyResult<()> {
    let (function, arguments) = (function.clone().unbind(), arguments.clone().unbind());
    Ok(send(Box::new(move || {
        let function = function.bind(python());
        if let Err(error) = function.call1(arguments.bind(python()).clone()) {
            error.write_unraisable(python(), Some(function));
        }
    }))?)
}

/// Whether the first thread waits in its event loop.
#[pyfunction]
fn loop_is_waiting() -> bool {
    event_loop::is_waiting()
}

/// Puts aside what the first thread does, which this is called on, until the future is done.
#[pyfunction]
fn wait_for(future: &Bound<'_, PyAny>) -> PyResult<()> {
    stack::run_sync(future.py(), future).map(drop)
}

#[pyfunction]
fn can_run_sync() -> bool {
    stack::can_run_sync()
}

/// The module `native` of `threads.py`.
pub(crate) fn python_helpers() -> PyResult<Bound<'static, PyModule>> {
    let module = PyModule::new(python(), "_pyodide_core.threads.native")?;
    module.add_function(wrap_pyfunction!(on_first_thread, &module)?)?;
    module.add_function(wrap_pyfunction!(post, &module)?)?;
    module.add_function(wrap_pyfunction!(loop_is_waiting, &module)?)?;
    module.add_function(wrap_pyfunction!(wait_for, &module)?)?;
    module.add_function(wrap_pyfunction!(can_run_sync, &module)?)?;
    Ok(module)
}

/// Has this thread, the first, obey the signal; and forks forget what threads waited for that they do not have.
pub(crate) fn install() -> PyResult<()> {
    let handler = wrap_pyfunction!(on_signal, python())?;
    python().import("signal")?.call_method1("signal", (SIGNAL, handler))?;
    // SAFETY: the function stays where it is, and does what one may do in a fork.
    unsafe { libc::pthread_atfork(None, None, Some(forget_threads)) };
    Ok(())
}

unsafe extern "C" fn forget_threads() {
    let is_own = installed().is_some_and(State::is_own_thread);
    IS_ORPHANED.store(!is_own, Ordering::Relaxed);
    if let Ok(mut queue) = QUEUE.try_lock() {
        // Nobody is there who waits for an answer, and nothing may be given back in the midst of a fork.
        std::mem::forget(std::mem::take(&mut *queue));
    }
}

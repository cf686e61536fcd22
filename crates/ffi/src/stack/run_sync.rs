//! `pyodide.ffi.run_sync`: block the Python stack, not the event loop, until an awaitable is done.

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyCFunction;

use super::runner::{self, Ticket, Waiting};
use crate::event_loop;

/// Whether [`run_sync`] may block here: on a runner, with no JavaScript frame below.
pub fn can_run_sync() -> bool {
    runner::on_runner() && !super::above_js()
}

/// Waits for `awaitable` and gives its result or raises its exception. The rest of the program goes on meanwhile.
///
/// # Errors
/// `TypeError` where it is not awaitable, `RuntimeError` where the stack cannot be put aside (Pyodide's texts), and
/// whatever the awaitable raises.
pub fn run_sync<'py>(py: Python<'py>, awaitable: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    check_awaitable(awaitable)?;
    if !can_run_sync() {
        return Err(PyRuntimeError::new_err(
            "Cannot stack switch because the Python entrypoint was a synchronous function. \
             Use pyFunc.callPromising() to fix.",
        ));
    }
    let future = asyncio(py, "ensure_future")?.call1((awaitable,))?;
    if !future.call_method0("done")?.is_truthy()? {
        wait(py, &future)?;
    }
    future.call_method0("result")
}

/// Fails with `TypeError` where something is not awaitable.
pub(crate) fn check_awaitable(object: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = object.py();
    if asyncio(py, "isfuture")?.call1((object,))?.is_truthy()? || is_awaitable(object)? {
        return Ok(());
    }
    Err(PyTypeError::new_err(format!("object {} is not awaitable", object.get_type().name()?)))
}

fn wait(py: Python<'_>, future: &Bound<'_, PyAny>) -> PyResult<()> {
    let event_loop = event_loop::current()?;
    let waiting = Waiting::new(event_loop.runners());
    future.call_method1("add_done_callback", (redeemer(py, waiting.ticket())?,))?;
    let task = CurrentTask::step_out(py)?;
    waiting.pause();
    task.step_in(py)
}

/// The callable that wakes the runner waiting under `ticket`.
fn redeemer(py: Python<'_>, ticket: Ticket) -> PyResult<Bound<'_, PyCFunction>> {
    PyCFunction::new_closure(py, None, None, move |_args, _kwargs| event_loop::redeem(ticket))
}

/// asyncio allows one task at a time to be inside a step; a task that waits in its step, or above which something begins
/// that may wait, has to step aside.
pub(crate) struct CurrentTask {
    event_loop: Py<PyAny>,
    task: Py<PyAny>,
}

impl CurrentTask {
    pub(crate) fn step_out(py: Python<'_>) -> PyResult<Self> {
        let event_loop = asyncio(py, "get_running_loop")?.call0()?;
        let task = asyncio(py, "current_task")?.call1((&event_loop,))?;
        // Swapping out what is not there raises KeyError in CPython 3.12.
        if !task.is_none() {
            swap_current_task(py, &event_loop, py.None().bind(py))?;
        }
        Ok(Self { event_loop: event_loop.unbind(), task: task.unbind() })
    }

    pub(crate) fn step_in(self, py: Python<'_>) -> PyResult<()> {
        if self.task.is_none(py) {
            return Ok(());
        }
        swap_current_task(py, self.event_loop.bind(py), self.task.bind(py)).map(drop)
    }
}

fn swap_current_task<'py>(
    py: Python<'py>,
    event_loop: &Bound<'py, PyAny>,
    task: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    static SWAP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let swap = SWAP.get_or_try_init(py, || {
        py.import("asyncio.tasks")?.getattr("_swap_current_task").map(Bound::unbind)
    })?;
    swap.bind(py).call1((event_loop, task))
}

fn is_awaitable(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    static TEST: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = object.py();
    let test =
        TEST.get_or_try_init(py, || py.import("inspect")?.getattr("isawaitable").map(Bound::unbind))?;
    test.bind(py).call1((object,))?.is_truthy()
}

fn asyncio<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("asyncio")?.getattr(name)
}

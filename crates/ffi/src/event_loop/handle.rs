//! asyncio callbacks: what to call, with what, in which context.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::TimerId;

/// A callable with its arguments and `contextvars` context. Clones share whether it was cancelled.
#[derive(Debug)]
pub(crate) struct Callback {
    function: Py<PyAny>,
    args: Py<PyTuple>,
    context: Py<PyAny>,
    cancelled: Arc<AtomicBool>,
}

impl Callback {
    /// `context`: as given to `call_soon`; `None`: a copy of the current one.
    pub(crate) fn new(
        py: Python<'_>,
        function: &Bound<'_, PyAny>,
        args: &[Bound<'_, PyAny>],
        context: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        Self::with_tuple(py, function, &PyTuple::new(py, args)?, context)
    }

    /// The same, with the arguments as Python passed them.
    pub(super) fn with_tuple(
        py: Python<'_>,
        function: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        context: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let context = match context {
            Some(context) if !context.is_none() => context.clone().unbind(),
            _ => copy_context(py)?,
        };
        let (function, args) = (function.clone().unbind(), args.clone().unbind());
        Ok(Self { function, args, context, cancelled: Arc::default() })
    }

    /// Runs it, unless it was cancelled.
    pub(super) fn run(&self, py: Python<'_>) -> PyResult<()> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Ok(());
        }
        // A context that is entered already belongs to a callback that waits in `run_sync`; a copy shows the same.
        let entered = if enter(py, &self.context).is_ok() {
            self.context.clone_ref(py)
        } else {
            let copy = self.context.bind(py).call_method0("copy")?.unbind();
            enter(py, &copy)?;
            copy
        };
        let result = self.function.bind(py).call1(self.args.bind(py).clone());
        leave(py, &entered)?;
        result.map(drop)
    }

    /// What is called, for error reports.
    pub(super) fn function<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.function.bind(py)
    }

    /// The flag that a [`Handle`] sets.
    pub(super) fn cancelled(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancelled)
    }
}

fn copy_context(py: Python<'_>) -> PyResult<Py<PyAny>> {
    // SAFETY: attached; gives a new reference or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_CopyCurrent()) }.map(Bound::unbind)
}

fn enter(py: Python<'_>, context: &Py<PyAny>) -> PyResult<()> {
    // SAFETY: attached; the function checks that it is given a context.
    if unsafe { ffi::PyContext_Enter(context.as_ptr()) } < 0 { Err(PyErr::fetch(py)) } else { Ok(()) }
}

fn leave(py: Python<'_>, context: &Py<PyAny>) -> PyResult<()> {
    // SAFETY: attached; this context was entered on this stack and everything entered since has been left.
    if unsafe { ffi::PyContext_Exit(context.as_ptr()) } < 0 { Err(PyErr::fetch(py)) } else { Ok(()) }
}

/// What `call_soon`, `call_later` and `call_at` return: `asyncio.Handle` and `TimerHandle` in one.
#[pyclass(frozen, module = "hognose")]
#[derive(Debug)]
pub struct Handle {
    cancelled: Arc<AtomicBool>,
    timer: Option<(TimerId, f64)>,
}

impl Handle {
    pub(super) fn new(cancelled: Arc<AtomicBool>, timer: Option<(TimerId, f64)>) -> Self {
        Self { cancelled, timer }
    }
}

#[pymethods]
impl Handle {
    /// Cancel the callback. On another thread than the loop's, the loop is told to forget its timer, for which it would
    /// otherwise go on.
    fn cancel(this: &Bound<'_, Self>) -> PyResult<()> {
        let handle = this.get();
        handle.cancelled.store(true, Ordering::Relaxed);
        let Some((timer, _)) = handle.timer else { return Ok(()) };
        match super::current() {
            Ok(event_loop) => event_loop.clear_timer(timer),
            Err(_) => super::poller::send(Callback::new(this.py(), &this.getattr("cancel")?, &[], None)?),
        }
        Ok(())
    }

    /// Return True if the callback was cancelled.
    fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Return a scheduled callback time, in seconds of the loop's clock.
    fn when(&self) -> Option<f64> {
        self.timer.map(|(_, when)| when)
    }
}

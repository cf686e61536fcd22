//! What `HognoseLoop`, the Python class, is made of: plain functions, so that `loop.call_soon` costs one call.

use std::time::{Duration, Instant};

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::handle::{Callback, Handle};
use super::poller::{self, Interest, Watch};
use super::{Ready, current, timers};

/// Adds the submodule `event_loop`, which the Python class takes its functions from.
pub fn register(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "event_loop")?;
    fill(&module)?;
    parent.add_submodule(&module)
}

fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Handle>()?;
    module.add_class::<DescriptorWatch>()?;
    module.add_class::<PythonHold>()?;
    module.add_function(wrap_pyfunction!(call_soon, module)?)?;
    module.add_function(wrap_pyfunction!(call_at, module)?)?;
    module.add_function(wrap_pyfunction!(call_soon_threadsafe, module)?)?;
    module.add_function(wrap_pyfunction!(watch, module)?)
}

#[pyfunction]
#[pyo3(signature = (callback, *args, context=None))]
fn call_soon(
    py: Python<'_>,
    callback: &Bound<'_, PyAny>,
    args: &Bound<'_, PyTuple>,
    context: Option<&Bound<'_, PyAny>>,
) -> PyResult<Handle> {
    let callback = Callback::with_tuple(py, callback, args, context)?;
    let handle = Handle::new(callback.cancelled(), None);
    match current() {
        Ok(event_loop) => event_loop.push(Ready::Python(callback)),
        // CPython forgives it on other threads, as of `future.set_result`, which many a program relies on unknowingly.
        Err(_) => poller::send(callback),
    }
    Ok(handle)
}

/// `delay` in seconds from now; `when` is what `TimerHandle.when()` tells.
#[pyfunction]
#[pyo3(signature = (delay, when, callback, *args, context=None))]
fn call_at(
    py: Python<'_>,
    delay: f64,
    when: f64,
    callback: &Bound<'_, PyAny>,
    args: &Bound<'_, PyTuple>,
    context: Option<&Bound<'_, PyAny>>,
) -> PyResult<Handle> {
    if !callback.is_callable() {
        return Err(PyTypeError::new_err(format!(
            "a callable object was expected, got {}",
            callback.repr()?
        )));
    }
    if delay.is_nan() {
        return Err(PyValueError::new_err("the delay is not a number"));
    }
    let callback = Callback::with_tuple(py, callback, args, context)?;
    let cancelled = callback.cancelled();
    // A moment too far away to name never comes.
    let Some(at) =
        Duration::try_from_secs_f64(delay.max(0.0)).ok().and_then(|delay| Instant::now().checked_add(delay))
    else {
        return Ok(Handle::new(cancelled, None));
    };
    let timer = current()?.timers.set_at(at, timers::Action::Python(callback));
    Ok(Handle::new(cancelled, Some((timer, when))))
}

#[pyfunction]
#[pyo3(signature = (callback, *args, context=None))]
fn call_soon_threadsafe(
    py: Python<'_>,
    callback: &Bound<'_, PyAny>,
    args: &Bound<'_, PyTuple>,
    context: Option<&Bound<'_, PyAny>>,
) -> PyResult<Handle> {
    let callback = Callback::with_tuple(py, callback, args, context)?;
    let handle = Handle::new(callback.cancelled(), None);
    poller::send(callback);
    Ok(handle)
}

/// Keeps the loop from ending until it is released.
#[pyclass(unsendable, module = "hognose", name = "Hold")]
#[derive(Debug)]
struct PythonHold(Option<super::Hold>);

#[pymethods]
impl PythonHold {
    #[new]
    fn new() -> PyResult<Self> {
        Ok(Self(Some(current()?.hold())))
    }

    /// Let the loop end.
    fn release(&mut self) {
        self.0 = None;
    }
}

/// Keeps a descriptor watched until it is closed.
#[pyclass(unsendable, module = "hognose")]
#[derive(Debug)]
struct DescriptorWatch(Option<Watch>);

#[pymethods]
impl DescriptorWatch {
    /// Stop watching.
    fn close(&mut self) {
        self.0 = None;
    }
}

/// `selectors.EVENT_READ` and `selectors.EVENT_WRITE`.
const EVENT_READ: u8 = 1;
const EVENT_WRITE: u8 = 2;

/// Calls `callback(events)` at every turn in which the descriptor is ready for some of `events`. `background`: the loop
/// may end nevertheless.
#[pyfunction]
#[pyo3(signature = (descriptor, events, callback, background=false))]
fn watch(descriptor: i32, events: u8, callback: Py<PyAny>, background: bool) -> PyResult<DescriptorWatch> {
    let interest = Interest { read: events & EVENT_READ != 0, write: events & EVENT_WRITE != 0, background };
    let watch = current()?.watch(descriptor, interest, move |py, ready| {
        let events = u8::from(ready.read) * EVENT_READ + u8::from(ready.write) * EVENT_WRITE;
        let called = events
            .into_pyobject(py)
            .map_err(PyErr::from)
            .and_then(|events| super::call_soon(py, callback.bind(py), &[events.into_any()]));
        if let Err(error) = called {
            error.write_unraisable(py, Some(callback.bind(py)));
        }
    })?;
    Ok(DescriptorWatch(Some(watch)))
}

/// Tells asyncio's exception handler that a callback raised.
pub(super) fn report_callback_error(py: Python<'_>, callback: &Callback, error: PyErr) -> PyResult<()> {
    let details = PyDict::new(py);
    details.set_item("message", format!("Exception in callback {}", callback.function(py).repr()?))?;
    details.set_item("exception", error.value(py))?;
    let running = py.import("asyncio")?.call_method0("get_running_loop")?;
    running.call_method1("call_exception_handler", (details,)).map(drop)
}

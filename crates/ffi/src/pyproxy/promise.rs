//! Python's awaitables as promises, and calls whose result is one.

use std::cell::RefCell;

use hognose_engine::raw;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{PyTraverseError, PyVisit, ffi, intern};

use super::{call, of};
use crate::bridge::{Object, ObjectRef, python};
use crate::convert;
use crate::errors::{self, Pending, Raised};
use crate::js::{self, JSValue, Js, JsResult, context};

/// The two ends of a promise that Python settles, as a Python object: also the callback of a future. Python's collector knows it,
/// so that `cycles` sees it.
#[pyclass(unsendable, module = "_pyodide_core", name = "PromiseSettler")]
pub(crate) struct Settler {
    resolve: RefCell<Option<Js>>,
    reject: RefCell<Option<Js>>,
}

#[pymethods]
impl Settler {
    /// Settles as a finished future did.
    fn __call__(&self, future: &Bound<'_, PyAny>) -> PyResult<()> {
        match future.call_method0(intern!(future.py(), "result")) {
            Ok(value) => self.resolve(&value),
            Err(error) => self.reject(error.into_value(future.py()).into_bound(future.py()).into_any()),
        }
    }

    /// Fulfils the promise with a translated value.
    fn resolve(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        // SAFETY: the object is alive during the call, whatever its lifetime is named.
        let value = unsafe { Bound::from_borrowed_ptr(python(), value.as_ptr()) };
        self.settle(&self.resolve, convert::to_js(value.as_borrowed()).map_err(Pending::from)?)
    }

    /// Rejects the promise with a Python exception.
    fn reject(&self, error: Bound<'_, PyAny>) -> PyResult<()> {
        PyErr::from_value(error).restore(python());
        let error = errors::python_error().map_err(|pending| PyErr::from(Raised::from(pending)))?;
        self.settle(&self.reject, error)
    }

    /// There is nothing of Python's in it.
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the signature of a traverse")]
    fn __traverse__(&self, _visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        Ok(())
    }
}

/// The values that a settler owns; `None` for other objects.
pub(crate) fn owned_values(object: *mut ffi::PyObject) -> Option<[JSValue; 2]> {
    // SAFETY: `object` is live.
    let object: ObjectRef<'_> = unsafe { Borrowed::from_ptr(python(), object) };
    let settler = object.cast_exact::<Settler>().ok()?.borrow();
    let value = |end: &RefCell<Option<Js>>| end.borrow().as_ref().map_or(js::UNDEFINED, Js::raw);
    Some([value(&settler.resolve), value(&settler.reject)])
}

impl From<Pending> for PyErr {
    fn from(pending: Pending) -> PyErr {
        Raised::from(pending).into()
    }
}

impl Settler {
    fn settle(&self, end: &RefCell<Option<Js>>, value: Js) -> PyResult<()> {
        let function = end.take();
        // A promise settles once; the other end is let go as well.
        drop((self.resolve.take(), self.reject.take()));
        if let Some(function) = function {
            js::call(function.raw(), js::UNDEFINED, &[value.raw()])?;
        }
        Ok(())
    }

    /// A new promise and the object that settles it.
    pub(crate) fn create() -> Result<(Js, Bound<'static, Settler>), Pending> {
        let mut ends = [js::UNDEFINED; 2];
        // SAFETY: the bridge's invariant; the call fills both places.
        let promise = js::check(unsafe { raw::JS_NewPromiseCapability(context(), ends.as_mut_ptr()) })?;
        let [resolve, reject] = ends.map(|end| RefCell::new(Some(Js::own(end))));
        let settler = Bound::new(python(), Settler { resolve, reject }).map_err(Raised::from)?;
        Ok((promise, settler))
    }
}

/// The promise of an awaitable proxy. The first call schedules the awaitable and destroys the proxy.
pub(super) fn ensure(proxy: JSValue) -> JsResult {
    let shared = &of(proxy)?.shared;
    if let Some(promise) = shared.promise.borrow().as_ref() {
        return Ok(promise.clone());
    }
    let promise = of_awaitable(&of(proxy)?.object()?)?;
    shared.promise.replace(Some(promise.clone()));
    shared.destroy(super::DESTROYED.into());
    Ok(promise)
}

/// Schedules an awaitable and gives the promise of its result.
pub(crate) fn of_awaitable(awaitable: &Object) -> JsResult {
    let (promise, settler) = Settler::create()?;
    let scheduled = (|| {
        let asyncio = python().import(intern!(python(), "asyncio"))?;
        let future = asyncio.call_method1(intern!(python(), "ensure_future"), (awaitable,))?;
        future.call_method1(intern!(python(), "add_done_callback"), (settler,))
    })();
    scheduled.map_err(Raised::from)?;
    Ok(promise)
}

/// Calls a function at once, on a stack of its own on which `run_sync` may wait.
pub(super) fn call_promising(
    object: &Object,
    arguments: &[JSValue],
    keywords: Option<Js>,
    relaxed: bool,
) -> JsResult {
    let (promise, settler) = Settler::create()?;
    let (function, arguments, keywords) = call::python_call(object, arguments, keywords, relaxed)?;
    let run = pyo3::wrap_pyfunction!(run_promising, python()).map_err(Raised::from)?;
    let list = [settler.into_any(), function, arguments.into_any(), keywords.into_any()];
    crate::event_loop::begin(python(), run.as_any(), &list).map_err(Raised::from)?;
    Ok(promise)
}

/// What a runner does for a promising call.
#[pyfunction]
fn run_promising(
    settler: &Bound<'_, Settler>,
    function: &Bound<'_, PyAny>,
    arguments: &Bound<'_, PyTuple>,
    keywords: &Bound<'_, PyDict>,
) -> PyResult<()> {
    match function.call(arguments, Some(keywords)) {
        Ok(value) => settler.borrow().resolve(&value),
        Err(error) => {
            settler.borrow().reject(error.into_value(function.py()).into_bound(function.py()).into_any())
        }
    }
}

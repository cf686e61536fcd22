//! What other crates use: the crossing, in the types of PyO3 and of the engine crate.

use hognose_engine::{Thrown, Value};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::api::value_of;
use crate::bridge::{Object, bridge, installed, python};
use crate::convert::{self, deep_to_js, deep_to_python};
use crate::errors::{self, Pending, Raised};
use crate::js::{self, Js};
use crate::jsproxy;

/// Fails on every thread but the first: JavaScript values, unlike their proxies, can be nowhere else.
fn own_thread() -> Result<(), Raised> {
    if bridge().is_own_thread() {
        return Ok(());
    }
    Err(errors::raised::<PyRuntimeError>("JavaScript values belong to the process's first thread"))
}

/// The same object under the lifetime this crate uses.
fn own(object: &Bound<'_, PyAny>) -> Object {
    // SAFETY: the object is live and the GIL is held.
    unsafe { Bound::from_borrowed_ptr(python(), object.as_ptr()) }
}

/// Translates a Python object; what can't be copied becomes a PyProxy.
///
/// # Errors
/// `RuntimeError` on a thread that has no JavaScript; `MemoryError`.
pub fn to_js(_py: Python<'_>, object: &Bound<'_, PyAny>) -> PyResult<Value> {
    own_thread()?;
    Ok(value_of(convert::to_js(own(object).as_borrowed())?))
}

/// Translates a JavaScript value; an object becomes a JsProxy, or the Python object behind it.
///
/// # Errors
/// The error of a PyProxy that was destroyed; `MemoryError`.
pub fn to_python(_py: Python<'_>, value: &Value) -> PyResult<Py<PyAny>> {
    own_thread()?;
    bridge().javascript_ran();
    Ok(convert::to_python(Js::dup(value.as_raw()))?.unbind())
}

/// Whether an object is a JsProxy.
pub fn is_js_proxy(object: &Bound<'_, PyAny>) -> bool {
    jsproxy::owned_values(object.as_ptr()).is_some()
}

/// The Python exception for what JavaScript threw: the original one if it came from Python, else a JsException.
pub fn raise(_py: Python<'_>, thrown: Thrown) -> PyErr {
    errors::raise(Js::own(thrown.0.into_raw())).into()
}

/// The JavaScript error for a Python exception: a `PythonError` with its traceback.
pub fn throw(_py: Python<'_>, error: PyErr) -> Thrown {
    let Pending = Pending::from(Raised::from(error));
    Thrown(value_of(js::take_exception()))
}

/// `pyodide.ffi.to_js` with these keyword arguments.
///
/// # Errors
/// `ConversionError`, and whatever a converter raises.
pub fn convert_to_js(
    _py: Python<'_>,
    object: &Bound<'_, PyAny>,
    options: &Bound<'_, PyDict>,
) -> PyResult<Value> {
    own_thread()?;
    let options = own(options.as_any()).cast_into::<PyDict>()?;
    let options = deep_to_js::Options::from_python(&options)?;
    Ok(value_of(deep_to_js::convert(own(object).as_borrowed(), &options)?))
}

/// `JsProxy.to_py` of a value, to `depth` levels; negative for all.
///
/// # Errors
/// What reading the value's properties throws.
pub fn convert_to_python(_py: Python<'_>, value: &Value, depth: i64) -> PyResult<Py<PyAny>> {
    own_thread()?;
    Ok(deep_to_python::convert(Js::dup(value.as_raw()), depth, None)?.unbind())
}

/// Gives back the Python objects that JavaScript, which may have run, has let go of.
pub(crate) fn flush_released() {
    if let Some(bridge) = installed() {
        bridge.javascript_ran();
    }
}

/// Sets whether JavaScript's `null` arrives in Python as None, as in Pyodide 0.26, where the installed Pyodide has `jsnull`.
pub fn read_null_as_none(as_none: bool) {
    bridge().dialect().null_arrives_as_none.set(as_none);
}

/// Gives back the JavaScript values whose proxies died on other threads, and the Python objects that JavaScript has let go of.
/// The event loop calls this each turn.
pub fn release_dropped() {
    jsproxy::release_dropped_elsewhere();
    flush_released();
}

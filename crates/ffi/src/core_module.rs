//! The module `_pyodide_core`, by whose presence pyodide-py knows that it runs inside a JavaScript engine.

use std::ffi::CString;

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyModule};

use crate::bridge::{Object, bridge, python};
use crate::convert::deep_to_js;
use crate::errors::{Raised, raised};
use crate::js::{self, JSValue};
use crate::jsproxy;
use crate::pyproxy;
use crate::stack;
use crate::threads::{self, on_own_thread};

/// Makes the module.
pub(crate) fn create() -> PyResult<Bound<'static, PyModule>> {
    let module = PyModule::new(python(), "_pyodide_core")?;
    module.add_function(wrap_pyfunction!(create_proxy, &module)?)?;
    module.add_function(wrap_pyfunction!(create_once_callable, &module)?)?;
    module.add_function(wrap_pyfunction!(destroy_proxies, &module)?)?;
    module.add_function(wrap_pyfunction!(to_js, &module)?)?;
    module.add_function(wrap_pyfunction!(run_sync, &module)?)?;
    module.add_function(wrap_pyfunction!(can_run_sync, &module)?)?;
    module.add("JsException", jsproxy::exception_type()?)?;
    module.add("js_flags", jsproxy::types::flags_by_name()?)?;
    copy_documentation(&module)?;
    add_signatures(&module)?;
    Ok(module)
}

/// What `_pyodide.jsbind` makes signatures of.
const SIGNATURE_NAMES: [&str; 12] = [
    "Js2PyConverter",
    "JsFuncSignature",
    "Py2JsConverter",
    "create_promise_converter",
    "js2py_as_py_json",
    "js2py_deep",
    "js2py_default",
    "js2py_default_call_result",
    "py2js_as_js_json",
    "py2js_as_json_adaptor",
    "py2js_deep",
    "py2js_default",
];

fn add_signatures(module: &Bound<'static, PyModule>) -> PyResult<()> {
    let signatures = bridge().signatures();
    signatures.set_item("to_js", &module.getattr("to_js")?)?;
    for name in SIGNATURE_NAMES {
        module.add(name, signatures.get_item(name)?)?;
    }
    Ok(())
}

/// What pyodide-py documents and this module implements.
const DOCUMENTED: [&str; 6] =
    ["can_run_sync", "create_once_callable", "create_proxy", "destroy_proxies", "run_sync", "to_js"];

/// Names and documentation that come from pyodide-py.
fn copy_documentation(module: &Bound<'static, PyModule>) -> PyResult<()> {
    let docs = python().import("_pyodide._core_docs")?;
    for name in ["ConversionError", "InternalError", "JsBigInt", "JsNull", "jsnull"] {
        // Which of them there are is the dialect.
        if let Some(value) = docs.as_any().getattr_opt(name)? {
            module.add(name, value)?;
        }
    }
    let describe = python().import("_pyodide.docstring")?.getattr("get_cmeth_docstring")?;
    for name in DOCUMENTED {
        let text: String = describe.call1((docs.getattr(name)?,))?.extract()?;
        module.add(name, with_documentation(&module.getattr(name)?, &text)?)?;
    }
    Ok(())
}

/// The same built-in function under another docstring, which CPython reads the signature from too.
fn with_documentation(function: &Bound<'static, PyAny>, text: &str) -> PyResult<Bound<'static, PyAny>> {
    let text = CString::new(text)?.into_raw();
    let pointer = function.cast::<PyCFunction>()?.as_ptr().cast::<ffi::PyCFunctionObject>();
    // SAFETY: the function is a live built-in one, whose definition is copied. The copy and its text are never freed, as
    // CPython keeps pointers to them; the new function takes references of its own.
    unsafe {
        let definition = Box::leak(Box::new(*(*pointer).m_ml));
        definition.ml_doc = text;
        let made = ffi::PyCFunction_NewEx(definition, (*pointer).m_self, (*pointer).m_module);
        Bound::from_owned_ptr_or_err(python(), made)
    }
}

/// The same object under the lifetime this crate uses.
fn own(object: &Bound<'_, PyAny>) -> Object {
    // SAFETY: the object is live and the GIL is held.
    unsafe { Bound::from_borrowed_ptr(python(), object.as_ptr()) }
}

type Answer = PyResult<Py<PyAny>>;

fn answer(result: Result<Object, Raised>) -> Answer {
    result.map(Bound::unbind).map_err(PyErr::from)
}

#[pyfunction]
#[pyo3(signature = (obj, /, *, capture_this=false, roundtrip=true))]
fn create_proxy(obj: &Bound<'_, PyAny>, capture_this: bool, roundtrip: bool) -> Answer {
    answer(on_own_thread(|| pyproxy::double_proxy(own(obj).as_borrowed(), capture_this, roundtrip)))
}

#[pyfunction]
#[pyo3(signature = (obj, /, **options))]
fn create_once_callable(obj: &Bound<'_, PyAny>, options: Option<&Bound<'_, PyDict>>) -> Answer {
    // What pyodide-py's WebLoop asks for: the callback may use `run_sync`.
    let promising = match options.map(|options| options.get_item("_may_syncify")).transpose()?.flatten() {
        Some(wanted) => wanted.is_truthy()?,
        None => false,
    };
    answer(on_own_thread(|| pyproxy::once_callable(own(obj).as_borrowed(), promising)))
}

#[pyfunction]
#[pyo3(signature = (pyproxies, /))]
fn destroy_proxies(pyproxies: &Bound<'_, PyAny>) -> PyResult<()> {
    let Some(list) = jsproxy::value_of(pyproxies.as_ptr()) else {
        return Err(PyTypeError::new_err("Expected a JsProxy for the argument"));
    };
    Ok(on_own_thread(|| destroy_all(list))?)
}

fn destroy_all(list: JSValue) -> Result<(), Raised> {
    if !js::is_array(list) {
        return Err(raised::<PyTypeError>("Expected a Js Array for the pyproxies argument"));
    }
    for index in 0..js::length(list)? as u32 {
        let proxy = js::get_index(list, index)?;
        if !pyproxy::is_pyproxy(proxy.raw()) {
            return Err(raised::<PyTypeError>("Expected a PyProxy in the list"));
        }
        pyproxy::destroy(proxy.raw());
    }
    Ok(())
}

#[pyfunction]
#[pyo3(signature = (obj, /, **options))]
fn to_js(obj: &Bound<'_, PyAny>, options: Option<&Bound<'_, PyDict>>) -> Answer {
    let object = own(obj);
    answer(on_own_thread(|| {
        if deep_to_js::is_unchanged(object.as_borrowed())? {
            return Ok(object.clone());
        }
        let options = options.map_or_else(
            || PyDict::new(python()),
            |options| own(options).cast_into().expect("invariant: keyword arguments are a dict"),
        );
        let options = deep_to_js::Options::from_python(&options)?;
        let converted = deep_to_js::convert(object.as_borrowed(), &options);
        deep_to_js::result_to_python(converted.map_err(deep_to_js::as_conversion_error)?)
    }))
}

#[pyfunction]
#[pyo3(signature = (x, /))]
fn run_sync(x: &Bound<'_, PyAny>) -> Answer {
    if bridge().is_own_thread() {
        stack::run_sync(x.py(), x).map(Bound::unbind)
    } else {
        answer(threads::run_sync(&own(x)))
    }
}

/// Another thread may always wait; nothing of the first's is put aside for it.
#[pyfunction]
fn can_run_sync() -> bool {
    stack::can_run_sync() || !bridge().is_own_thread()
}

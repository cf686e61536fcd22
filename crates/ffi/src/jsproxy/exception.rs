//! JsException: the proxies of JavaScript errors, which are Python exceptions too.

use std::ffi::c_int;
use std::ptr::null_mut;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::{create_with_features, features, give, slot_value, types};
use crate::bridge::{Object, bridge, python};
use crate::convert::{self, strings};
use crate::errors::Raised;
use crate::js::{self, Js};
use crate::threads::on_own_thread;

/// The type `pyodide.ffi.JsException`, from which the proxies of all errors derive.
pub(crate) fn exception_type() -> Result<Object, Raised> {
    // SAFETY: the cache keeps the type alive.
    Ok(unsafe { Bound::from_borrowed_ptr(python(), types::with_features(features::IS_ERROR)?.cast()) })
}

/// `args` of an exception: the error as an ordinary proxy.
pub(super) fn arguments(error: &Js, flags: u32) -> Result<Object, Raised> {
    let proxy = create_with_features(error.clone(), js::UNDEFINED, flags & !features::IS_ERROR)?;
    Ok(PyTuple::new(python(), [proxy])?.into_any())
}

/// `tp_new`: `JsException(name, message, stack)` makes the JavaScript error of that name.
pub(super) unsafe extern "C" fn new(
    _class: *mut ffi::PyTypeObject,
    arguments: *mut ffi::PyObject,
    keywords: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython passes a tuple, and a dictionary or null.
    let (arguments, keywords) = unsafe {
        (Bound::from_borrowed_ptr(python(), arguments), Bound::from_borrowed_ptr_or_opt(python(), keywords))
    };
    give(make(&arguments, keywords.as_ref()))
}

fn make(arguments: &Object, keywords: Option<&Object>) -> Result<Object, Raised> {
    let parse = bridge().mixins().get_item("exception_arguments")?;
    let keywords = keywords.map(|keywords| keywords.cast()).transpose()?;
    let parsed = parse.call(arguments.cast::<PyTuple>()?, keywords)?;
    on_own_thread(|| {
        let mut fields = Vec::new();
        for field in parsed.try_iter()? {
            fields.push(strings::to_js(field?.as_borrowed())?);
        }
        let fields: Vec<_> = fields.iter().map(Js::raw).collect();
        convert::to_python(js::call(bridge().prelude().make_error.raw(), js::UNDEFINED, &fields)?)
    })
}

/// `tp_init`: everything was done by `new`.
pub(super) unsafe extern "C" fn initialize(
    _object: *mut ffi::PyObject,
    _arguments: *mut ffi::PyObject,
    _keywords: *mut ffi::PyObject,
) -> c_int {
    0
}

/// `tp_str`: `name: message`, or the name alone.
pub(super) unsafe extern "C" fn text(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: CPython passes a live proxy.
    give(unsafe { slot_value(object) }.with(|value| {
        let keys = &bridge().keys;
        let name = js::text(js::get(value, &keys.name)?.raw());
        let message = strings::to_python(js::to_js_string(js::get(value, &keys.message)?.raw())?.raw())?;
        if !message.is_truthy()? {
            return Ok(PyString::new(python(), &name).into_any());
        }
        Ok(PyString::new(python(), &format!("{name}: ")).add(message)?)
    }))
}

/// The getter of `js_error`: the exception itself, for code written for older versions of Pyodide.
pub(super) unsafe extern "C" fn js_error(
    object: *mut ffi::PyObject,
    _closure: *mut std::ffi::c_void,
) -> *mut ffi::PyObject {
    if object.is_null() {
        return null_mut();
    }
    // SAFETY: CPython passes a live proxy.
    unsafe { ffi::Py_NewRef(object) }
}

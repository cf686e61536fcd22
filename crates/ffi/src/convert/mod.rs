//! Values crossing the border: *translation*, which is implicit and shallow, and explicit deep conversion.
//!
//! Translation happens on every call and attribute access. Immutable values (None, booleans, numbers, strings) are
//! copied; everything else is wrapped in a proxy, and a proxy that goes back home is unwrapped.

pub(crate) mod buffers;
mod by_address;
pub(crate) mod deep_to_js;
pub(crate) mod deep_to_python;
pub(crate) mod numbers;
pub(crate) mod pairs;
pub(crate) mod strings;
pub(crate) mod text_state;

use hognose_engine::raw;
use pyo3::exceptions::PyRecursionError;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::bridge::{Object, ObjectRef, bridge, python};
use crate::errors::{Raised, raised};
use crate::js::{self, JSValue, Js};
use crate::jsproxy;
use crate::pyproxy;

/// Translates a Python object; what can't be copied becomes a new PyProxy.
pub(crate) fn to_js(object: ObjectRef<'_>) -> Result<Js, Raised> {
    match immutable_to_js(object)? {
        Some(value) => Ok(value),
        None => pyproxy::create(object),
    }
}

/// Translates what needs no new proxy; `None` for the rest.
#[inline]
pub(crate) fn immutable_to_js(object: ObjectRef<'_>) -> Result<Option<Js>, Raised> {
    let pointer = object.as_ptr();
    // SAFETY: compares and reads the type of a live object.
    unsafe {
        let class = ffi::Py_TYPE(pointer);
        if class == &raw mut ffi::PyLong_Type {
            return numbers::int_to_js(object).map(Some);
        }
        if class == &raw mut ffi::PyUnicode_Type {
            return strings::to_js(object).map(Some);
        }
        if pointer == ffi::Py_None() {
            return Ok(Some(Js::UNDEFINED));
        }
        if class == &raw mut ffi::PyFloat_Type {
            return Ok(Some(Js::number(ffi::PyFloat_AS_DOUBLE(pointer))));
        }
        if let Some(value) = jsproxy::value_of(pointer) {
            return Ok(Some(Js::dup(value)));
        }
    }
    rare_immutable_to_js(object)
}

/// Booleans, `jsnull`, `JsBigInt`, and instances of subclasses of `int`, `float` and `str`.
fn rare_immutable_to_js(object: ObjectRef<'_>) -> Result<Option<Js>, Raised> {
    let pointer = object.as_ptr();
    // SAFETY: compares identities and reads flags of a live object.
    unsafe {
        if pointer == ffi::Py_True() {
            return Ok(Some(Js::boolean(true)));
        }
        if pointer == ffi::Py_False() {
            return Ok(Some(Js::boolean(false)));
        }
        if pointer == bridge().null() {
            return Ok(Some(Js::NULL));
        }
        if let Some(class) = &bridge().dialect().big_int
            && object.is_instance(class)?
        {
            return numbers::int_to_big_int(object).map(Some);
        }
        if ffi::PyLong_Check(pointer) != 0 {
            return numbers::int_to_js(object).map(Some);
        }
        if ffi::PyFloat_Check(pointer) != 0 {
            return Ok(Some(Js::number(ffi::PyFloat_AS_DOUBLE(pointer))));
        }
        if ffi::PyUnicode_Check(pointer) != 0 {
            return strings::to_js(object).map(Some);
        }
    }
    Ok(None)
}

/// `RecursionError` if a structure goes deeper than the stack reaches. CPython's own count of calls knows nothing of the size
/// of their frames.
fn check_depth(target: &str) -> Result<(), Raised> {
    if js::check_stack().is_ok() {
        return Ok(());
    }
    js::discard_exception();
    Err(raised::<PyRecursionError>(format!("maximum recursion depth exceeded while converting to {target}")))
}

/// Translates a JavaScript value.
pub(crate) fn to_python(value: Js) -> Result<Object, Raised> {
    to_python_bound(value, js::UNDEFINED)
}

/// Translates a JavaScript value that somebody else owns.
#[inline]
pub(crate) fn borrowed_to_python(value: JSValue) -> Result<Object, Raised> {
    if js::is_object(value) { to_python(Js::dup(value)) } else { primitive_to_python(value) }
}

/// Translates a property's value; a function is bound to the object it was read from.
#[inline]
pub(crate) fn to_python_bound(value: Js, this: JSValue) -> Result<Object, Raised> {
    if !js::is_object(value.raw()) {
        return primitive_to_python(value.raw());
    }
    match pyproxy::unwrap(value.raw())? {
        Some(object) => Ok(object),
        None => jsproxy::create(value, this),
    }
}

/// Translates a value that is no object. A symbol becomes a proxy too: Python has nothing like it.
#[inline]
pub(crate) fn primitive_to_python(value: JSValue) -> Result<Object, Raised> {
    if js::tag(value) == raw::JS_TAG_INT {
        // SAFETY: the tag says so.
        return Ok(numbers::integer_to_python(unsafe { raw::JS_VALUE_GET_INT(value) }));
    }
    other_primitive_to_python(value)
}

fn other_primitive_to_python(value: JSValue) -> Result<Object, Raised> {
    // SAFETY: the tag says which part of the value is meaningful; the singletons are immortal.
    unsafe {
        match js::tag(value) {
            raw::JS_TAG_UNDEFINED => Ok(python().None().into_bound(python())),
            raw::JS_TAG_NULL => Ok(Bound::from_borrowed_ptr(python(), bridge().arriving_null())),
            raw::JS_TAG_BOOL => {
                let truth = raw::JS_VALUE_GET_BOOL(value);
                Ok(Bound::from_borrowed_ptr(python(), if truth { ffi::Py_True() } else { ffi::Py_False() }))
            }
            raw::JS_TAG_STRING | raw::JS_TAG_STRING_ROPE => strings::to_python(value),
            raw::JS_TAG_BIG_INT | raw::JS_TAG_SHORT_BIG_INT => numbers::big_int_to_python(value),
            raw::JS_TAG_SYMBOL => jsproxy::create(Js::dup(value), js::UNDEFINED),
            _ => Ok(numbers::number_to_python(raw::JS_VALUE_GET_FLOAT64(value))),
        }
    }
}

//! Containers by `get`, `set`, `has` and a length: Map, URLSearchParams, FormData and the like.

use std::ffi::c_int;

use hognose_engine::layout::{self, class};
use pyo3::exceptions::{PyKeyError, PyOverflowError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;

use super::{give, give_status, give_truth, slot_value};
use crate::bridge::{ObjectRef, bridge, python};
use crate::convert;
use crate::errors::{Raised, raised};
use crate::js::{self, JSValue};

/// `mp_length`: `size` if it is a number, else `length`. An array has a length, and no size unless somebody gave it one, which
/// is not looked for.
pub(super) unsafe extern "C" fn length(object: *mut ffi::PyObject) -> ffi::Py_ssize_t {
    // SAFETY: CPython passes a live proxy.
    unsafe { slot_value(object) }.with(measure).unwrap_or(-1)
}

#[inline]
pub(super) fn measure(value: JSValue) -> Result<ffi::Py_ssize_t, Raised> {
    match js::class_of(value) {
        class::ARRAY => check_length(js::length(value)? as f64),
        class::MAP | class::SET if has_size_of_its_class(value) => {
            // SAFETY: a Map or a Set, which the caller keeps alive.
            Ok(unsafe { layout::entry_count(value) } as ffi::Py_ssize_t)
        }
        _ => measure_by_property(value),
    }
}

/// Whether asking a Map or a Set for its size runs what the language gave them, which counts the entries.
fn has_size_of_its_class(value: JSValue) -> bool {
    let (prelude, size) = (bridge().prelude(), &bridge().keys.size);
    let getters = [&prelude.map_size, &prelude.set_size];
    let getter = getters[usize::from(js::class_of(value) == class::SET)];
    // SAFETY: a live object and a live atom.
    let found = unsafe { layout::find_getter(value, size.raw()) };
    found.is_some_and(|found| found.addr() == js::address(getter.raw()))
}

fn measure_by_property(value: JSValue) -> Result<ffi::Py_ssize_t, Raised> {
    let keys = &bridge().keys;
    for key in [&keys.size, &keys.length] {
        if let Some(length) = js::as_number(&js::get(value, key)?) {
            return check_length(length);
        }
    }
    Err(raised::<PyTypeError>("object does not have a valid length"))
}

fn check_length(length: f64) -> Result<ffi::Py_ssize_t, Raised> {
    if length < 0.0 {
        return Err(raised::<PyValueError>(format!("length {length} of object is negative")));
    }
    if length > f64::from(c_int::MAX) {
        let message = format!("length {length} of object is larger than INT_MAX ({})", c_int::MAX);
        return Err(raised::<PyOverflowError>(message));
    }
    Ok(length as ffi::Py_ssize_t)
}

/// `mp_subscript`: `x.get(key)`.
pub(super) unsafe extern "C" fn get(
    object: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython passes a live proxy and a live key.
    unsafe {
        let key: ObjectRef<'_> = Borrowed::from_ptr(python(), key);
        give(slot_value(object).with(|value| get_item(value, key)))
    }
}

fn get_item(value: JSValue, key: ObjectRef<'_>) -> Result<crate::bridge::Object, Raised> {
    let keys = &bridge().keys;
    let key_value = convert::to_js(key)?;
    let found = js::invoke(value, &keys.get, &[key_value.raw()])?;
    if js::is_undefined(found.raw())
        && super::features::has_method(value, &keys.has)
        && !js::truth(js::invoke(value, &keys.has, &[key_value.raw()])?.raw())?
    {
        return Err(missing_key(key));
    }
    convert::to_python(found)
}

/// Raises `KeyError(key)`.
#[cold]
pub(super) fn missing_key(key: ObjectRef<'_>) -> Raised {
    PyErr::new::<PyKeyError, _>((key.to_owned().unbind(),)).into()
}

/// `mp_ass_subscript`: `x.set(key, value)`, or `x.delete(key)`.
pub(super) unsafe extern "C" fn set(
    object: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> c_int {
    // SAFETY: CPython passes a live proxy, a live key, and a live value or null.
    unsafe {
        let key: ObjectRef<'_> = Borrowed::from_ptr(python(), key);
        let value = (!value.is_null()).then(|| Borrowed::from_ptr(python(), value));
        give_status(slot_value(object).with(|target| set_item(target, key, value)))
    }
}

fn set_item(target: JSValue, key: ObjectRef<'_>, value: Option<ObjectRef<'_>>) -> Result<(), Raised> {
    let keys = &bridge().keys;
    let key_value = convert::to_js(key)?;
    if let Some(value) = value {
        let value = convert::to_js(value)?;
        return Ok(js::invoke(target, &keys.set, &[key_value.raw(), value.raw()]).map(drop)?);
    }
    let deleted = js::invoke(target, &keys.delete, &[key_value.raw()])?;
    if js::truth(deleted.raw())? { Ok(()) } else { Err(missing_key(key)) }
}

/// `sq_contains` by `has`.
pub(super) unsafe extern "C" fn has(object: *mut ffi::PyObject, key: *mut ffi::PyObject) -> c_int {
    // SAFETY: CPython passes a live proxy and a live key.
    unsafe { contains(object, key, &bridge().keys.has) }
}

/// `sq_contains` by `includes`.
pub(super) unsafe extern "C" fn includes(object: *mut ffi::PyObject, key: *mut ffi::PyObject) -> c_int {
    // SAFETY: as in `has`.
    unsafe { contains(object, key, &bridge().keys.includes) }
}

/// # Safety
/// `object` is a live proxy and `key` a live object.
unsafe fn contains(
    object: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
    method: &crate::atoms::Atom,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let key: ObjectRef<'_> = Borrowed::from_ptr(python(), key);
        give_truth(slot_value(object).with(|value| {
            let key = convert::to_js(key)?;
            Ok(js::truth(js::invoke(value, method, &[key.raw()])?.raw())?)
        }))
    }
}

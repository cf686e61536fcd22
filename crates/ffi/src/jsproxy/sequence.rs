//! Arrays, array-likes and typed arrays by index. Slices are rarer and live in the Python mixins.

use std::ffi::c_int;

use pyo3::exceptions::{PyIndexError, PyNotImplementedError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;

use super::{give, give_status, mapping, slot_value};
use crate::bridge::{Object, ObjectRef, bridge, python};
use crate::convert;
use crate::errors::{Raised, raised};
use crate::js::{self, JSValue};

/// `mp_subscript` of arrays and array-likes.
pub(super) unsafe extern "C" fn get(
    object: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython passes a live proxy and a live key.
    unsafe {
        if let Some(item) = plain_item(object, key) {
            return give(item);
        }
        if ffi::PySlice_Check(key) != 0 {
            return give(mixin("get_slice", &[object, key]));
        }
        let key: ObjectRef<'_> = Borrowed::from_ptr(python(), key);
        give(slot_value(object).with(|value| {
            let index = index_of(value, key)?;
            item(value, index)
        }))
    }
}

/// The element of an array that is there, without a detour.
///
/// # Safety
/// `object` is a live proxy, `key` a live object.
#[inline]
unsafe fn plain_item(object: *mut ffi::PyObject, key: *mut ffi::PyObject) -> Option<Result<Object, Raised>> {
    // SAFETY: the caller's promise; an `int` that is too large leaves an error.
    let index = unsafe {
        if ffi::PyLong_CheckExact(key) == 0 || !bridge().is_own_thread() {
            return None;
        }
        ffi::PyLong_AsSsize_t(key)
    };
    if index == -1 {
        // SAFETY: attached. Whoever asks next finds out whether there was one.
        unsafe { ffi::PyErr_Clear() };
    }
    // SAFETY: the caller's promise.
    let elements = js::elements(unsafe { slot_value(object) }.0)?;
    let &found = elements.get(usize::try_from(index).ok()?)?;
    Some(convert::borrowed_to_python(found))
}

/// `mp_subscript` of typed arrays, which have no slices of their own.
pub(super) unsafe extern "C" fn get_typed(
    object: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython passes a live proxy and a live key.
    unsafe {
        if ffi::PySlice_Check(key) != 0 {
            return give(Err(raised::<PyNotImplementedError>(
                "Slice subscripting isn't implemented for typed arrays",
            )));
        }
        get(object, key)
    }
}

/// `mp_ass_subscript` of arrays.
pub(super) unsafe extern "C" fn set(
    object: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> c_int {
    // SAFETY: CPython passes a live proxy, a live key, and a live value or null.
    unsafe {
        if ffi::PySlice_Check(key) != 0 {
            let done = if value.is_null() {
                mixin("delete_slice", &[object, key])
            } else {
                mixin("set_slice", &[object, key, value])
            };
            return give_status(done.map(drop));
        }
        let key: ObjectRef<'_> = Borrowed::from_ptr(python(), key);
        let value = (!value.is_null()).then(|| Borrowed::from_ptr(python(), value));
        give_status(slot_value(object).with(|target| {
            let index = index_of(target, key)?;
            set_at(target, index, value)
        }))
    }
}

/// `mp_ass_subscript` of typed arrays, whose length is fixed.
pub(super) unsafe extern "C" fn set_typed(
    object: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> c_int {
    // SAFETY: CPython passes a live proxy, a live key, and a live value or null.
    unsafe {
        let refused = if ffi::PySlice_Check(key) != 0 {
            raised::<PyNotImplementedError>("Slice assignment isn't implemented for typed arrays")
        } else if value.is_null() {
            raised::<PyTypeError>("object doesn't support item deletion")
        } else {
            return set(object, key, value);
        };
        give_status(Err(refused))
    }
}

/// `sq_item`, for C code that counts up until an IndexError.
pub(super) unsafe extern "C" fn get_at(
    object: *mut ffi::PyObject,
    index: ffi::Py_ssize_t,
) -> *mut ffi::PyObject {
    // SAFETY: CPython passes a live proxy.
    give(unsafe { slot_value(object) }.with(|value| item(value, u32::try_from(index).unwrap_or(u32::MAX))))
}

/// `sq_concat`
pub(super) unsafe extern "C" fn concatenate(
    object: *mut ffi::PyObject,
    other: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython passes two live objects.
    give(unsafe { mixin("concatenate", &[object, other]) })
}

/// `sq_repeat`
pub(super) unsafe extern "C" fn repeat(
    object: *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
) -> *mut ffi::PyObject {
    let count = crate::convert::numbers::number_to_python(count as f64);
    // SAFETY: CPython passes a live proxy.
    give(unsafe { mixin("repeat", &[object, count.as_ptr()]) })
}

/// `sq_ass_item`, for C code that counts.
pub(super) unsafe extern "C" fn set_item_at(
    object: *mut ffi::PyObject,
    index: ffi::Py_ssize_t,
    value: *mut ffi::PyObject,
) -> c_int {
    // SAFETY: CPython passes a live proxy, and a live value or null.
    unsafe {
        let value = (!value.is_null()).then(|| Borrowed::from_ptr(python(), value));
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        give_status(slot_value(object).with(|target| {
            if value.is_none() && !js::is_array(target) {
                return Err(raised::<PyTypeError>("object doesn't support item deletion"));
            }
            set_at(target, index, value)
        }))
    }
}

/// # Safety
/// All pointers are live objects.
unsafe fn mixin(name: &str, arguments: &[*mut ffi::PyObject]) -> Result<Object, Raised> {
    // SAFETY: the caller's promise.
    let arguments = arguments.iter().map(|&argument| unsafe { Bound::from_borrowed_ptr(python(), argument) });
    let arguments = pyo3::types::PyTuple::new(python(), arguments.collect::<Vec<_>>())?;
    Ok(bridge().mixins().get_item(name)?.call1(arguments)?)
}

fn item(value: JSValue, index: u32) -> Result<Object, Raised> {
    let found = js::get_index(value, index)?;
    if js::is_undefined(found.raw()) && !js::has(value, &crate::atoms::Atom::from_index(index))? {
        return Err(out_of_range(index));
    }
    convert::to_python(found)
}

fn set_at(target: JSValue, index: u32, value: Option<ObjectRef<'_>>) -> Result<(), Raised> {
    if i64::from(index) >= length(target)? {
        return Err(raised::<PyIndexError>("list assignment index out of range"));
    }
    if let Some(value) = value {
        return Ok(js::set_index(target, index, convert::to_js(value)?)?);
    }
    let (index, one) = (js::Js::number(index.into()), js::Js::integer(1));
    let splice = bridge().prelude().splice.raw();
    Ok(js::call(splice, js::UNDEFINED, &[target, index.raw(), one.raw()]).map(drop)?)
}

fn length(value: JSValue) -> Result<i64, Raised> {
    Ok(mapping::measure(value)? as i64)
}

/// A Python index as a JavaScript one: negative ones count from the end.
fn index_of(value: JSValue, key: ObjectRef<'_>) -> Result<u32, Raised> {
    let index = whole_number(key)?;
    let index = if index < 0 { index as i64 + length(value)? } else { index as i64 };
    u32::try_from(index).map_err(|_| raised::<PyIndexError>("list index out of range"))
}

/// What Python takes an index for.
#[inline]
fn whole_number(key: ObjectRef<'_>) -> Result<ffi::Py_ssize_t, Raised> {
    // SAFETY: `key` is live; the conversion of an `int` fails with -1 and the indicator set.
    let index = unsafe {
        if ffi::PyLong_CheckExact(key.as_ptr()) != 0 { ffi::PyLong_AsSsize_t(key.as_ptr()) } else { -1 }
    };
    if index == -1 { any_whole_number(key) } else { Ok(index) }
}

/// -1 and what is no `int` of that size.
fn any_whole_number(key: ObjectRef<'_>) -> Result<ffi::Py_ssize_t, Raised> {
    // SAFETY: `key` is live; the number protocol is CPython's own.
    let index = unsafe {
        ffi::PyErr_Clear();
        if ffi::PyIndex_Check(key.as_ptr()) == 0 {
            let class = key.get_type().name().map(|name| name.to_string()).unwrap_or_default();
            let message = format!("list indices must be integers or slices, not {class}");
            return Err(raised::<PyTypeError>(message));
        }
        ffi::PyNumber_AsSsize_t(key.as_ptr(), ffi::PyExc_IndexError)
    };
    // SAFETY: asks for the error indicator.
    if index == -1 && !unsafe { ffi::PyErr_Occurred() }.is_null() {
        return Err(Raised);
    }
    Ok(index)
}

#[cold]
fn out_of_range(index: u32) -> Raised {
    PyErr::new::<PyIndexError, _>((index,)).into()
}

//! Iteration: JavaScript's iterators and generators as Python's.

use std::ptr::null_mut;

use pyo3::exceptions::{PyStopIteration, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;

use super::{give, slot_value};
use crate::bridge::{Object, bridge, python};
use crate::convert;
use crate::errors::{Raised, raised};
use crate::js::{self, JSValue, Js};
use crate::pyproxy;
use crate::threads::Crossing;

/// `tp_iter` of an iterable: `x[Symbol.iterator]()`.
pub(super) unsafe extern "C" fn iterate(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: CPython passes a live proxy.
    give(unsafe { slot_value(object) }.with(|value| {
        if js::is_array(value) && iterates_as_arrays_do(value)? {
            // SAFETY: as above.
            let array = unsafe { Bound::from_borrowed_ptr(python(), object) };
            let iterator = ArrayIterator { array: Some(array.unbind()), index: 0 };
            return Ok(Bound::new(python(), iterator)?.into_any());
        }
        convert::to_python(js::invoke(value, &bridge().keys.iterator, &[])?)
    }))
}

/// Whether nobody changed what iterating over this array does.
fn iterates_as_arrays_do(array: JSValue) -> Result<bool, Raised> {
    let (keys, prelude) = (&bridge().keys, bridge().prelude());
    let method = js::get(array, &keys.iterator)?;
    if !js::strictly_equal(method.raw(), prelude.array_values.raw()) {
        return Ok(false);
    }
    let next = js::get(prelude.array_iterator.raw(), &keys.next)?;
    Ok(js::strictly_equal(next.raw(), prelude.array_iterator_next.raw()))
}

/// What JavaScript's own iterator over an array gives, without a call and a `{done, value}` for each element.
#[pyclass(module = "_pyodide_core", name = "ArrayIterator")]
struct ArrayIterator {
    /// The proxy of the array, until its end.
    array: Option<Py<PyAny>>,
    index: u32,
}

#[pymethods]
impl ArrayIterator {
    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__(&mut self) -> PyResult<Option<Py<PyAny>>> {
        let Some(array) = &self.array else { return Ok(None) };
        let index = self.index;
        if bridge().is_own_thread() {
            // SAFETY: the proxy is alive.
            let elements = js::elements(unsafe { slot_value(array.as_ptr()) }.0);
            if let Some(&found) = elements.and_then(|elements| elements.get(index as usize)) {
                self.index += 1;
                return Ok(Some(convert::borrowed_to_python(found)?.unbind()));
            }
        }
        // SAFETY: only the proxies of arrays are iterated over in this way, and the proxy is alive.
        let item = unsafe { slot_value(array.as_ptr()) }.with(|value| {
            let found = js::get_index(value, index)?;
            // What is there is not beyond the end, so the length is asked for at holes and at the end only.
            let is_over = js::is_undefined(found.raw()) && i64::from(index) >= js::length(value)?;
            if is_over { Ok(None) } else { convert::to_python(found).map(Some) }
        })?;
        self.index += 1;
        if item.is_none() {
            self.array = None;
        }
        Ok(item.map(Bound::unbind))
    }

    fn __traverse__(&self, visit: pyo3::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        self.array.iter().try_for_each(|array| visit.call(array))
    }

    fn __clear__(&mut self) {
        self.array = None;
    }
}

/// `tp_iter` of a mapping: over its keys, as Python expects.
pub(super) unsafe extern "C" fn iterate_keys(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: CPython passes a live proxy.
    give(unsafe { slot_value(object) }.with(|value| {
        let keys = &bridge().keys;
        let has_keys = super::features::has_method(value, &keys.keys);
        let method = if has_keys { &keys.keys } else { &keys.iterator };
        convert::to_python(js::invoke(value, method, &[])?)
    }))
}

/// `am_aiter` of an asynchronous iterable: `x[Symbol.asyncIterator]()`.
pub(super) unsafe extern "C" fn iterate_async(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: CPython passes a live proxy.
    give(
        unsafe { slot_value(object) }
            .with(|value| convert::to_python(js::invoke(value, &bridge().keys.async_iterator, &[])?)),
    )
}

/// What one step of an iterator gave.
pub(super) enum Step {
    Yielded(Object),
    Returned(Object),
}

impl Crossing for Step {}

/// `tp_iternext`
pub(super) unsafe extern "C" fn next(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: CPython passes a live proxy.
    match unsafe { slot_value(object) }.with(|value| send(value, js::UNDEFINED)) {
        Ok(Step::Yielded(value)) => value.into_ptr(),
        // No exception at all means the end; a value needs one to travel in.
        Ok(Step::Returned(value)) if value.is_none() => null_mut(),
        Ok(Step::Returned(value)) => {
            PyErr::new::<PyStopIteration, _>((value.unbind(),)).restore(python());
            null_mut()
        }
        Err(Raised) => null_mut(),
    }
}

/// `am_send`
pub(super) unsafe extern "C" fn am_send(
    object: *mut ffi::PyObject,
    argument: *mut ffi::PyObject,
    result: *mut *mut ffi::PyObject,
) -> ffi::PySendResult {
    // SAFETY: CPython passes a live proxy, a live object, and a place for the result.
    unsafe {
        let sent = slot_value(object)
            .with(|value| send(value, convert::to_js(Borrowed::from_ptr(python(), argument))?.raw()));
        let (kind, value) = match sent {
            Ok(Step::Yielded(value)) => (ffi::PySendResult::PYGEN_NEXT, value.into_ptr()),
            Ok(Step::Returned(value)) => (ffi::PySendResult::PYGEN_RETURN, value.into_ptr()),
            Err(Raised) => (ffi::PySendResult::PYGEN_ERROR, null_mut()),
        };
        *result = value;
        kind
    }
}

/// `x.next(argument)`
pub(super) fn send(iterator: JSValue, argument: JSValue) -> Result<Step, Raised> {
    let result = js::invoke(iterator, &bridge().keys.next, &[argument])?;
    step_of(&result)
}

/// Reads a `{done, value}`.
pub(super) fn step_of(result: &Js) -> Result<Step, Raised> {
    let keys = &bridge().keys;
    if !js::is_object(result.raw()) || js::is_function(result.raw()) {
        let found = js::call(bridge().prelude().type_of.raw(), js::UNDEFINED, &[result.raw()])?;
        let message = format!("Result should have type \"object\" not \"{}\"", js::text(found.raw()));
        return Err(raised::<PyTypeError>(message));
    }
    let done = js::get(result.raw(), &keys.done)?;
    if js::is_undefined(done.raw()) {
        let is_promise = super::features::has_method(result.raw(), &keys.then);
        return Err(raised::<PyTypeError>(if is_promise {
            "Result was a promise, use anext() / asend() / athrow() instead."
        } else {
            "Result has no \"done\" field."
        }));
    }
    let given = js::get(result.raw(), &keys.value)?;
    let value = convert::to_python(Js::dup(given.raw()))?;
    // A proxy of Python's was only how the value travelled, as with what a function returns.
    pyproxy::destroy_borrowed(given.raw());
    Ok(if js::truth(done.raw())? { Step::Returned(value) } else { Step::Yielded(value) })
}

/// `am_anext`: a future of the next value, which fails with StopAsyncIteration at the end.
pub(super) unsafe extern "C" fn next_async(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: CPython passes a live proxy.
    give(unsafe { slot_value(object) }.with(|value| send_async(value, js::UNDEFINED)))
}

/// A future of what `x.next(argument)` promises.
pub(super) fn send_async(iterator: JSValue, argument: JSValue) -> Result<Object, Raised> {
    let promise = js::invoke(iterator, &bridge().keys.next, &[argument])?;
    super::awaitable::future_of_step(&promise, false)
}

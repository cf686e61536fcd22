//! A JavaScript object that holds a Python object and has no behaviour, for the closures of native functions.

use std::ffi::c_void;

use hognose_engine::raw;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::bridge::{Object, bridge, python};
use crate::errors::Raised;
use crate::js::{self, JSValue, Js, context};

/// Wraps a Python object.
pub(crate) fn create(object: &Object) -> Result<Js, Raised> {
    // SAFETY: the bridge's invariant; the handle owns a reference until its finalizer runs.
    unsafe {
        let handle = js::check(raw::JS_NewObjectClass(context(), bridge().classes().handle))?;
        raw::JS_SetOpaque(handle.raw(), object.clone().into_ptr().cast::<c_void>());
        Ok(handle)
    }
}

/// The Python object of a handle.
pub(crate) fn get(handle: JSValue) -> Object {
    // SAFETY: only handles are passed here, and a handle owns a reference.
    unsafe {
        let object = raw::JS_GetOpaque(handle, bridge().classes().handle);
        Bound::from_borrowed_ptr(python(), object.cast())
    }
}

/// The finalizer of the class.
pub(super) unsafe extern "C" fn finalize(_runtime: *mut raw::JSRuntime, handle: JSValue) {
    let mut class = 0;
    // SAFETY: QuickJS finalizes each handle once; JavaScript only runs while the GIL is held.
    unsafe { ffi::Py_XDECREF(raw::JS_GetAnyOpaque(handle, &raw mut class).cast()) };
}

//! JsProxy: a JavaScript object as Python sees it.
//!
//! A proxy owns one reference to its JavaScript value. Which operations it has depends on what the value can do, so there
//! is one Python type per set of [features](features), made when first needed ([`types`]). All those types share one
//! memory layout, which begins like an exception's, because a proxy of a JavaScript error is also a Python exception.

mod attributes;
mod awaitable;
mod call;
mod exception;
pub(crate) mod features;
mod iterator;
mod mapping;
mod methods;
mod ordinary;
mod sequence;
pub(crate) mod types;

pub(crate) use awaitable::future_type;
pub(crate) use exception::exception_type;
pub(crate) use methods::python_helpers;
pub(crate) use ordinary::Ordinary;

use std::cell::RefCell;
use std::ffi::{c_int, c_void};
use std::ptr::null_mut;
use std::sync::Mutex;

use hognose_engine::raw;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::bridge::{Object, bridge, python};
use crate::convert;
use crate::errors::Raised;
use crate::js::{self, JSValue, Js};
use crate::threads::{Crossing, on_own_thread};

/// The memory of every proxy.
#[repr(C)]
pub(crate) struct JsProxy {
    /// What exceptions have. Other proxies use only the first field, the instance's dictionary.
    exception: ffi::PyBaseExceptionObject,
    weak_references: *mut ffi::PyObject,
    vectorcall: ffi::vectorcallfunc,
    /// The signature that `bind_sig` attached, or null.
    signature: *mut ffi::PyObject,
    value: JSValue,
    /// What a function was read from.
    this: JSValue,
}

impl JsProxy {
    /// The proxy behind a pointer that a slot was given.
    ///
    /// # Safety
    /// `object` is a live proxy.
    unsafe fn of<'a>(object: *mut ffi::PyObject) -> &'a JsProxy {
        // SAFETY: the caller's promise; every proxy type has this layout.
        unsafe { &*object.cast::<JsProxy>() }
    }
}

/// How many dead proxies are kept for reuse.
const FREE_LIST_MAX: usize = 256;

/// Memory of dead proxies.
#[derive(Default)]
pub(crate) struct FreeList(RefCell<Vec<*mut JsProxy>>);

/// Makes a proxy of a value, bound to `this` if it is a function.
pub(crate) fn create(value: Js, this: JSValue) -> Result<Object, Raised> {
    let flags = features::detect(value.raw());
    create_with_features(value, this, flags)
}

/// A proxy even of a PyProxy, whose Python object it stands before; other than objects are translated.
fn create_raw(value: Js, this: JSValue) -> Result<Object, Raised> {
    if js::is_object(value.raw()) { create(value, this) } else { convert::primitive_to_python(value.raw()) }
}

/// As [`create`], with the features already known.
pub(crate) fn create_with_features(value: Js, this: JSValue, flags: u32) -> Result<Object, Raised> {
    let arguments = match flags & features::IS_ERROR {
        0 => null_mut(),
        _ => exception::arguments(&value, flags)?.into_ptr(),
    };
    let class = types::with_features(flags)?;
    // SAFETY: the memory is fresh and every field of it is set before Python sees it.
    unsafe {
        let memory = allocate(class);
        if memory.is_null() {
            return Err(Raised);
        }
        let first = (&raw mut (*memory).exception.dict).cast::<u8>();
        let header = first.offset_from(memory.cast::<u8>()) as usize;
        std::ptr::write_bytes(first, 0, size_of::<JsProxy>() - header);
        (*memory).exception.args = arguments;
        (*memory).vectorcall = call::vectorcall;
        (*memory).value = value.into_raw();
        (*memory).this = Js::dup(this).into_raw();
        ffi::PyObject_GC_Track(memory.cast::<c_void>());
        Ok(Bound::from_owned_ptr(python(), memory.cast()))
    }
}

/// # Safety
/// `class` is a live proxy type.
unsafe fn allocate(class: *mut ffi::PyTypeObject) -> *mut JsProxy {
    let reused = bridge().free_list.0.borrow_mut().pop();
    // SAFETY: memory on the free list was made for an object of this layout; the caller vouches for the type.
    unsafe {
        match reused {
            Some(memory) => ffi::PyObject_Init(memory.cast(), class).cast(),
            None => ffi::PyObject_GC_New::<JsProxy>(class),
        }
    }
}

/// The value behind an object, if it is a proxy. It stays owned by the proxy.
#[inline]
pub(crate) fn value_of(object: *mut ffi::PyObject) -> Option<JSValue> {
    // SAFETY: `object` is live.
    unsafe {
        if !is_proxy_pointer(object) {
            return None;
        }
        Some(JsProxy::of(object).value)
    }
}

/// The values that a proxy owns; `None` for other objects.
pub(crate) fn owned_values(object: *mut ffi::PyObject) -> Option<[JSValue; 2]> {
    // SAFETY: `object` is live.
    unsafe {
        let proxy = is_proxy_pointer(object).then(|| JsProxy::of(object))?;
        Some([proxy.value, proxy.this])
    }
}

/// Whether an object is a proxy. All proxy types have one metaclass, pyodide-py's; so have the classes in which it documents
/// them, whose instances would be too small.
///
/// # Safety
/// `object` is live.
#[inline]
unsafe fn is_proxy_pointer(object: *mut ffi::PyObject) -> bool {
    // SAFETY: the caller's promise; a live object has a live type.
    unsafe {
        let class = ffi::Py_TYPE(object);
        types::is_metaclass(ffi::Py_TYPE(class.cast()))
            && (*class).tp_basicsize >= size_of::<JsProxy>() as ffi::Py_ssize_t
    }
}

/// The value of a proxy, which only the thread that it belongs to may use.
#[derive(Clone, Copy)]
struct Target(JSValue);

impl Target {
    /// Does something with the value, on its thread. The caller holds the proxy meanwhile.
    #[inline]
    fn with<T: Crossing>(self, operation: impl FnOnce(JSValue) -> Result<T, Raised>) -> Result<T, Raised> {
        on_own_thread(|| operation(self.0))
    }
}

/// The value of a proxy in a slot of its own type.
///
/// # Safety
/// `object` is a live proxy.
#[inline]
unsafe fn slot_value(object: *mut ffi::PyObject) -> Target {
    // SAFETY: the caller's promise.
    Target(unsafe { JsProxy::of(object).value })
}

/// Values of proxies that died on another thread, until the bridge's own gives them back.
static DROPPED_ELSEWHERE: Mutex<Vec<SentValue>> = Mutex::new(Vec::new());

struct SentValue(JSValue);

// SAFETY: the other threads only carry the value to the list; it is touched again on the bridge's thread only.
unsafe impl Send for SentValue {}

/// Gives back the values of proxies that other threads dropped since the last call.
pub(crate) fn release_dropped_elsewhere() {
    let dropped = std::mem::take(&mut *dropped_elsewhere());
    for SentValue(value) in dropped {
        js::free(value);
    }
}

fn dropped_elsewhere() -> std::sync::MutexGuard<'static, Vec<SentValue>> {
    DROPPED_ELSEWHERE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// `tp_dealloc`
unsafe extern "C" fn deallocate(object: *mut ffi::PyObject) {
    // SAFETY: CPython calls this once for a proxy that nobody refers to any more.
    unsafe {
        let proxy = object.cast::<JsProxy>();
        ffi::PyObject_GC_UnTrack(object.cast::<c_void>());
        if !(*proxy).weak_references.is_null() {
            ffi::PyObject_ClearWeakRefs(object);
        }
        clear(object);
        let class = ffi::Py_TYPE(object);
        let (value, this) = ((*proxy).value, (*proxy).this);
        if bridge().is_own_thread() {
            recycle(proxy, class);
            js::free(value);
            js::free(this);
            bridge().released().flush();
        } else {
            dropped_elsewhere().extend([SentValue(value), SentValue(this)]);
            ffi::PyObject_GC_Del(object.cast::<c_void>());
        }
        ffi::Py_DECREF(class.cast());
    }
}

/// # Safety
/// `proxy` is untracked and its fields are given away; `class` is its type.
unsafe fn recycle(proxy: *mut JsProxy, class: *mut ffi::PyTypeObject) {
    let mut free_list = bridge().free_list.0.borrow_mut();
    // SAFETY: the caller's promise.
    unsafe {
        if free_list.len() < FREE_LIST_MAX && (*class).tp_basicsize == size_of::<JsProxy>() as ffi::Py_ssize_t
        {
            free_list.push(proxy);
        } else {
            ffi::PyObject_GC_Del(proxy.cast::<c_void>());
        }
    }
}

/// The Python references a proxy holds, apart from its type.
///
/// # Safety
/// `proxy` is a live proxy.
unsafe fn python_fields(proxy: *mut JsProxy) -> [*mut *mut ffi::PyObject; 7] {
    // SAFETY: takes addresses inside the object.
    unsafe {
        let exception = &raw mut (*proxy).exception;
        [
            &raw mut (*exception).dict,
            &raw mut (*exception).args,
            &raw mut (*exception).notes,
            &raw mut (*exception).traceback,
            &raw mut (*exception).context,
            &raw mut (*exception).cause,
            &raw mut (*proxy).signature,
        ]
    }
}

/// `tp_traverse`
unsafe extern "C" fn traverse(
    object: *mut ffi::PyObject,
    visit: ffi::visitproc,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: the collector passes a live proxy.
    unsafe {
        let result = visit(ffi::Py_TYPE(object).cast(), argument);
        if result != 0 {
            return result;
        }
        for field in python_fields(object.cast()) {
            if !(*field).is_null() {
                let result = visit(*field, argument);
                if result != 0 {
                    return result;
                }
            }
        }
    }
    0
}

/// `tp_clear`
unsafe extern "C" fn clear(object: *mut ffi::PyObject) -> c_int {
    // SAFETY: the collector or the deallocator passes a live proxy.
    unsafe {
        for field in python_fields(object.cast()) {
            let old = std::mem::replace(&mut *field, null_mut());
            ffi::Py_XDECREF(old);
        }
    }
    0
}

/// A slot's result in CPython's form.
fn give(result: Result<Object, Raised>) -> *mut ffi::PyObject {
    match result {
        Ok(object) => object.into_ptr(),
        Err(Raised) => null_mut(),
    }
}

/// A slot's success in CPython's form.
fn give_status(result: Result<(), Raised>) -> c_int {
    if result.is_ok() { 0 } else { -1 }
}

/// A slot's truth in CPython's form.
fn give_truth(result: Result<bool, Raised>) -> c_int {
    result.map_or(-1, c_int::from)
}

/// Whether a value can be had as an integer index from the engine without loss.
fn is_symbol(value: JSValue) -> bool {
    js::tag(value) == raw::JS_TAG_SYMBOL
}

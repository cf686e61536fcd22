//! Calling Python from JavaScript.

use std::ffi::c_int;
use std::ptr::null_mut;

use hognose_engine::raw;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;

use super::{PyProxy, create, of, promise};
use crate::bridge::{Object, python};
use crate::convert;
use crate::errors::{Pending, Raised};
use crate::js::{self, JSValue, Js, JsResult};

const INLINE_ARGUMENTS: usize = 8;

/// The `call` of the callable class.
pub(super) unsafe extern "C" fn call(
    _context: *mut raw::JSContext,
    function: JSValue,
    this: JSValue,
    count: c_int,
    arguments: *mut JSValue,
    _flags: c_int,
) -> JSValue {
    let _frame = crate::stack::enter_js();
    // SAFETY: QuickJS passes `count` arguments.
    let arguments = unsafe { js::borrow_arguments(count, arguments) };
    js::give(call_proxy(function, this, arguments))
}

fn call_proxy(function: JSValue, this: JSValue, arguments: &[JSValue]) -> JsResult {
    let proxy = of(function)?;
    let object = proxy.object()?;
    if proxy.options.capture_this || !proxy.options.bound_arguments.is_empty() {
        let all = leading_arguments(proxy, this).chain(arguments.iter().copied()).collect::<Vec<_>>();
        return call_object(&object, &all);
    }
    call_object(&object, arguments)
}

/// What comes before the arguments of a call: `this` if it is captured, and what `bind` added.
pub(super) fn leading_arguments(proxy: &PyProxy, this: JSValue) -> impl Iterator<Item = JSValue> {
    let this = proxy.options.bound_this.as_ref().map_or(this, Js::raw);
    let this = proxy.options.capture_this.then_some(this);
    this.into_iter().chain(proxy.options.bound_arguments.iter().map(Js::raw))
}

fn call_object(object: &Object, arguments: &[JSValue]) -> JsResult {
    let mut inline = [null_mut(); INLINE_ARGUMENTS + 1];
    let mut spilled = Vec::new();
    // The first place is left free for the callee, who saves a copy if it is a bound method.
    let list = if arguments.len() <= INLINE_ARGUMENTS {
        &mut inline[..=arguments.len()]
    } else {
        spilled.resize(arguments.len() + 1, null_mut());
        &mut spilled[..]
    };
    let translated = translate(arguments, &mut list[1..]);
    let result = translated.and_then(|()| {
        let count = arguments.len() | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
        // SAFETY: every argument is a live object; there are as many as `count` says.
        unsafe { owned(ffi::PyObject_Vectorcall(object.as_ptr(), list.as_ptr().add(1), count, null_mut())) }
    });
    for &argument in &list[1..] {
        // SAFETY: the list owns a reference to each argument that was translated.
        unsafe { ffi::Py_XDECREF(argument) };
    }
    give_result(object, &result?)
}

fn translate(arguments: &[JSValue], list: &mut [*mut ffi::PyObject]) -> Result<(), Raised> {
    for (place, &argument) in list.iter_mut().zip(arguments) {
        *place = convert::borrowed_to_python(argument)?.into_ptr();
    }
    Ok(())
}

/// # Safety
/// `result` is a new reference, or null with the error indicator set.
unsafe fn owned(result: *mut ffi::PyObject) -> Result<Object, Raised> {
    // SAFETY: the caller's promise.
    unsafe { Bound::from_owned_ptr_or_opt(python(), result) }.ok_or(Raised)
}

/// Translates what a Python function returned. The coroutine of an `async def` is scheduled at once, so that it runs even
/// if nobody awaits it, as a JavaScript async function does.
fn give_result(function: &Object, result: &Object) -> JsResult {
    if let Some(value) = convert::immutable_to_js(result.as_borrowed())? {
        return Ok(value);
    }
    let proxy = create(result.as_borrowed())?;
    // SAFETY: checks the type of a live object.
    if unsafe { ffi::PyCoro_CheckExact(result.as_ptr()) } != 0 && is_body_of(result, function) {
        promise::ensure(proxy.raw())?;
    }
    Ok(proxy)
}

/// Whether a coroutine runs the body of the function itself, not of another that the function only called.
fn is_body_of(coroutine: &Object, function: &Object) -> bool {
    let code = function.getattr(intern!(python(), "__code__"));
    let body = coroutine.getattr(intern!(python(), "cr_code"));
    matches!((code, body), (Ok(code), Ok(body)) if code.is(&body))
}

/// Last argument is an object of keyword arguments.
pub(super) const KEYWORDS: i32 = 1;
/// Arguments the function doesn't take are dropped.
pub(super) const RELAXED: i32 = 2;
/// Runs at the next turn of the event loop, on a stack that may wait.
pub(super) const PROMISING: i32 = 4;

/// `callWithOptions` and its relatives: `arguments` are the flags, `this`, and the arguments of the call.
pub(super) fn call_with_options(function: JSValue, arguments: &[JSValue]) -> JsResult {
    let flags = js::to_f64(js::argument(arguments, 0))? as i32;
    let proxy = of(function)?;
    let object = proxy.object()?;
    let mut list: Vec<JSValue> = leading_arguments(proxy, js::argument(arguments, 1)).collect();
    list.extend(arguments.iter().skip(2));
    let keywords = if flags & KEYWORDS != 0 { Some(take_keywords(&mut list)?) } else { None };
    if flags & PROMISING != 0 {
        return promise::call_promising(&object, &list, keywords, flags & RELAXED != 0);
    }
    let result = apply(&object, &list, keywords, flags & RELAXED != 0)?;
    give_result(&object, &result)
}

fn take_keywords(list: &mut Vec<JSValue>) -> JsResult {
    let Some(keywords) = list.pop() else {
        return Err(js::throw_type_error("kwargs argument is missing"));
    };
    let is_plain = js::is_object(keywords)
        && (super::is_pyproxy(keywords)
            || matches!(crate::jsproxy::features::constructor_name(keywords).as_str(), "Object" | ""));
    if is_plain {
        Ok(Js::dup(keywords))
    } else {
        Err(js::throw_type_error("kwargs argument is not an object"))
    }
}

/// A call as Python spells it: the function, a tuple and a dictionary.
pub(super) fn python_call(
    object: &Object,
    arguments: &[JSValue],
    keywords: Option<Js>,
    relaxed: bool,
) -> Result<(Object, Bound<'static, pyo3::types::PyTuple>, Bound<'static, pyo3::types::PyDict>), Raised> {
    let mut list = Vec::new();
    let mut function = object.clone();
    if relaxed {
        list.push(function);
        function = python().import("pyodide.code")?.getattr("relaxed_call")?;
    }
    for &argument in arguments {
        list.push(convert::to_python(Js::dup(argument))?);
    }
    let named = pyo3::types::PyDict::new(python());
    if let Some(keywords) = keywords {
        for key in js::own_keys(keywords.raw(), true)? {
            let name = convert::to_python(key.to_value()?)?;
            named.set_item(name, convert::to_python(js::get(keywords.raw(), &key)?)?)?;
        }
    }
    Ok((function, pyo3::types::PyTuple::new(python(), list)?, named))
}

fn apply(
    object: &Object,
    arguments: &[JSValue],
    keywords: Option<Js>,
    relaxed: bool,
) -> Result<Object, Pending> {
    let (function, arguments, keywords) = python_call(object, arguments, keywords, relaxed)?;
    Ok(function.call(arguments, Some(&keywords)).map_err(Raised::from)?)
}

//! The native functions that the methods of `prelude.js` are made of. `this` is the proxy.

use std::ffi::CStr;

use pyo3::exceptions::{PyGeneratorExit, PyIndexError, PyKeyError, PyStopIteration};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;

use super::{Options, alias, call, create_with, find, of, promise};
use crate::bridge::{Object, ObjectRef, bridge, python};
use crate::convert::{self, buffers, deep_to_js, pairs, strings};
use crate::errors::{self, Pending, Raised};
use crate::js::{self, JSValue, Js, JsResult, Native};
use crate::jsproxy;

/// Every native function with its name.
const FUNCTIONS: &[(&CStr, Native)] = &[
    (c"isPyProxy", is_pyproxy),
    (c"isAlive", is_alive),
    (c"abilities", abilities),
    (c"typeName", type_name),
    (c"text", text),
    (c"destroy", destroy),
    (c"copy", copy),
    (c"toJs", to_js),
    (c"length", length),
    (c"getItem", get_item),
    (c"setItem", set_item),
    (c"deleteItem", delete_item),
    (c"contains", contains),
    (c"iterate", iterate),
    (c"textPairs", text_pairs),
    (c"next", next),
    (c"throwInto", throw_into),
    (c"close", close),
    (c"iterateAsync", iterate_async),
    (c"nextAsync", next_async),
    (c"throwIntoAsync", throw_into_async),
    (c"closeAsync", close_async),
    (c"promise", ensure_promise),
    (c"call", call::call_with_options),
    (c"bind", bind),
    (c"captureThis", capture_this),
    (c"getBuffer", get_buffer),
    (c"detach", detach),
    (c"callMethod", call_method),
    (c"unwrapOnce", forget_roundtrip),
];

/// The functions as one JavaScript object.
pub(crate) fn table() -> JsResult {
    let table = js::object()?;
    for (name, native) in FUNCTIONS {
        let function = js::function(name, 0, *native)?;
        js::define_named(table.raw(), name.to_str().unwrap_or_default(), function)?;
    }
    for (name, ability) in super::abilities::ALL {
        js::define_named(table.raw(), name, Js::integer(*ability as i32))?;
    }
    Ok(table)
}

fn target(this: JSValue) -> Result<Object, Pending> {
    of(this)?.object()
}

/// Runs Python code on behalf of JavaScript.
fn enter<T>(work: impl FnOnce() -> Result<T, Raised>) -> Result<T, Pending> {
    let _frame = crate::stack::enter_js();
    work().map_err(Pending::from)
}

fn argument_to_python(arguments: &[JSValue], index: usize) -> Result<Object, Raised> {
    convert::to_python(Js::dup(js::argument(arguments, index)))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of a native function")]
fn is_pyproxy(_this: JSValue, arguments: &[JSValue]) -> JsResult {
    Ok(Js::boolean(super::is_pyproxy(js::argument(arguments, 0))))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of a native function")]
fn is_alive(this: JSValue, _arguments: &[JSValue]) -> JsResult {
    Ok(Js::boolean(super::is_alive(this)))
}

/// The abilities of an argument, or nothing if it is no proxy: for `instanceof`.
fn abilities(_this: JSValue, arguments: &[JSValue]) -> JsResult {
    match find(js::argument(arguments, 0)) {
        Some(proxy) if !proxy.shared.object.get().is_null() => {
            let flags = super::abilities::of(proxy.object()?.as_borrowed())?;
            Ok(Js::integer(flags as i32))
        }
        Some(_) => Ok(Js::integer(0)),
        None => Ok(Js::UNDEFINED),
    }
}

fn type_name(this: JSValue, _arguments: &[JSValue]) -> JsResult {
    js::string(&super::class_name(target(this)?.as_borrowed()))
}

fn text(this: JSValue, _arguments: &[JSValue]) -> JsResult {
    let object = target(this)?;
    enter(|| strings::to_js(object.str()?.as_any().as_borrowed()))
}

/// `destroy(message, even a roundtrip proxy)`
fn destroy(this: JSValue, arguments: &[JSValue]) -> JsResult {
    let proxy = of(this)?;
    let roundtrip_too = js::truth(js::argument(arguments, 1))?;
    if proxy.options.roundtrip && !roundtrip_too {
        return Ok(Js::UNDEFINED);
    }
    let message = js::argument(arguments, 0);
    let reason = if js::truth(message)? { js::text(message).into() } else { super::DESTROYED.into() };
    let _frame = crate::stack::enter_js();
    proxy.shared.destroy(reason);
    Ok(Js::UNDEFINED)
}

fn copy(this: JSValue, _arguments: &[JSValue]) -> JsResult {
    let proxy = of(this)?;
    Ok(create_with(proxy.object()?.as_borrowed(), proxy.options.clone())?)
}

/// `toJs(options)`
fn to_js(this: JSValue, arguments: &[JSValue]) -> JsResult {
    let object = target(this)?;
    let options = js::argument(arguments, 0);
    enter(|| deep_to_js::convert(object.as_borrowed(), &deep_to_js::Options::from_js(options)?))
}

fn length(this: JSValue, _arguments: &[JSValue]) -> JsResult {
    let object = target(this)?;
    enter(|| Ok(Js::number(object.len()? as f64)))
}

/// `get(key)`: `undefined` for what is not there.
fn get_item(this: JSValue, arguments: &[JSValue]) -> JsResult {
    let object = target(this)?;
    enter(|| match object.get_item(argument_to_python(arguments, 0)?) {
        Ok(value) => convert::to_js(value.as_borrowed()),
        Err(error)
            if error.is_instance_of::<PyKeyError>(python())
                || error.is_instance_of::<PyIndexError>(python()) =>
        {
            Ok(Js::UNDEFINED)
        }
        Err(error) => Err(error.into()),
    })
}

fn set_item(this: JSValue, arguments: &[JSValue]) -> JsResult {
    let object = target(this)?;
    enter(|| {
        object.set_item(argument_to_python(arguments, 0)?, argument_to_python(arguments, 1)?)?;
        Ok(Js::UNDEFINED)
    })
}

fn delete_item(this: JSValue, arguments: &[JSValue]) -> JsResult {
    let object = target(this)?;
    enter(|| {
        object.del_item(argument_to_python(arguments, 0)?)?;
        Ok(Js::UNDEFINED)
    })
}

fn contains(this: JSValue, arguments: &[JSValue]) -> JsResult {
    let object = target(this)?;
    enter(|| Ok(Js::boolean(object.contains(argument_to_python(arguments, 0)?)?)))
}

fn iterate(this: JSValue, _arguments: &[JSValue]) -> JsResult {
    let object = target(this)?;
    enter(|| create_with(object.try_iter()?.as_any().as_borrowed(), Options::default()))
}

/// `[name, value, name, value, …]` of a list of pairs of texts; `undefined` of anything else.
fn text_pairs(this: JSValue, _arguments: &[JSValue]) -> JsResult {
    let object = target(this)?;
    enter(|| match pairs::flat_texts(&object)? {
        Some(texts) => Ok(js::array(texts)?),
        None => Ok(Js::UNDEFINED),
    })
}

/// `{done, value}`
fn step(done: bool, value: Js) -> Result<Js, Raised> {
    let result = js::object()?;
    let keys = &bridge().keys;
    js::set(result.raw(), &keys.done, Js::boolean(done))?;
    js::set(result.raw(), &keys.value, value)?;
    Ok(result)
}

fn next(this: JSValue, arguments: &[JSValue]) -> JsResult {
    let object = target(this)?;
    enter(|| {
        let argument = argument_to_python(arguments, 0)?;
        let mut value = std::ptr::null_mut();
        // SAFETY: all are live; the result is a new reference.
        let (kind, value) = unsafe {
            let kind = ffi::PyIter_Send(object.as_ptr(), argument.as_ptr(), &raw mut value);
            (kind, Bound::from_owned_ptr_or_opt(python(), value))
        };
        match (kind, value) {
            (ffi::PySendResult::PYGEN_NEXT, Some(value)) => step(false, convert::to_js(value.as_borrowed())?),
            (ffi::PySendResult::PYGEN_RETURN, Some(value)) => {
                step(true, convert::to_js(value.as_borrowed())?)
            }
            _ => Err(Raised),
        }
    })
}

/// What a generator's method gave, its end told by StopIteration.
fn step_of(result: PyResult<Object>) -> Result<Js, Raised> {
    match result {
        Ok(value) => step(false, convert::to_js(value.as_borrowed())?),
        Err(error) if error.is_instance_of::<PyStopIteration>(python()) => {
            let value = error.value(python()).getattr(intern!(python(), "value"))?;
            step(true, convert::to_js(value.as_borrowed())?)
        }
        Err(error) => Err(error.into()),
    }
}

/// The Python exception of what JavaScript passes to `throw`.
fn exception_of(arguments: &[JSValue]) -> Object {
    let raised = errors::raise(Js::dup(js::argument(arguments, 0)));
    PyErr::from(raised).into_value(python()).into_bound(python()).into_any()
}

fn throw_into(this: JSValue, arguments: &[JSValue]) -> JsResult {
    let object = target(this)?;
    enter(|| step_of(object.call_method1(intern!(python(), "throw"), (exception_of(arguments),))))
}

/// `return(value)` of a generator: ends it, and gives the value back unless it has another answer.
fn close(this: JSValue, arguments: &[JSValue]) -> JsResult {
    let object = target(this)?;
    enter(|| {
        let exit = python().get_type::<PyGeneratorExit>();
        match object.call_method1(intern!(python(), "throw"), (exit,)) {
            Err(error) if error.is_instance_of::<PyGeneratorExit>(python()) => {
                step(true, Js::dup(js::argument(arguments, 0)))
            }
            result => step_of(result),
        }
    })
}

fn iterate_async(this: JSValue, _arguments: &[JSValue]) -> JsResult {
    let object = target(this)?;
    enter(|| {
        let iterator = object.call_method0(intern!(python(), "__aiter__"))?;
        create_with(iterator.as_borrowed(), Options::default())
    })
}

/// The promise of an asynchronous step; `prelude.js` turns StopAsyncIteration into `{done: true}`.
fn promise_of(awaitable: PyResult<Object>) -> Result<Js, Raised> {
    let step = bridge().mixins().get_item("python_async_step")?.call1((awaitable?,))?;
    Ok(promise::of_awaitable(&step)?)
}

fn next_async(this: JSValue, arguments: &[JSValue]) -> JsResult {
    let object = target(this)?;
    enter(|| {
        let argument = argument_to_python(arguments, 0)?;
        if argument.is_none() {
            return promise_of(object.call_method0(intern!(python(), "__anext__")));
        }
        promise_of(object.call_method1(intern!(python(), "asend"), (argument,)))
    })
}

fn throw_into_async(this: JSValue, arguments: &[JSValue]) -> JsResult {
    let object = target(this)?;
    enter(|| promise_of(object.call_method1(intern!(python(), "athrow"), (exception_of(arguments),))))
}

fn close_async(this: JSValue, arguments: &[JSValue]) -> JsResult {
    let object = target(this)?;
    enter(|| {
        let exit = python().get_type::<PyGeneratorExit>();
        let closing = object.call_method1(intern!(python(), "athrow"), (exit,))?;
        let close = bridge().mixins().get_item("python_async_close")?;
        let value = argument_to_python(arguments, 0)?;
        Ok(promise::of_awaitable(&close.call1((closing, value))?)?)
    })
}

fn ensure_promise(this: JSValue, _arguments: &[JSValue]) -> JsResult {
    let _frame = crate::stack::enter_js();
    promise::ensure(this)
}

/// `bind(this, ...arguments)`
fn bind(this: JSValue, arguments: &[JSValue]) -> JsResult {
    let proxy = of(this)?;
    let mut options = proxy.options.clone();
    options.bound_this.get_or_insert_with(|| Js::dup(js::argument(arguments, 0)));
    options.bound_arguments.extend(arguments.iter().skip(1).copied().map(Js::dup));
    alias(this, options)
}

fn capture_this(this: JSValue, _arguments: &[JSValue]) -> JsResult {
    alias(this, Options { capture_this: true, ..of(this)?.options.clone() })
}

/// `getBuffer(type)`
fn get_buffer(this: JSValue, arguments: &[JSValue]) -> JsResult {
    let object = target(this)?;
    let kind = js::argument(arguments, 0);
    let kind = if js::is_undefined(kind) { None } else { Some(js::text(kind)) };
    enter(|| buffers::view_in_js(&object, kind.as_deref()))
}

/// Takes the memory away from the ArrayBuffer of a released view.
#[expect(clippy::unnecessary_wraps, reason = "the signature of a native function")]
fn detach(_this: JSValue, arguments: &[JSValue]) -> JsResult {
    buffers::detach(js::argument(arguments, 0));
    Ok(Js::UNDEFINED)
}

/// `callMethod(name, ...arguments)`: a method of the object, for the mutating methods of lists.
fn call_method(this: JSValue, arguments: &[JSValue]) -> JsResult {
    let object = target(this)?;
    enter(|| {
        let name = js::text(js::argument(arguments, 0));
        let mut list = Vec::new();
        for index in 1..arguments.len() {
            list.push(argument_to_python(arguments, index)?);
        }
        let list = pyo3::types::PyTuple::new(python(), list)?;
        convert::to_js(object.call_method1(name.as_str(), list)?.as_borrowed())
    })
}

/// The same object behind a proxy that comes back to Python as the object itself.
fn forget_roundtrip(this: JSValue, _arguments: &[JSValue]) -> JsResult {
    alias(this, Options { roundtrip: false, ..of(this)?.options.clone() })
}

/// `create_proxy`: a proxy that Python holds as a JsProxy.
pub(crate) fn double_proxy(
    object: ObjectRef<'_>,
    capture_this: bool,
    roundtrip: bool,
) -> Result<Object, Raised> {
    let proxy = create_with(object, Options { roundtrip, capture_this, ..Options::default() })?;
    jsproxy::create(proxy, js::UNDEFINED)
}

/// `create_once_callable`: a JavaScript function that may be called once; a promising one runs on a stack of its own,
/// which may wait.
pub(crate) fn once_callable(object: ObjectRef<'_>, promising: bool) -> Result<Object, Raised> {
    let proxy = create_with(object, Options::default())?;
    let wrap = bridge().prelude().once.raw();
    convert::to_python(js::call(wrap, js::UNDEFINED, &[proxy.raw(), Js::boolean(promising).raw()])?)
}

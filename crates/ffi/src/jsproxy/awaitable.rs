//! Promises in Python: a thenable becomes a future of the running event loop.

use std::ffi::c_int;

use hognose_engine::raw;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;

use super::{give, slot_value};
use crate::bridge::{Object, bridge, python};
use crate::convert;
use crate::errors::{self, Raised};
use crate::js::{self, JSValue, Js, context};
use crate::pyproxy::{self, handle};

/// `am_await`
pub(super) unsafe extern "C" fn await_(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: CPython passes a live proxy.
    give(unsafe { slot_value(object) }.and_then(|value| {
        let future = future_of(value, Vec::new())?;
        Ok(future.call_method0(intern!(python(), "__await__"))?)
    }))
}

/// A future that settles as the thenable does. The proxies are destroyed then.
pub(crate) fn future_of(thenable: JSValue, proxies: Vec<Js>) -> Result<Object, Raised> {
    let future = bridge().event_loop()?.call_method0(intern!(python(), "create_future"))?;
    // SAFETY: reads the object's class only.
    let promise = if unsafe { raw::JS_IsPromise(thenable) } {
        Js::dup(thenable)
    } else {
        js::call(bridge().prelude().resolve_promise.raw(), js::UNDEFINED, &[thenable])?
    };
    let data = [handle::create(&future)?, js::array(proxies)?];
    let [fulfilled, rejected] = [settler(&data, FULFILLED)?, settler(&data, REJECTED)?];
    // SAFETY: the bridge's invariant; all three are live.
    let chained = unsafe { raw::JS_PromiseThen(context(), promise.raw(), fulfilled.raw(), rejected.raw()) };
    js::check(chained)?;
    Ok(future)
}

const FULFILLED: c_int = 0;
const REJECTED: c_int = 1;

fn settler(data: &[Js; 2], outcome: c_int) -> Result<Js, Raised> {
    let mut data = data.each_ref().map(Js::raw);
    // SAFETY: the bridge's invariant; the call takes references of its own to the data.
    let made = unsafe { raw::JS_NewCFunctionData(context(), Some(settle), 1, outcome, 2, data.as_mut_ptr()) };
    Ok(js::check(made)?)
}

/// The reaction to a promise: hands its outcome to the future.
unsafe extern "C" fn settle(
    _context: *mut raw::JSContext,
    _this: JSValue,
    count: c_int,
    arguments: *mut JSValue,
    outcome: c_int,
    data: *mut JSValue,
) -> JSValue {
    // SAFETY: QuickJS passes `count` arguments and the two values `settler` stored.
    let (arguments, future, proxies) =
        unsafe { (js::borrow_arguments(count, arguments), handle::get(*data), *data.add(1)) };
    let _frame = crate::stack::enter_js();
    let value = Js::dup(js::argument(arguments, 0));
    let result = settle_future(&future, value, outcome).and_then(|()| end_proxies(proxies));
    js::give(result.map(|()| Js::UNDEFINED).map_err(Into::into))
}

fn settle_future(future: &Object, value: Js, outcome: c_int) -> Result<(), Raised> {
    if future.call_method0(intern!(python(), "done"))?.is_truthy()? {
        return Ok(());
    }
    let settled = if outcome == FULFILLED { convert::to_python(value) } else { Err(errors::raise(value)) };
    match settled {
        Ok(value) => future.call_method1(intern!(python(), "set_result"), (value,))?,
        Err(raised) => {
            let error = PyErr::from(raised).into_value(python());
            future.call_method1(intern!(python(), "set_exception"), (error,))?
        }
    };
    Ok(())
}

fn end_proxies(proxies: JSValue) -> Result<(), Raised> {
    for index in 0..js::length(proxies)? as u32 {
        pyproxy::destroy_borrowed(js::get_index(proxies, index)?.raw());
    }
    Ok(())
}

//! Promises in Python: a thenable becomes a future of the running event loop.

use std::ffi::c_int;

use hognose_engine::raw;
use pyo3::exceptions::{PyRuntimeError, PyStopAsyncIteration, PyTypeError};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

use super::iterator::{self, Step};
use super::{features, give, slot_value};
use crate::bridge::{Object, bridge, python};
use crate::convert;
use crate::errors::{self, Raised, raised};
use crate::js::{self, JSValue, Js, context};
use crate::pyproxy;
use crate::threads;

/// `am_await`
pub(super) unsafe extern "C" fn await_(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    if !bridge().is_own_thread() {
        // SAFETY: CPython passes a live proxy.
        let promise = unsafe { Bound::from_borrowed_ptr(python(), object) };
        return give(threads::await_here(&promise));
    }
    // SAFETY: as above.
    give(unsafe { slot_value(object) }.with(|value| {
        if !features::has_method(value, &bridge().keys.then) {
            return Err(raised::<PyTypeError>(
                "object pyodide.ffi.JsProxy can't be used in 'await' expression",
            ));
        }
        // Nobody but the interpreter sees this future, so it need not have a promise's methods.
        let future = wait_for(value, Vec::new(), &plain_future()?)?;
        Ok(future.call_method0(intern!(python(), "__await__"))?)
    }))
}

/// Where a promise says of itself (by a property that scripts do not see) that it need not be waited for: its value.
/// Whoever marks a promise so has made it settled, and wants nothing else to run before the awaiting code goes on.
fn settled_at_once(value: JSValue) -> Result<Option<Object>, Raised> {
    // SAFETY: reads the object's class only.
    let is_promise = unsafe { raw::JS_IsPromise(value) };
    if !is_promise || js::get(value, &bridge().keys.immediate)?.tag() != raw::JS_TAG_BOOL {
        return Ok(None);
    }
    // SAFETY: the bridge's invariant; the value is a live promise, whose result is a reference of ours.
    let (state, result) =
        unsafe { (raw::JS_PromiseState(context(), value), Js::own(raw::JS_PromiseResult(context(), value))) };
    match state {
        raw::JSPromiseStateEnum_JS_PROMISE_FULFILLED => convert::to_python(result).map(Some),
        // A rejection is an error like any other: found by the reaction that the usual way leaves behind.
        _ => Ok(None),
    }
}

/// A future that is over.
fn settled_future(value: Object, class: &Object) -> Result<Object, Raised> {
    let future = new_future(class)?;
    settle_future(&future, Ok(value))?;
    Ok(future)
}

/// A future of the loop: what the loop's `create_future` makes, but without a callback for each that only counts them.
fn new_future(class: &Object) -> Result<Object, Raised> {
    static NAMES: PyOnceLock<Py<PyTuple>> = PyOnceLock::new();
    let names = NAMES.get_or_try_init(python(), || {
        PyTuple::new(python(), [intern!(python(), "loop")]).map(Bound::unbind)
    })?;
    let event_loop = bridge().event_loop()?;
    // SAFETY: one argument, which has a name, and both live as long as the call.
    unsafe {
        let future = ffi::PyObject_Vectorcall(class.as_ptr(), &event_loop.as_ptr(), 0, names.as_ptr());
        Bound::from_owned_ptr_or_opt(python(), future).ok_or(Raised)
    }
}

/// What the outcome of a promise is to the future that waits for it.
#[derive(Clone, Copy, PartialEq)]
enum Meaning {
    /// The value of an `await`.
    Value,
    /// A step of an asynchronous generator.
    Step,
    /// The last step of one that is being closed.
    Close,
}

impl Meaning {
    const ALL: [Meaning; 3] = [Meaning::Value, Meaning::Step, Meaning::Close];
}

/// A future that settles as the thenable does. The proxies are destroyed then.
pub(crate) fn future_of(thenable: JSValue, proxies: Vec<Js>) -> Result<Object, Raised> {
    wait_for(thenable, proxies, &future_type()?)
}

/// asyncio's own class of futures.
fn plain_future() -> Result<Object, Raised> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    Ok(CLASS.import(python(), "asyncio", "Future")?.clone())
}

/// The class of the futures that Python code gets to see, which have the methods of promises too.
pub(crate) fn future_type() -> Result<Object, Raised> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    Ok(CLASS.import(python(), "pyodide.webloop", "PyodideFuture")?.clone())
}

fn wait_for(thenable: JSValue, proxies: Vec<Js>, class: &Object) -> Result<Object, Raised> {
    if let Some(value) = settled_at_once(thenable)? {
        for proxy in &proxies {
            pyproxy::destroy_borrowed(proxy.raw());
        }
        return settled_future(value, class);
    }
    // SAFETY: reads the object's class only.
    let promise = if unsafe { raw::JS_IsPromise(thenable) } {
        Js::dup(thenable)
    } else {
        js::call(bridge().prelude().resolve_promise.raw(), js::UNDEFINED, &[thenable])?
    };
    chain(&promise, proxies, Meaning::Value, class)
}

/// A future of what an asynchronous generator gives for a promise of a `{done, value}`; `closing` says that it should give
/// nothing more.
pub(super) fn future_of_step(promise: &Js, closing: bool) -> Result<Object, Raised> {
    if !js::is_object(promise.raw()) {
        let found = js::call(bridge().prelude().type_of.raw(), js::UNDEFINED, &[promise.raw()])?;
        let message = format!("Result of anext() should be object not {}", js::text(found.raw()));
        return Err(raised::<PyTypeError>(message));
    }
    if !features::has_method(promise.raw(), &bridge().keys.then) {
        let done = js::get(promise.raw(), &bridge().keys.done)?;
        return Err(raised::<PyTypeError>(if done.tag() == raw::JS_TAG_BOOL {
            "Result of anext() was not a promise, use next() instead."
        } else {
            "Result of anext() was not a promise."
        }));
    }
    let promise = js::call(bridge().prelude().resolve_promise.raw(), js::UNDEFINED, &[promise.raw()])?;
    let meaning = if closing { Meaning::Close } else { Meaning::Step };
    chain(&promise, Vec::new(), meaning, &future_type()?)
}

fn chain(promise: &Js, proxies: Vec<Js>, meaning: Meaning, class: &Object) -> Result<Object, Raised> {
    let future = new_future(class)?;
    let proxies = if proxies.is_empty() { Js::UNDEFINED } else { js::array(proxies)? };
    let data = [pyproxy::create(future.as_borrowed())?, proxies];
    let [fulfilled, rejected] = [settler(&data, meaning, FULFILLED)?, settler(&data, meaning, REJECTED)?];
    // SAFETY: the bridge's invariant; all three are live.
    let chained = unsafe { raw::JS_PromiseThen(context(), promise.raw(), fulfilled.raw(), rejected.raw()) };
    js::check(chained)?;
    Ok(future)
}

const FULFILLED: c_int = 0;
const REJECTED: c_int = 1;

/// A function that settles the future; what it is to do is one number: the meaning, and the outcome as its last bit.
fn settler(data: &[Js; 2], meaning: Meaning, outcome: c_int) -> Result<Js, Raised> {
    let mut data = data.each_ref().map(Js::raw);
    let task = (meaning as c_int) << 1 | outcome;
    // SAFETY: the bridge's invariant; the call takes references of its own to the data.
    let made = unsafe { raw::JS_NewCFunctionData(context(), Some(settle), 1, task, 2, data.as_mut_ptr()) };
    Ok(js::check(made)?)
}

/// The reaction to a promise: hands its outcome to the future.
unsafe extern "C" fn settle(
    _context: *mut raw::JSContext,
    _this: JSValue,
    count: c_int,
    arguments: *mut JSValue,
    task: c_int,
    data: *mut JSValue,
) -> JSValue {
    // SAFETY: QuickJS passes `count` arguments and the two values `settler` stored.
    let (arguments, future, proxies) =
        unsafe { (js::borrow_arguments(count, arguments), pyproxy::target(*data), *data.add(1)) };
    let _frame = crate::stack::enter_js();
    let value = Js::dup(js::argument(arguments, 0));
    // A future that was garbage together with its promise has nobody left to tell.
    let told = future.map_or(Ok(()), |future| settle_future(&future, outcome(value, task)));
    let result = told.and_then(|()| end_proxies(proxies));
    js::give(result.map(|()| Js::UNDEFINED).map_err(Into::into))
}

/// What a promise's value means to the future.
fn outcome(value: Js, task: c_int) -> Result<Object, Raised> {
    match (Meaning::ALL[(task >> 1) as usize], task & 1) {
        (Meaning::Value, FULFILLED) => convert::to_python(value),
        (Meaning::Value, _) => Err(errors::raise(value)),
        (meaning, FULFILLED) => settled_step(&value, meaning),
        (_, _) => Err(errors::raise_as_javascript(value)),
    }
}

/// Reads the `{done, value}` of an asynchronous generator. A proxy that it returned was lent.
fn settled_step(result: &Js, meaning: Meaning) -> Result<Object, Raised> {
    match iterator::step_of(result)? {
        Step::Yielded(_) if meaning == Meaning::Close => {
            Err(raised::<PyRuntimeError>("JavaScript generator ignored return"))
        }
        Step::Yielded(value) => Ok(value),
        Step::Returned(_) if meaning == Meaning::Close => Ok(python().None().into_bound(python())),
        Step::Returned(value) => {
            pyproxy::destroy_borrowed(js::get(result.raw(), &bridge().keys.value)?.raw());
            Err(PyErr::new::<PyStopAsyncIteration, _>((value.unbind(),)).into())
        }
    }
}

fn settle_future(future: &Object, settled: Result<Object, Raised>) -> Result<(), Raised> {
    let settled = settled.map_err(PyErr::from);
    if future.call_method0(intern!(python(), "done"))?.is_truthy()? {
        return Ok(());
    }
    match settled {
        Ok(value) => future.call_method1(intern!(python(), "set_result"), (value,))?,
        Err(error) => {
            let error = error.into_value(python());
            future.call_method1(intern!(python(), "set_exception"), (error,))?
        }
    };
    Ok(())
}

fn end_proxies(proxies: JSValue) -> Result<(), Raised> {
    if !js::is_object(proxies) {
        return Ok(());
    }
    for index in 0..js::length(proxies)? as u32 {
        pyproxy::destroy_borrowed(js::get_index(proxies, index)?.raw());
    }
    Ok(())
}

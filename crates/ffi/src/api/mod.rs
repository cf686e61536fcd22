//! The object `pyodide_js`, Pyodide's JavaScript API: as much of it as pyodide-py and scripts use.
//!
//! `pyodide.js` puts it together from `files.js` (`FS` and its like) and `streams.js` (`setStdout` and its like), over
//! `host.py`, which does the work of these two and is only loaded when one of them is used.

use std::ffi::{CStr, c_int};

use hognose_engine::{Context, Value};
use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;

use crate::bridge::{Object, bridge, python, run_source};
use crate::convert::{self, deep_to_python};
use crate::errors::{Pending, Raised};
use crate::event_loop;
use crate::js::{self, JSValue, Js, JsResult, Native};
use crate::pyproxy;

/// Runs one of this folder's scripts.
macro_rules! script {
    ($file:literal) => {
        js::evaluate(zero_terminated(concat!(include_str!($file), "\0")), c"hognose:api")
    };
}

fn zero_terminated(source: &'static str) -> &'static CStr {
    CStr::from_bytes_with_nul(source.as_bytes()).expect("invariant: a source has no zero byte but its last")
}

/// Makes the object and gives its proxy.
pub(crate) fn create() -> Result<Object, Raised> {
    let native = js::object()?;
    let functions: [(&CStr, c_int, Native); 12] = [
        (c"checkInterrupt", 1, check_interrupt),
        (c"globals", 0, globals),
        (c"host", 0, host),
        (c"isAlive", 1, is_alive),
        (c"isInstalled", 1, is_installed),
        (c"isPyProxy", 1, is_pyproxy),
        (c"pyimport", 1, python_import),
        (c"runPython", 2, run_python),
        (c"schedule", 2, schedule),
        (c"setDebug", 1, set_debug),
        (c"stacksWaiting", 0, stacks_waiting),
        (c"toPy", 2, to_py),
    ];
    for (name, length, function) in functions {
        let name_text = name.to_str().unwrap_or_default();
        js::define_named(native.raw(), name_text, js::function(name, length, function)?)?;
    }
    let (files, streams) = (script!("files.js")?, script!("streams.js")?);
    let arguments = [native.raw(), bridge().prelude().classes.raw(), files.raw(), streams.raw()];
    convert::to_python(js::call(script!("pyodide.js")?.raw(), js::UNDEFINED, &arguments)?)
}

fn enter<T>(work: impl FnOnce() -> Result<T, Raised>) -> Result<T, Pending> {
    let _frame = crate::stack::enter_js();
    work().map_err(Pending::from)
}

/// `toPy(value, {depth, defaultConverter})`
fn to_py(_this: JSValue, arguments: &[JSValue]) -> JsResult {
    let (value, options) = (js::argument(arguments, 0), js::argument(arguments, 1));
    if !js::is_object(value) || pyproxy::is_pyproxy(value) {
        return Ok(Js::dup(value));
    }
    let (depth, converter) = if js::is_object(options) {
        (js::get_named(options, c"depth")?, js::get_named(options, c"defaultConverter")?)
    } else {
        (Js::UNDEFINED, Js::UNDEFINED)
    };
    enter(|| {
        let depth = if js::is_undefined(depth.raw()) { -1 } else { js::to_f64(depth.raw())? as i64 };
        let converter =
            if js::is_undefined(converter.raw()) { None } else { Some(convert::to_python(converter)?) };
        let made = deep_to_python::convert(Js::dup(value), depth, converter)?;
        // SAFETY: compares identities.
        if crate::jsproxy::value_of(made.as_ptr()).is_some_and(|same| js::strictly_equal(same, value)) {
            return Ok(Js::dup(value));
        }
        convert::to_js(made.as_borrowed())
    })
}

/// `globals()`: the namespace of `__main__`, as a proxy that lasts.
fn globals(_this: JSValue, _arguments: &[JSValue]) -> JsResult {
    enter(|| convert::to_js(python().import("__main__")?.dict().as_any().as_borrowed()))
}

/// `pyimport(name)`: a module, or an attribute of one.
fn python_import(_this: JSValue, arguments: &[JSValue]) -> JsResult {
    let name = js::text(js::argument(arguments, 0));
    enter(|| {
        let found = match python().import(name.as_str()) {
            Ok(module) => module.into_any(),
            Err(error) => match name.rsplit_once('.') {
                Some((module, attribute)) => python().import(module)?.getattr(attribute)?,
                None => return Err(error.into()),
            },
        };
        convert::to_js(found.as_borrowed())
    })
}

/// `host()`: the function `call` of `host.py`.
fn host(_this: JSValue, _arguments: &[JSValue]) -> JsResult {
    enter(|| {
        let namespace = run_source("_pyodide_core.host", "<hognose:host.py>", include_str!("host.py"))?;
        convert::to_js(namespace.as_any().get_item("call")?.as_borrowed())
    })
}

/// `isInstalled(name)`: whether a distribution of that name can be imported from.
fn is_installed(_this: JSValue, arguments: &[JSValue]) -> JsResult {
    let name = js::text(js::argument(arguments, 0));
    enter(|| {
        let metadata = python().import("importlib.metadata")?;
        match metadata.call_method1("distribution", (name,)) {
            Ok(_) => Ok(Js::boolean(true)),
            Err(error) if error.is_instance_of::<PyImportError>(python()) => Ok(Js::boolean(false)),
            Err(error) => Err(error.into()),
        }
    })
}

/// `checkInterrupt(signal)`: runs the Python handlers of signals that have come, and of this one if it is not 0.
fn check_interrupt(_this: JSValue, arguments: &[JSValue]) -> JsResult {
    let signal = js::to_f64(js::argument(arguments, 0))? as c_int;
    enter(|| {
        if signal != 0 {
            // SAFETY: notes the signal for Python; a number that is none is refused without effect.
            unsafe { pyo3::ffi::PyErr_SetInterruptEx(signal) };
        }
        python().check_signals()?;
        Ok(Js::UNDEFINED)
    })
}

/// `schedule(callback, delay in milliseconds)`
fn schedule(_this: JSValue, arguments: &[JSValue]) -> JsResult {
    let delay_ms = js::to_f64(js::argument(arguments, 1))?;
    let callback = value_of(Js::dup(js::argument(arguments, 0)));
    enter(|| {
        crate::event_loop::schedule(callback, delay_ms)?;
        Ok(Js::UNDEFINED)
    })
}

/// A value as other crates hold it.
pub(crate) fn value_of(value: Js) -> Value {
    // SAFETY: the context is the process's one, and the reference passes over.
    unsafe {
        let context = std::ptr::NonNull::new(js::context()).expect("invariant: the bridge has a context");
        Value::from_raw(Context::from_ptr(context), value.into_raw())
    }
}

/// `runPython(code, {globals, locals, filename})`, the options already given their defaults.
fn run_python(_this: JSValue, arguments: &[JSValue]) -> JsResult {
    enter(|| {
        let function = python().import("pyodide.code")?.getattr("eval_code")?;
        let keywords = pyo3::types::PyDict::new(python());
        let options = js::argument(arguments, 1);
        if js::is_object(options) {
            for key in js::own_keys(options, true)? {
                let value = js::get(options, &key)?;
                if !js::is_undefined(value.raw()) {
                    keywords.set_item(convert::to_python(key.to_value()?)?, convert::to_python(value)?)?;
                }
            }
        }
        if keywords.get_item("globals")?.is_none() {
            keywords.set_item("globals", python().import("__main__")?.dict())?;
        }
        let asynchronous = keywords.contains("asynchronous")?;
        let function = if asynchronous {
            keywords.del_item("asynchronous")?;
            python().import("pyodide.code")?.getattr("eval_code_async")?
        } else {
            function
        };
        let source = convert::to_python(Js::dup(js::argument(arguments, 0)))?;
        let result = function.call((source,), Some(&keywords))?;
        if asynchronous {
            // At once, in the order of the calls, rather than when JavaScript comes to wait for it.
            return Ok(pyproxy::schedule(&result)?);
        }
        convert::to_js(result.as_borrowed())
    })
}

/// `setDebug(debug)`: gives what was set before.
fn set_debug(_this: JSValue, arguments: &[JSValue]) -> JsResult {
    let debug = js::truth(js::argument(arguments, 0))?;
    Ok(Js::boolean(bridge().debug.replace(debug)))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of a native function")]
fn is_alive(_this: JSValue, arguments: &[JSValue]) -> JsResult {
    Ok(Js::boolean(pyproxy::is_alive(js::argument(arguments, 0))))
}

/// `stacksWaiting()`: how many C stacks wait in `run_sync`.
#[expect(clippy::unnecessary_wraps, reason = "the signature of a native function")]
fn stacks_waiting(_this: JSValue, _arguments: &[JSValue]) -> JsResult {
    let waiting = event_loop::current().map_or(0, |event_loop| event_loop.waiting());
    Ok(Js::integer(waiting as i32))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of a native function")]
fn is_pyproxy(_this: JSValue, arguments: &[JSValue]) -> JsResult {
    Ok(Js::boolean(pyproxy::is_pyproxy(js::argument(arguments, 0))))
}

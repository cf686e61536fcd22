//! Errors on their way across: Python exceptions into JavaScript, and back.
//!
//! Each language has its own place for "an error is under way": Python's error indicator and QuickJS's pending exception.
//! A function of this crate says in its result type which of the two is set: [`Raised`] for Python's, [`Pending`] for
//! JavaScript's. Turning one into the other is the translation, so the `?` operator carries an error across by itself.
//!
//! A Python exception becomes a `PythonError` whose message is the whole traceback. It holds no reference to the exception,
//! which would keep all its frames alive; the exception becomes `sys.last_exc` instead, and if the same `PythonError` comes
//! back while it still is, the original is raised again.

use pyo3::exceptions::PyMemoryError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::bridge::{Object, bridge, python};
use crate::convert::strings;
use crate::frames::Frames;
use crate::interrupts;
use crate::js::{self, Js, JsResult};
use crate::jsproxy;

/// Python's error indicator is set.
#[derive(Debug)]
pub(crate) struct Raised;

/// A JavaScript exception is pending in the context.
#[derive(Debug)]
pub(crate) struct Pending;

impl From<PyErr> for Raised {
    fn from(error: PyErr) -> Raised {
        error.restore(python());
        Raised
    }
}

impl From<Raised> for PyErr {
    fn from(_: Raised) -> PyErr {
        PyErr::fetch(python())
    }
}

impl From<pyo3::CastError<'_, '_>> for Raised {
    fn from(error: pyo3::CastError<'_, '_>) -> Raised {
        PyErr::from(error).into()
    }
}

impl From<Pending> for Raised {
    fn from(_: Pending) -> Raised {
        raise(js::take_exception())
    }
}

impl From<Raised> for Pending {
    fn from(_: Raised) -> Pending {
        match python_error() {
            Ok(error) => js::throw(error),
            Err(pending) => pending,
        }
    }
}

/// Raises a Python exception.
pub(crate) fn raised<E: pyo3::PyTypeInfo>(message: impl Into<String>) -> Raised {
    PyErr::from_type(PyType::new::<E>(python()), message.into()).into()
}

/// Raises what JavaScript threw.
#[cold]
pub(crate) fn raise(thrown: Js) -> Raised {
    if js::is_uncatchable(thrown.raw())
        && let Some(error) = interrupts::take_raised()
    {
        return error.into();
    }
    let frames = Frames::of(&thrown);
    if let Some(original) = original_exception(&thrown) {
        // SAFETY: the call takes over the reference.
        unsafe { ffi::PyErr_SetRaisedException(original.into_ptr()) };
    } else if let Err(raised) = raise_js_exception(&thrown) {
        return raised;
    }
    frames.add_to_traceback();
    Raised
}

/// The Python exception that a `PythonError` came from, if `sys` still remembers it.
fn original_exception(thrown: &Js) -> Option<Object> {
    if !js::is_object(thrown.raw()) {
        return None;
    }
    let address = js::get(thrown.raw(), &bridge().keys.error_address);
    let Ok(address) = address.and_then(|address| js::to_f64(address.raw())) else {
        js::discard_exception();
        return None;
    };
    let last = python().import(intern!(python(), "sys")).ok()?.getattr(intern!(python(), "last_exc")).ok()?;
    (address as usize == last.as_ptr() as usize).then_some(last)
}

/// Raises what JavaScript threw as a JsException, even if it is the error of a Python exception.
pub(crate) fn raise_as_javascript(thrown: Js) -> Raised {
    let frames = Frames::of(&thrown);
    if raise_js_exception(&thrown).is_ok() {
        frames.add_to_traceback();
    }
    Raised
}

fn raise_js_exception(thrown: &Js) -> Result<(), Raised> {
    let error = js::call(bridge().prelude().ensure_error.raw(), js::UNDEFINED, &[thrown.raw()]);
    let error = error.unwrap_or_else(|Pending| js::take_exception());
    if js::is_null(error.raw()) {
        // QuickJS had no memory left to make an error object.
        return Err(raised::<PyMemoryError>("JavaScript is out of memory"));
    }
    let exception = jsproxy::create(error, js::UNDEFINED)?;
    // SAFETY: both are live objects; a proxy of an error is an instance of its exception type.
    unsafe { ffi::PyErr_SetObject(ffi::Py_TYPE(exception.as_ptr()).cast(), exception.as_ptr()) };
    Ok(())
}

/// Takes Python's exception and makes a `PythonError` of it.
#[cold]
pub(crate) fn python_error() -> JsResult {
    // SAFETY: the indicator is set, as the caller has a `Raised`; the reference is ours.
    let exception = unsafe { Bound::from_owned_ptr_or_opt(python(), ffi::PyErr_GetRaisedException()) };
    let Some(exception) = exception else {
        return Err(js::throw_error(c"Error", "a Python call failed without an exception"));
    };
    let class = exception.get_type().qualname().map(|name| name.to_string()).unwrap_or_default();
    let message = format_traceback(&exception);
    // Only now: the text before is looked up by what was remembered then.
    remember(&exception);
    let message = strings::copy_to_js(message.as_borrowed())?;
    let address = Js::number(exception.as_ptr() as usize as f64);
    let arguments = [js::string(&class)?, message, address].map(Js::into_raw).map(Js::own);
    let arguments = arguments.each_ref().map(Js::raw);
    js::construct(bridge().prelude().python_error.raw(), &arguments)
}

/// Makes the exception `sys.last_exc` and its older names, as the interactive interpreter does.
fn remember(exception: &Object) {
    let remembered = (|| {
        let sys = python().import(intern!(python(), "sys"))?;
        sys.setattr(intern!(python(), "last_exc"), exception)?;
        sys.setattr(intern!(python(), "last_type"), exception.get_type())?;
        sys.setattr(intern!(python(), "last_value"), exception)?;
        sys.setattr(
            intern!(python(), "last_traceback"),
            exception.getattr(intern!(python(), "__traceback__"))?,
        )
    })();
    forget_failure(remembered);
}

fn format_traceback(exception: &Object) -> Object {
    let formatted = bridge().tracebacks().get_item("text").and_then(|text| Ok(text.call1((exception,))?));
    formatted.unwrap_or_else(|Raised| {
        // SAFETY: clears the indicator that is set.
        unsafe { ffi::PyErr_Clear() };
        intern!(python(), "<the traceback could not be formatted>\n").clone().into_any()
    })
}

/// Drops an error of a step that must not stop the error being reported.
fn forget_failure<T>(result: PyResult<T>) {
    if let Err(error) = result {
        error.restore(python());
        // SAFETY: clears the indicator that was just set.
        unsafe { ffi::PyErr_Clear() };
    }
}

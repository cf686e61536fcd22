//! The native functions that `mixins.py` is made of.

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyModule, PyTuple};

use super::iterator::{self, Step};
use super::{JsProxy, attributes, awaitable, call, create, create_with_features, features, value_of};
use crate::atoms::Atom;
use crate::bridge::{Object, bridge, python};
use crate::convert::{self, buffers, deep_to_python};
use crate::errors::{Pending, Raised, raised};
use crate::js::{self, JSValue, Js};
use crate::pyproxy;
use crate::threads::{Crossing, on_own_thread};

/// The module `native` of `mixins.py`.
pub(crate) fn python_helpers() -> PyResult<Bound<'static, PyModule>> {
    let module = PyModule::new(python(), "_pyodide_core.native")?;
    macro_rules! add {
        ($($function:ident),* $(,)?) => { $(module.add_function(wrap_pyfunction!($function, &module)?)?;)* };
    }
    add!(
        call_keeping,
        to_py,
        property_names,
        mangle,
        is_array,
        is_proxy,
        is_immutable,
        has_method,
        invoke,
        invoke_with_error,
        iterator_send,
        iterator_step,
        async_send,
        async_throw,
        async_return,
        bind_signature,
        lend,
        translate,
        call_raw,
        finish_call,
        end_call,
        promise_then,
        promise_finally,
        array,
        same_python,
        unwrap,
        plain,
        object_map,
        object_map_get,
        buffer_to_bytes,
        buffer_to_memoryview,
        buffer_to_string,
        buffer_assign,
        buffer_assign_to,
        buffer_length,
    );
    Ok(module)
}

/// The same object under the lifetime this crate uses.
fn own(object: &Bound<'_, PyAny>) -> Object {
    // SAFETY: the object is live and the GIL is held.
    unsafe { Bound::from_borrowed_ptr(python(), object.as_ptr()) }
}

/// The value of an argument that must be a proxy.
struct Argument(Option<JSValue>);

impl Argument {
    /// Does something with the value, on its thread. The caller holds the proxy meanwhile.
    fn with<T: Crossing>(self, operation: impl FnOnce(JSValue) -> Result<T, Raised>) -> Result<T, Raised> {
        match self.0 {
            Some(value) => on_own_thread(|| operation(value)),
            None => Err(raised::<PyTypeError>("Expected a JsProxy for the argument")),
        }
    }
}

fn value(object: &Bound<'_, PyAny>) -> Argument {
    Argument(value_of(object.as_ptr()))
}

type Answer = PyResult<Py<PyAny>>;

fn answer(result: Result<Object, Raised>) -> Answer {
    result.map(Bound::unbind).map_err(PyErr::from)
}

fn call_helper(function: &Js, arguments: &[JSValue]) -> Result<Object, Raised> {
    convert::to_python(js::call(function.raw(), js::UNDEFINED, arguments)?)
}

#[pyfunction]
#[pyo3(signature = (function, *arguments))]
fn call_keeping(function: &Bound<'_, PyAny>, arguments: &Bound<'_, PyTuple>) -> Answer {
    let arguments: Vec<Object> = arguments.iter().map(|argument| own(&argument)).collect();
    let arguments: Vec<_> = arguments.iter().map(Bound::as_borrowed).collect();
    answer(value(function).with(|function| call::call_keeping(function, &arguments)))
}

#[pyfunction]
fn to_py(proxy: &Bound<'_, PyAny>, depth: i64, default_converter: &Bound<'_, PyAny>) -> Answer {
    let converter = (!default_converter.is_none()).then(|| own(default_converter));
    answer(value(proxy).with(|value| deep_to_python::convert(Js::dup(value), depth, converter)))
}

#[pyfunction]
fn property_names(proxy: &Bound<'_, PyAny>) -> Answer {
    answer(value(proxy).with(attributes::property_names))
}

/// The name by which Python can write a property: a keyword gets an underscore.
#[pyfunction]
fn mangle(name: String) -> String {
    if bridge().keywords.contains(name.trim_end_matches('_')) { name + "_" } else { name }
}

#[pyfunction]
fn is_array(proxy: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(value(proxy).with(|value| Ok(js::is_array(value)))?)
}

#[pyfunction]
fn is_proxy(object: &Bound<'_, PyAny>) -> bool {
    value_of(object.as_ptr()).is_some()
}

#[pyfunction]
fn is_immutable(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(on_own_thread(|| Ok(convert::immutable_to_js(own(object).as_borrowed())?.is_some()))?)
}

#[pyfunction]
fn has_method(proxy: &Bound<'_, PyAny>, name: &str) -> PyResult<bool> {
    Ok(value(proxy).with(|value| Ok(features::has_method(value, &Atom::new(name))))?)
}

#[pyfunction]
#[pyo3(signature = (proxy, name, *arguments))]
fn invoke(proxy: &Bound<'_, PyAny>, name: &str, arguments: &Bound<'_, PyTuple>) -> Answer {
    answer(value(proxy).with(|proxy| {
        let mut list = Vec::new();
        for argument in arguments.iter() {
            list.push(convert::to_js(own(&argument).as_borrowed())?);
        }
        let list: Vec<_> = list.iter().map(Js::raw).collect();
        convert::to_python(js::invoke(proxy, &Atom::new(name), &list)?)
    }))
}

/// Calls a method with the JavaScript form of a Python exception.
#[pyfunction]
fn invoke_with_error(proxy: &Bound<'_, PyAny>, name: &str, error: Bound<'_, PyAny>) -> Answer {
    answer(value(proxy).with(|proxy| {
        let error = Js::from_exception(own(&error))?;
        convert::to_python(js::invoke(proxy, &Atom::new(name), &[error.raw()])?)
    }))
}

fn give_step(step: Step) -> Result<Object, Raised> {
    match step {
        Step::Yielded(value) => Ok(value),
        Step::Returned(value) => {
            Err(PyErr::new::<pyo3::exceptions::PyStopIteration, _>((value.unbind(),)).into())
        }
    }
}

#[pyfunction]
fn iterator_send(proxy: &Bound<'_, PyAny>, argument: &Bound<'_, PyAny>) -> Answer {
    answer(value(proxy).with(|proxy| {
        let argument = convert::to_js(own(argument).as_borrowed())?;
        give_step(iterator::send(proxy, argument.raw())?)
    }))
}

/// Reads the result of `next`, `throw` or `return`.
#[pyfunction]
fn iterator_step(result: &Bound<'_, PyAny>) -> Answer {
    answer(on_own_thread(|| read_step(result).and_then(give_step)))
}

/// A future of what an asynchronous iterator gives next.
#[pyfunction]
fn async_send(proxy: &Bound<'_, PyAny>, argument: &Bound<'_, PyAny>) -> Answer {
    answer(value(proxy).with(|proxy| {
        let argument = convert::to_js(own(argument).as_borrowed())?;
        iterator::send_async(proxy, argument.raw())
    }))
}

/// As [`async_send`], but the generator goes on with an exception.
#[pyfunction]
fn async_throw(proxy: &Bound<'_, PyAny>, error: &Bound<'_, PyAny>) -> Answer {
    answer(value(proxy).with(|proxy| {
        let error = Js::from_exception(own(error))?;
        let promise = js::invoke(proxy, &Atom::new("throw"), &[error.raw()])?;
        awaitable::future_of_step(&promise, false)
    }))
}

/// Ends an asynchronous generator; a *closing* end must not yield and gives None.
#[pyfunction]
fn async_return(proxy: &Bound<'_, PyAny>, closing: bool) -> Answer {
    answer(value(proxy).with(|proxy| {
        let promise = js::invoke(proxy, &Atom::new("return"), &[])?;
        awaitable::future_of_step(&promise, closing)
    }))
}

fn read_step(result: &Bound<'_, PyAny>) -> Result<Step, Raised> {
    iterator::step_of(&convert::to_js(own(result).as_borrowed())?)
}

/// A copy of a proxy with a signature, by which `signatures.py` converts its attributes, or its arguments and results.
#[pyfunction]
fn bind_signature(proxy: &Bound<'_, PyAny>, signature: &Bound<'_, PyAny>) -> Answer {
    answer(value(proxy).with(|value| {
        // SAFETY: `value` told that this is a proxy.
        let this = unsafe { JsProxy::of(proxy.as_ptr()).this };
        let copy = create(Js::dup(value), this)?;
        // SAFETY: the copy is new and owns what its field is given; a new proxy's field is null.
        unsafe { (*copy.as_ptr().cast::<JsProxy>()).signature = ffi::Py_NewRef(signature.as_ptr()) };
        Ok(copy)
    }))
}

/// An argument as it crosses: a new PyProxy is kept in `lent`, the call's list of such, and comes back as a proxy of itself.
#[pyfunction]
fn lend(object: &Bound<'_, PyAny>, lent: &Bound<'_, PyAny>) -> Answer {
    if is_immutable(object)? {
        return Ok(object.clone().unbind());
    }
    answer(value(lent).with(|lent| {
        let proxy = pyproxy::create(own(object).as_borrowed())?;
        js::set_index(lent, js::length(lent)? as u32, proxy.clone())?;
        create(proxy, js::UNDEFINED)
    }))
}

/// What an ordinary crossing makes of a raw result.
#[pyfunction]
fn translate(result: &Bound<'_, PyAny>) -> Answer {
    let Some(value) = value_of(result.as_ptr()) else { return Ok(result.clone().unbind()) };
    let unwrapped = on_own_thread(|| pyproxy::unwrap(value))?;
    Ok(unwrapped.map_or_else(|| result.clone().unbind(), Bound::unbind))
}

#[pyfunction]
fn call_raw(proxy: &Bound<'_, PyAny>, arguments: &Bound<'_, PyAny>, construct: bool) -> Answer {
    answer(value(proxy).with(|_| {
        let mut list = Vec::new();
        for argument in arguments.try_iter()? {
            list.push(convert::to_js(own(&argument?).as_borrowed())?);
        }
        call::call_raw(&own(proxy), &list, construct)
    }))
}

#[pyfunction]
fn finish_call(result: &Bound<'_, PyAny>, lent: &Bound<'_, PyAny>) -> Answer {
    answer(value(lent).with(|lent| {
        let proxies = lent_proxies(lent)?;
        call::finish_call(convert::to_js(own(result).as_borrowed())?, proxies)
    }))
}

/// Destroys what was lent to a call, and its result if that is a proxy too. An attribute lends nothing and keeps its value.
#[pyfunction]
fn end_call(result: &Bound<'_, PyAny>, lent: &Bound<'_, PyAny>) -> PyResult<()> {
    if lent.is_none() {
        return Ok(());
    }
    Ok(value(lent).with(|lent| {
        for proxy in lent_proxies(lent)? {
            pyproxy::destroy_borrowed(proxy.raw());
        }
        if let Some(result) = value_of(result.as_ptr()) {
            pyproxy::destroy_borrowed(result);
        }
        Ok(())
    })?)
}

fn lent_proxies(lent: JSValue) -> Result<Vec<Js>, Raised> {
    let count = js::length(lent)? as u32;
    Ok((0..count).map(|index| js::get_index(lent, index)).collect::<Result<_, _>>()?)
}

/// A handler of a promise: a function that is released when the promise settles, or `undefined`.
fn handler(object: &Bound<'_, PyAny>) -> Result<Js, Raised> {
    convert::to_js(own(object).as_borrowed())
}

#[pyfunction]
fn promise_then(
    proxy: &Bound<'_, PyAny>,
    fulfilled: &Bound<'_, PyAny>,
    rejected: &Bound<'_, PyAny>,
) -> Answer {
    answer(value(proxy).with(|value| {
        let (fulfilled, rejected) = (handler(fulfilled)?, handler(rejected)?);
        call_helper(&bridge().prelude().then, &[value, fulfilled.raw(), rejected.raw()])
    }))
}

#[pyfunction]
fn promise_finally(proxy: &Bound<'_, PyAny>, settled: &Bound<'_, PyAny>) -> Answer {
    answer(value(proxy).with(|value| {
        let settled = handler(settled)?;
        call_helper(&bridge().prelude().finally, &[value, settled.raw()])
    }))
}

/// A new JavaScript array of translated values.
#[pyfunction]
fn array(values: &Bound<'_, PyAny>) -> Answer {
    answer(on_own_thread(|| {
        let mut list = Vec::new();
        for value in values.try_iter()? {
            list.push(convert::to_js(own(&value?).as_borrowed())?);
        }
        convert::to_python(js::array(list)?)
    }))
}

/// Whether an element is a proxy of a Python object that equals another.
#[pyfunction]
fn same_python(proxy: &Bound<'_, PyAny>, index: u32, other: &Bound<'_, PyAny>) -> PyResult<bool> {
    let found = value(proxy).with(|array| {
        let element = js::get_index(array, index)?;
        if pyproxy::is_alive(element.raw()) { pyproxy::unwrap_any(element.raw()) } else { Ok(None) }
    })?;
    found.map_or(Ok(false), |object| object.eq(own(other)))
}

#[pyfunction]
fn unwrap(proxy: &Bound<'_, PyAny>) -> Answer {
    answer(value(proxy).with(|value| {
        pyproxy::unwrap_any(value)?.ok_or_else(|| raised::<PyTypeError>("Expected a double proxy"))
    }))
}

/// An ordinary proxy of the object that a view shows.
#[pyfunction]
fn plain(proxy: &Bound<'_, PyAny>) -> Answer {
    answer(value(proxy).with(|value| create(Js::dup(value), js::UNDEFINED)))
}

/// A proxy of the same object that shows it as a mapping of its properties.
#[pyfunction]
fn object_map(proxy: &Bound<'_, PyAny>, hereditary: bool, json: bool) -> Answer {
    answer(value(proxy).with(|value| {
        let flags = view_flags(features::detect(value), hereditary, json);
        create_with_features(Js::dup(value), js::UNDEFINED, flags)
    }))
}

/// The features of a view: JSON distinguishes lists from dicts; the other view is of objects only.
fn view_flags(flags: u32, hereditary: bool, json: bool) -> u32 {
    if json && flags & (features::IS_ARRAY | features::IS_ARRAY_LIKE | features::IS_ITERATOR) != 0 {
        return flags | features::IS_PY_JSON_SEQUENCE;
    }
    if !features::allows_object_map(flags) {
        return flags;
    }
    match (json, hereditary) {
        (true, _) => flags | features::IS_PY_JSON_DICT,
        (false, true) => flags | features::IS_OBJECT_MAP | features::IS_HEREDITARY,
        (false, false) => flags | features::IS_OBJECT_MAP,
    }
}

#[pyfunction]
fn object_map_get(proxy: &Bound<'_, PyAny>, key: &Bound<'_, PyAny>) -> Answer {
    answer(value(proxy).with(|object| {
        let key = own(key);
        let name = convert::to_js(key.as_borrowed())?;
        let has_own = bridge().prelude().has_own.raw();
        if !js::is_string(name.raw())
            || !js::truth(js::call(has_own, js::UNDEFINED, &[object, name.raw()])?.raw())?
        {
            return Err(super::mapping::missing_key(key.as_borrowed()));
        }
        let found = js::get(object, &Atom::from_value(name.raw())?)?;
        inherit_view(proxy, found)
    }))
}

/// Translates a value found in a view; it keeps the view if that is hereditary.
fn inherit_view(parent: &Bound<'_, PyAny>, found: Js) -> Result<Object, Raised> {
    if !js::is_object(found.raw()) || pyproxy::is_pyproxy(found.raw()) {
        return convert::to_python(found);
    }
    let parent: u32 = parent.get_type().getattr("_js_type_flags")?.extract()?;
    let json = parent & (features::IS_PY_JSON_DICT | features::IS_PY_JSON_SEQUENCE) != 0;
    if !json && parent & features::IS_HEREDITARY == 0 {
        return convert::to_python(found);
    }
    let flags = view_flags(features::detect(found.raw()), true, json);
    create_with_features(found, js::UNDEFINED, flags)
}

#[pyfunction]
fn buffer_to_bytes(proxy: &Bound<'_, PyAny>) -> Answer {
    answer(value(proxy).with(buffers::to_bytes))
}

#[pyfunction]
fn buffer_to_memoryview(proxy: &Bound<'_, PyAny>) -> Answer {
    answer(value(proxy).with(buffers::to_memoryview))
}

/// Decodes strictly; a name that Python doesn't know is tried by JavaScript's `TextDecoder` names.
#[pyfunction]
fn buffer_to_string(proxy: &Bound<'_, PyAny>, encoding: Option<&str>) -> Answer {
    answer(value(proxy).with(|value| {
        let encoding = encoding.unwrap_or("utf8");
        let bytes = buffers::to_bytes(value)?;
        Ok(bytes.call_method1("decode", (encoding,)).map_err(|error| {
            let message = format!("Failed to decode Javascript TypedArray as {encoding}");
            let failure = pyo3::exceptions::PyValueError::new_err(message);
            failure.set_cause(python(), Some(error));
            failure
        })?)
    }))
}

#[pyfunction]
fn buffer_assign(proxy: &Bound<'_, PyAny>, source: &Bound<'_, PyAny>) -> PyResult<()> {
    Ok(value(proxy).with(|value| buffers::assign(value, &own(source)))?)
}

#[pyfunction]
fn buffer_assign_to(proxy: &Bound<'_, PyAny>, target: &Bound<'_, PyAny>) -> PyResult<()> {
    Ok(value(proxy).with(|value| buffers::assign_to(value, &own(target)))?)
}

#[pyfunction]
fn buffer_length(proxy: &Bound<'_, PyAny>) -> PyResult<usize> {
    Ok(value(proxy).with(buffers::byte_length)?)
}

impl Js {
    /// The JavaScript error that a Python exception becomes.
    pub(crate) fn from_exception(error: Object) -> Result<Js, Raised> {
        PyErr::from_value(error).restore(python());
        crate::errors::python_error().map_err(|pending: Pending| pending.into())
    }
}

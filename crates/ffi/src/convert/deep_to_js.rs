//! `to_js` and `toJs`: a Python structure rebuilt out of JavaScript's own containers.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ffi::CStr;
use std::ptr::null_mut;

use pyo3::exceptions::{PyException, PyRecursionError, PyRuntimeError, PyTypeError};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyList, PySet, PyTuple};

use super::by_address::ByAddress;
use super::{buffers, check_depth, immutable_to_js, text_state, to_js};
use crate::atoms::Atom;
use crate::bridge::{Object, ObjectRef, bridge, python};
use crate::errors::{Raised, raised};
use crate::js::{self, JSValue, Js};
use crate::threads::on_own_thread;
use crate::{convert, jsproxy, pyproxy};

/// How to convert.
pub(crate) struct Options {
    /// How many levels to convert; negative for all.
    depth: i64,
    /// Collects the proxies that were made.
    pyproxies: Option<Js>,
    /// Whether what can't be converted may become a proxy.
    create_pyproxies: bool,
    dict_converter: Option<Js>,
    default_converter: Option<Converter>,
    eager_converter: Option<Converter>,
}

/// A function that converts in its own way, of either language.
enum Converter {
    Python(Object),
    JavaScript(Js),
}

impl Options {
    /// The options of `pyodide.ffi.to_js`, as keyword arguments; absent ones are None.
    pub(crate) fn from_python(options: &Bound<'static, PyDict>) -> Result<Options, Raised> {
        let get = |name: &str| -> Result<Option<Object>, Raised> {
            Ok(options.get_item(name)?.filter(|value| !value.is_none()))
        };
        let dict_converter = get("dict_converter")?.map(|value| to_js(value.as_borrowed())).transpose()?;
        Ok(Options {
            depth: get("depth")?.map_or(Ok(-1), |depth| depth.extract())?,
            pyproxies: get("pyproxies")?.map(|list| js_array(&list)).transpose()?,
            create_pyproxies: get("create_pyproxies")?.map_or(Ok(true), |value| value.is_truthy())?,
            dict_converter,
            default_converter: get("default_converter")?.map(Converter::Python),
            eager_converter: get("eager_converter")?.map(Converter::Python),
        })
    }

    /// The options of `PyProxy.toJs`.
    pub(crate) fn from_js(options: JSValue) -> Result<Options, Raised> {
        let get = |name: &CStr| -> Result<Option<Js>, Raised> {
            if !js::is_object(options) {
                return Ok(None);
            }
            let value = js::get_named(options, name)?;
            Ok((!js::is_undefined(value.raw()) && !js::is_null(value.raw())).then_some(value))
        };
        Ok(Options {
            depth: get(c"depth")?.map_or(Ok(-1.0), |depth| js::to_f64(depth.raw()))? as i64,
            pyproxies: get(c"pyproxies")?,
            create_pyproxies: get(c"create_pyproxies")?.map_or(Ok(true), |value| js::truth(value.raw()))?,
            dict_converter: get(c"dict_converter")?,
            default_converter: get(c"default_converter")?.map(Converter::JavaScript),
            eager_converter: get(c"eager_converter")?.map(Converter::JavaScript),
        })
    }
}

fn js_array(list: &Object) -> Result<Js, Raised> {
    match jsproxy::value_of(list.as_ptr()) {
        Some(value) if js::is_array(value) => Ok(Js::dup(value)),
        _ => Err(raised::<PyTypeError>("Expected a JsArray for the pyproxies argument")),
    }
}

/// Raises `pyodide.ffi.ConversionError`.
fn conversion_error(message: &str) -> Raised {
    let class = python().import("_pyodide._core_docs").and_then(|module| module.getattr("ConversionError"));
    match class.and_then(|class| class.call1((message,))) {
        Ok(error) => PyErr::from_value(error).into(),
        Err(error) => error.into(),
    }
}

/// What `to_js` raises: an exception that is no `ConversionError`, raised by a converter, becomes the cause of one.
/// Exceptions that end programs stay what they are, and so does the one of a stack that is used up.
pub(crate) fn as_conversion_error(raised: Raised) -> Raised {
    let cause = PyErr::from(raised);
    let class = python().import("_pyodide._core_docs").and_then(|module| module.getattr("ConversionError"));
    let is_other = class.is_ok_and(|class| !cause.value(python()).is_instance(&class).unwrap_or(false));
    let is_grave =
        !cause.is_instance_of::<PyException>(python()) || cause.is_instance_of::<PyRecursionError>(python());
    if !is_other || is_grave {
        return cause.into();
    }
    let error = PyErr::from(conversion_error("Conversion from python to javascript failed"));
    error.set_cause(python(), Some(cause));
    error.into()
}

/// Converts an object with all below it.
pub(crate) fn convert(object: ObjectRef<'_>, options: &Options) -> Result<Js, Raised> {
    let conversion = Conversion { options, done: RefCell::default(), eagerly: RefCell::default() };
    conversion.convert(object, options.depth)
}

/// One conversion: what has been converted already, by identity, so that cycles and shared parts stay what they are.
struct Conversion<'a> {
    options: &'a Options,
    done: RefCell<ByAddress<(Object, Js)>>,
    /// The objects that the eager converter was asked about.
    eagerly: RefCell<HashSet<*mut ffi::PyObject>>,
}

impl Conversion<'_> {
    fn convert(&self, object: ObjectRef<'_>, depth: i64) -> Result<Js, Raised> {
        if let Some(value) = immutable_to_js(object)? {
            return Ok(value);
        }
        if let Some((_, value)) = self.done.borrow().get(&object.as_ptr().addr()) {
            return Ok(value.clone());
        }
        if depth == 0 {
            return self.proxy(object);
        }
        check_depth("JavaScript")?;
        match &self.options.eager_converter {
            // Asked once for each object: its own call of `convert` means the usual conversion.
            Some(converter) if self.eagerly.borrow_mut().insert(object.as_ptr()) => {
                self.run_converter(converter, object, depth)
            }
            _ => self.convert_container(object, depth),
        }
    }

    fn remember(&self, object: ObjectRef<'_>, value: &Js) {
        self.done.borrow_mut().insert(object.as_ptr().addr(), (object.to_owned(), value.clone()));
    }

    fn convert_container(&self, object: ObjectRef<'_>, depth: i64) -> Result<Js, Raised> {
        if object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>() {
            return self.convert_sequence(object, depth);
        }
        if let Ok(dict) = object.cast::<PyDict>() {
            return self.convert_dict(&dict.to_owned(), depth);
        }
        if object.is_instance_of::<PySet>() {
            return self.convert_set(object);
        }
        // SAFETY: asks for a slot of the type.
        if unsafe { ffi::PyObject_CheckBuffer(object.as_ptr()) } != 0 {
            let value = buffers::copy_to_js(&object.to_owned())?;
            self.remember(object, &value);
            return Ok(value);
        }
        match &self.options.default_converter {
            Some(converter) => self.run_converter(converter, object, depth),
            None => self.proxy(object),
        }
    }

    fn convert_sequence(&self, object: ObjectRef<'_>, depth: i64) -> Result<Js, Raised> {
        let is_list = object.is_exact_instance_of::<PyList>();
        if !is_list && !object.is_exact_instance_of::<PyTuple>() {
            return self.convert_iterable(object, depth);
        }
        // What needs no conversion of its own cannot lead back here, and is gathered before there is an array.
        let (mut simple, mut index) = (Vec::new(), 0);
        let mut next = item_at(object, is_list, index);
        while let Some(item) = &next
            && let Some(value) = immutable_to_js(item.as_borrowed())?
        {
            simple.push(value);
            index += 1;
            next = item_at(object, is_list, index);
        }
        let array = js::array(simple)?;
        self.remember(object, &array);
        while let Some(item) = next {
            js::set_index(array.raw(), index as u32, self.convert(item.as_borrowed(), depth - 1)?)?;
            index += 1;
            next = item_at(object, is_list, index);
        }
        Ok(array)
    }

    /// A list or tuple of a class that may have its own way to be iterated over.
    fn convert_iterable(&self, object: ObjectRef<'_>, depth: i64) -> Result<Js, Raised> {
        let array = js::array(Vec::new())?;
        self.remember(object, &array);
        for (index, item) in object.try_iter()?.enumerate() {
            js::set_index(array.raw(), index as u32, self.convert(item?.as_borrowed(), depth - 1)?)?;
        }
        Ok(array)
    }

    fn convert_set(&self, object: ObjectRef<'_>) -> Result<Js, Raised> {
        let set = js::construct(js::get_named(js::global().raw(), c"Set")?.raw(), &[])?;
        for item in object.try_iter()? {
            let item = item?;
            let Some(value) = immutable_to_js(item.as_borrowed())? else {
                return Err(bad_key(&item, "Set"));
            };
            js::invoke(set.raw(), &bridge().keys.add, &[value.raw()])?;
        }
        self.remember(object, &set);
        Ok(set)
    }

    /// A dict becomes what its `dict_converter` makes of its entries, or else what this version of Pyodide makes of it: a Map
    /// whose string keys are properties too, or an object.
    fn convert_dict(&self, dict: &Bound<'static, PyDict>, depth: i64) -> Result<Js, Raised> {
        match &self.options.dict_converter {
            Some(converter) if js::strictly_equal(converter.raw(), bridge().prelude().from_entries.raw()) => {
                self.convert_by_from_entries(dict, depth)
            }
            Some(converter) => self.convert_by(converter, dict, depth),
            None if bridge().dialect().is_314() => self.convert_to_object(dict, depth),
            None => self.convert_to_map(dict, depth),
        }
    }

    fn convert_by(&self, converter: &Js, dict: &Bound<'static, PyDict>, depth: i64) -> Result<Js, Raised> {
        let entries = js::array(Vec::new())?;
        for (index, entry) in entries_of(dict)?.enumerate() {
            let (key, value) = entry?;
            let pair = js::array(vec![
                self.convert(key.as_borrowed(), depth - 1)?,
                self.convert(value.as_borrowed(), depth - 1)?,
            ])?;
            js::set_index(entries.raw(), index as u32, pair)?;
        }
        let made = js::call(converter.raw(), js::UNDEFINED, &[entries.raw()])?;
        self.remember(dict.as_any().as_borrowed(), &made);
        Ok(made)
    }

    /// What `Object.fromEntries` would make, without the entries in between. It is what nearly everybody asks for.
    fn convert_by_from_entries(&self, dict: &Bound<'static, PyDict>, depth: i64) -> Result<Js, Raised> {
        let made = js::object()?;
        self.remember(dict.as_any().as_borrowed(), &made);
        for_each_entry(dict, |key, value| {
            let define = |name: &Atom| {
                let value = self.convert(value.as_borrowed(), depth - 1)?;
                Ok(js::define(made.raw(), name, value, js::ORDINARY)?)
            };
            if is_interned(&key) {
                return bridge().caches.with_keyword(key.as_ptr(), define);
            }
            match Atom::of_ascii(key.as_borrowed())? {
                Some(name) => define(&name),
                None => define(&Atom::from_value(self.convert(key.as_borrowed(), depth - 1)?.raw())?),
            }
        })?;
        Ok(made)
    }

    fn convert_to_object(&self, dict: &Bound<'static, PyDict>, depth: i64) -> Result<Js, Raised> {
        let made = js::object()?;
        self.remember(dict.as_any().as_borrowed(), &made);
        for_each_entry(dict, |key, value| {
            let name = key_of_map(&key)?;
            set_new_key(&made, &name, self.convert(value.as_borrowed(), depth - 1)?)
        })?;
        Ok(made)
    }

    fn convert_to_map(&self, dict: &Bound<'static, PyDict>, depth: i64) -> Result<Js, Raised> {
        let prelude = bridge().prelude();
        let made = js::construct(prelude.literal_map.raw(), &[])?;
        self.remember(dict.as_any().as_borrowed(), &made);
        // The Map behind the proxy, which need not pass each entry on.
        let map = js::proxy_target(made.raw())?;
        for_each_entry(dict, |key, value| {
            let key = key_of_map(&key)?;
            let value = self.convert(value.as_borrowed(), depth - 1)?;
            Ok(js::call(prelude.map_set.raw(), map.raw(), &[key.raw(), value.raw()]).map(drop)?)
        })?;
        Ok(made)
    }

    fn proxy(&self, object: ObjectRef<'_>) -> Result<Js, Raised> {
        if !self.options.create_pyproxies {
            return Err(conversion_error("No conversion known for x."));
        }
        let proxy = pyproxy::create(object)?;
        if let Some(list) = &self.options.pyproxies {
            js::set_index(list.raw(), js::length(list.raw())? as u32, proxy.clone())?;
        }
        self.remember(object, &proxy);
        Ok(proxy)
    }

    fn run_converter(&self, converter: &Converter, object: ObjectRef<'_>, depth: i64) -> Result<Js, Raised> {
        // The helpers reach this conversion for the length of the call only: `lent` ends that.
        let lent = Lent::new(self, depth);
        let (convert, cache) = lent.python_helpers()?;
        let value = match converter {
            Converter::Python(function) => {
                let value = function.call1((object, convert, cache))?;
                match immutable_to_js(value.as_borrowed())? {
                    Some(value) => value,
                    None => return self.proxy(value.as_borrowed()),
                }
            }
            Converter::JavaScript(function) => {
                let object = pyproxy::create(object)?;
                let (convert, cache) = (to_js(convert.as_borrowed())?, to_js(cache.as_borrowed())?);
                js::call(function.raw(), js::UNDEFINED, &[object.raw(), convert.raw(), cache.raw()])?
            }
        };
        self.remember(object, &value);
        Ok(value)
    }
}

/// The item of a list or tuple at an index, unless it ends before.
fn item_at(sequence: ObjectRef<'_>, is_list: bool, index: ffi::Py_ssize_t) -> Option<Object> {
    // SAFETY: the caller says which of the two it is; the size is asked for each time, as a converter may change a list.
    unsafe {
        let sequence = sequence.as_ptr();
        let item = if is_list {
            (index < ffi::PyList_GET_SIZE(sequence)).then(|| ffi::PyList_GET_ITEM(sequence, index))
        } else {
            (index < ffi::PyTuple_GET_SIZE(sequence)).then(|| ffi::PyTuple_GET_ITEM(sequence, index))
        };
        item.map(|item| Bound::from_borrowed_ptr(python(), item))
    }
}

/// Does something with each key and value of a dict.
fn for_each_entry(
    dict: &Bound<'static, PyDict>,
    mut work: impl FnMut(Object, Object) -> Result<(), Raised>,
) -> Result<(), Raised> {
    if !dict.is_exact_instance_of::<PyDict>() {
        for entry in entries_of(dict)? {
            let (key, value) = entry?;
            work(key, value)?;
        }
        return Ok(());
    }
    let (size, mut place) = (dict.len(), 0);
    loop {
        let (mut key, mut value) = (null_mut(), null_mut());
        // SAFETY: a dict; the two references are borrowed from it, and become our own before anything else runs.
        let (key, value) = unsafe {
            if ffi::PyDict_Next(dict.as_ptr(), &raw mut place, &raw mut key, &raw mut value) == 0 {
                return Ok(());
            }
            (Bound::from_borrowed_ptr(python(), key), Bound::from_borrowed_ptr(python(), value))
        };
        work(key, value)?;
        if dict.len() != size {
            return Err(raised::<PyRuntimeError>("dictionary changed size during iteration"));
        }
    }
}

/// The items of a dict, as a subclass gives them.
fn entries_of(
    dict: &Bound<'static, PyDict>,
) -> Result<impl Iterator<Item = PyResult<(Object, Object)>>, Raised> {
    let items = dict.call_method0(intern!(python(), "items"))?;
    Ok(items.try_iter()?.map(|item| item?.extract()))
}

/// Whether a key is a `str` that Python has once only, as those of a program's text: worth remembering its atom.
fn is_interned(key: &Object) -> bool {
    // SAFETY: asks a live object for its type, and a `str` for its state.
    unsafe { ffi::PyUnicode_CheckExact(key.as_ptr()) != 0 && text_state::is_interned(key.as_ptr()) }
}

/// A key that JavaScript can tell apart from others as Python does.
fn key_of_map(key: &Object) -> Result<Js, Raised> {
    immutable_to_js(key.as_borrowed())?.ok_or_else(|| bad_key(key, "Map"))
}

fn bad_key(key: &Object, container: &str) -> Raised {
    let shown = key.repr().map(|text| text.to_string()).unwrap_or_default();
    conversion_error(&format!("Cannot use {shown} as a key for a Javascript {container}"))
}

/// Sets a property that the object must not have yet: two keys of a dict, like 1 and "1", may be one to JavaScript.
fn set_new_key(object: &Js, key: &Js, value: Js) -> Result<(), Raised> {
    let name = Atom::from_value(key.raw())?;
    if js::has(object.raw(), &name)? {
        let shown = convert::to_python(key.clone())?.repr()?;
        let message = "Key collision when converting Python dictionary to JavaScript.";
        return Err(conversion_error(&format!("{message} Key: {shown}")));
    }
    Ok(js::set(object.raw(), &name, value)?)
}

/// The helpers of a converter, which reach the conversion through a pointer that is cleared when the converter returns.
struct Lent(std::sync::Arc<LentConversion>);

struct LentConversion(std::sync::atomic::AtomicPtr<Conversion<'static>>, i64);

impl Lent {
    fn new(conversion: &Conversion<'_>, depth: i64) -> Lent {
        let pointer = std::ptr::from_ref(conversion).cast::<Conversion<'static>>().cast_mut();
        Lent(std::sync::Arc::new(LentConversion(pointer.into(), depth)))
    }

    /// `convert` and `cache`, as Python functions.
    fn python_helpers(&self) -> Result<(Object, Object), Raised> {
        let lent = std::sync::Arc::clone(&self.0);
        let convert = PyCFunction::new_closure(python(), None, None, move |arguments, _keywords| {
            let argument = static_bound(&arguments.get_item(0)?);
            let converted = on_own_thread(|| {
                let value = lent.conversion()?.convert(argument.as_borrowed(), lent.1 - 1)?;
                result_to_python(value)
            })?;
            Ok::<_, PyErr>(converted.unbind())
        })?;
        let lent = std::sync::Arc::clone(&self.0);
        let cache =
            PyCFunction::new_closure(python(), None, None, move |arguments, _keywords| -> PyResult<()> {
                let (object, value) = (arguments.get_item(0)?, arguments.get_item(1)?);
                Ok(on_own_thread(|| {
                    let value = to_js(static_bound(&value).as_borrowed())?;
                    lent.conversion()?.remember(static_bound(&object).as_borrowed(), &value);
                    Ok(())
                })?)
            })?;
        Ok((convert.into_any(), cache.into_any()))
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.0.0.store(std::ptr::null_mut(), std::sync::atomic::Ordering::Release);
    }
}

impl LentConversion {
    fn conversion(&self) -> PyResult<&Conversion<'static>> {
        // SAFETY: while the pointer is not null, the conversion is further up this thread's stack.
        unsafe { self.0.load(std::sync::atomic::Ordering::Acquire).as_ref() }
            .ok_or_else(|| PyTypeError::new_err("a converter's helpers may only be used while it runs"))
    }
}

/// The same object under the lifetime this crate uses.
fn static_bound(object: &Bound<'_, PyAny>) -> Object {
    // SAFETY: the object is live and the GIL is held.
    unsafe { Bound::from_borrowed_ptr(python(), object.as_ptr()) }
}

/// A converted value back in Python's hands: a proxy stays one, so that it can be destroyed.
pub(crate) fn result_to_python(value: Js) -> Result<Object, Raised> {
    if pyproxy::is_pyproxy(value.raw()) {
        return jsproxy::create(value, js::UNDEFINED);
    }
    convert::to_python(value)
}

/// Whether `to_js` gives the object back as it is.
pub(crate) fn is_unchanged(object: ObjectRef<'_>) -> Result<bool, Raised> {
    Ok(immutable_to_js(object)?.is_some())
}

//! `to_py`: a JavaScript structure rebuilt out of Python's own containers.

use std::cell::RefCell;

use hognose_engine::layout::{self, class};
use hognose_engine::raw;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyList, PySet, PyString};

use super::by_address::ByAddress;
use super::{buffers, check_depth, primitive_to_python, to_python};
use crate::atoms::{Name, index_of};
use crate::bridge::{Object, bridge, python};
use crate::errors::{Pending, Raised};
use crate::js::{self, JSAtom, JSValue, Js};
use crate::jsproxy::features::constructor_name;
use crate::threads::on_own_thread;

/// Converts a value with all below it; what has no Python form becomes a JsProxy or what `default_converter` makes of it.
pub(crate) fn convert(value: Js, depth: i64, default_converter: Option<Object>) -> Result<Object, Raised> {
    let done = std::sync::Arc::new(Done(RefCell::default()));
    Conversion { default_converter, done }.convert(value, depth)
}

/// What was converted already, by the object's address; the values are kept so that addresses are not reused.
struct Done(RefCell<ByAddress<(Js, Object)>>);

// SAFETY: the closures that carry this to Python use it on the bridge's thread only.
unsafe impl Send for Done {}
// SAFETY: as above.
unsafe impl Sync for Done {}

struct Conversion {
    default_converter: Option<Object>,
    done: std::sync::Arc<Done>,
}

/// What kind of container a value is.
enum Kind {
    Array,
    Map,
    Set,
    Object,
    Buffer,
    Other,
}

fn kind_of(value: JSValue) -> Result<Kind, Pending> {
    if js::is_array(value) {
        return Ok(Kind::Array);
    }
    if buffers::is_buffer(value) {
        return Ok(Kind::Buffer);
    }
    if is_plain(value)? {
        return Ok(Kind::Object);
    }
    let kind = js::call(bridge().prelude().kind_of.raw(), js::UNDEFINED, &[value])?;
    Ok(match js::text(kind.raw()).as_str() {
        "Map" => Kind::Map,
        "Set" => Kind::Set,
        "Object" => Kind::Object,
        _ => Kind::Other,
    })
}

/// Whether this is what most objects are: an ordinary one, right below `Object.prototype` or below nothing, that does not
/// say it were something else. So `kind_of` would find, which asks the same of any object.
fn is_plain(value: JSValue) -> Result<bool, Pending> {
    let keys = &bridge().keys;
    // SAFETY: an object that the caller keeps alive.
    let Some(prototype) = (unsafe { layout::prototype(value) }) else { return Ok(false) };
    let usual = bridge().ordinary().object_prototype();
    let is_ordinary = js::class_of(value) == class::OBJECT
        && (prototype.is_null() || prototype.addr() == js::address(usual));
    if !is_ordinary || js::is_string(js::get(value, &keys.to_string_tag)?.raw()) {
        return Ok(false);
    }
    let constructor = js::get(value, &keys.constructor)?;
    if js::is_undefined(constructor.raw()) {
        return Ok(true);
    }
    let usual = js::get(usual, &keys.constructor)?;
    Ok(js::strictly_equal(constructor.raw(), usual.raw()))
}

impl Conversion {
    fn convert(&self, value: Js, depth: i64) -> Result<Object, Raised> {
        if !js::is_object(value.raw()) {
            return primitive_to_python(value.raw());
        }
        if depth == 0 || crate::pyproxy::is_pyproxy(value.raw()) {
            return to_python(value);
        }
        if let Some((_, object)) = self.done.0.borrow().get(&js::address(value.raw())) {
            return Ok(object.clone());
        }
        check_depth("Python")?;
        self.convert_container(value, depth)
    }

    fn remember(&self, value: &Js, object: &Object) {
        self.done.0.borrow_mut().insert(js::address(value.raw()), (value.clone(), object.clone()));
    }

    fn convert_container(&self, value: Js, depth: i64) -> Result<Object, Raised> {
        match kind_of(value.raw())? {
            Kind::Array => self.convert_array(&value, depth),
            Kind::Map => self.convert_map(&value, depth),
            Kind::Set => self.convert_set(&value, depth),
            Kind::Object => self.convert_object(&value, depth),
            Kind::Buffer => {
                let made = buffers::to_memoryview(value.raw())?;
                self.remember(&value, &made);
                Ok(made)
            }
            Kind::Other => self.convert_other(value, depth),
        }
    }

    fn convert_array(&self, array: &Js, depth: i64) -> Result<Object, Raised> {
        if let Some(list) = primitives_to_list(array.raw())? {
            self.remember(array, &list);
            return Ok(list);
        }
        let list = PyList::empty(python());
        self.remember(array, list.as_any());
        let mut index = 0;
        // A converter may change the array.
        while i64::from(index) < js::length(array.raw())? {
            list.append(self.convert(js::get_index(array.raw(), index)?, depth - 1)?)?;
            index += 1;
        }
        Ok(list.into_any())
    }

    fn convert_object(&self, object: &Js, depth: i64) -> Result<Object, Raised> {
        let dict = PyDict::new(python());
        self.remember(object, dict.as_any());
        if let Some(properties) = plain_properties(object.raw())? {
            for (name, value) in properties {
                dict.set_item(name, self.convert(value, depth - 1)?)?;
            }
            return Ok(dict.into_any());
        }
        for key in js::own_keys(object.raw(), true)? {
            if let Some(name) = name_of(key.raw())? {
                dict.set_item(name, self.convert(js::get(object.raw(), &key)?, depth - 1)?)?;
            }
        }
        Ok(dict.into_any())
    }

    fn convert_map(&self, map: &Js, depth: i64) -> Result<Object, Raised> {
        let dict = PyDict::new(python());
        self.remember(map, dict.as_any());
        let entries = js::call(bridge().prelude().map_entries.raw(), js::UNDEFINED, &[map.raw()])?;
        let mut keys = Keys::default();
        for index in 0..js::length(entries.raw())? as u32 {
            let pair = js::get_index(entries.raw(), index)?;
            let (key, value) = (js::get_index(pair.raw(), 0)?, js::get_index(pair.raw(), 1)?);
            let key = keys.check(key, "key", "dict", "Map")?;
            dict.set_item(key, self.convert(value, depth - 1)?)?;
        }
        Ok(dict.into_any())
    }

    fn convert_set(&self, set: &Js, _depth: i64) -> Result<Object, Raised> {
        let made = PySet::empty(python())?;
        self.remember(set, made.as_any());
        let values = js::call(bridge().prelude().set_values.raw(), js::UNDEFINED, &[set.raw()])?;
        let mut keys = Keys::default();
        for index in 0..js::length(values.raw())? as u32 {
            made.add(keys.check(js::get_index(values.raw(), index)?, "key", "set", "Set")?)?;
        }
        Ok(made.into_any())
    }

    fn convert_other(&self, value: Js, depth: i64) -> Result<Object, Raised> {
        let Some(converter) = &self.default_converter else { return to_python(value) };
        let (convert, cache) = self.helpers(depth)?;
        let made = converter.call1((to_python(value.clone())?, convert, cache))?;
        self.remember(&value, &made);
        Ok(made)
    }

    /// `convert` and `cache`, as Python functions.
    fn helpers(&self, depth: i64) -> Result<(Object, Object), Raised> {
        let (done, converter) =
            (std::sync::Arc::clone(&self.done), self.default_converter.clone().map(Bound::unbind));
        let convert = PyCFunction::new_closure(python(), None, None, move |arguments, _keywords| {
            let argument = arguments.get_item(0)?;
            let default_converter = converter.as_ref().map(|converter| converter.bind(python()).clone());
            let nested = Conversion { default_converter, done: std::sync::Arc::clone(&done) };
            let converted = on_own_thread(|| nested.convert(value_of(&argument)?, depth - 1))?;
            Ok::<_, PyErr>(converted.unbind())
        })?;
        let done = std::sync::Arc::clone(&self.done);
        let cache =
            PyCFunction::new_closure(python(), None, None, move |arguments, _keywords| -> PyResult<()> {
                let (value, object) = (arguments.get_item(0)?, arguments.get_item(1)?);
                Ok(on_own_thread(|| {
                    let value = value_of(&value)?;
                    // SAFETY: the object is live and the GIL is held.
                    let object = unsafe { Bound::from_borrowed_ptr(python(), object.as_ptr()) };
                    done.0.borrow_mut().insert(js::address(value.raw()), (value, object));
                    Ok(())
                })?)
            })?;
        Ok((convert.into_any(), cache.into_any()))
    }
}

/// An array that has neither objects nor holes.
fn primitives_to_list(array: JSValue) -> Result<Option<Object>, Raised> {
    // Of what these become, nothing but memory can be lacking, and no code runs meanwhile.
    let is_simple = |&value: &JSValue| {
        matches!(
            js::tag(value),
            raw::JS_TAG_INT | raw::JS_TAG_FLOAT64 | raw::JS_TAG_STRING | raw::JS_TAG_BOOL | raw::JS_TAG_NULL
        )
    };
    let Some(elements) = js::elements(array) else { return Ok(None) };
    if elements.len() as i64 != js::length(array)? || !elements.iter().all(is_simple) {
        return Ok(None);
    }
    // SAFETY: a new list of that many places, each of which gets a reference of its own. If one fails, the others are null,
    // which the list allows where it is let go of.
    unsafe {
        let list = ffi::PyList_New(elements.len() as ffi::Py_ssize_t);
        let list = Bound::from_owned_ptr_or_opt(python(), list).ok_or(Raised)?;
        for (index, &element) in elements.iter().enumerate() {
            let item = primitive_to_python(element)?.into_ptr();
            ffi::PyList_SET_ITEM(list.as_ptr(), index as ffi::Py_ssize_t, item);
        }
        Ok(Some(list))
    }
}

type Named = (Bound<'static, PyString>, Js);

/// The enumerable properties of an object that has only plain ones, as they are now; `None` where QuickJS must be asked.
fn plain_properties(object: JSValue) -> Result<Option<Vec<Named>>, Raised> {
    // SAFETY: an object that the caller keeps alive; nothing runs while its properties are copied.
    let Some(properties) = (unsafe { layout::own_data(object) }) else { return Ok(None) };
    let mut copied = Vec::new();
    for (key, is_enumerable, value) in properties {
        if index_of(key).is_some() {
            // Indices come first, in their order.
            return Ok(None);
        }
        if is_enumerable && let Some(name) = name_of(key)? {
            copied.push((name, Js::dup(value)));
        }
    }
    Ok(Some(copied))
}

/// The name of a property, unless it is a symbol.
fn name_of(key: JSAtom) -> Result<Option<Bound<'static, PyString>>, Raised> {
    Ok(match bridge().caches.name(key)? {
        Name::Plain(name) | Name::Reserved(name) => Some(name),
        Name::Symbol => None,
    })
}

fn value_of(object: &Bound<'_, PyAny>) -> PyResult<Js> {
    // SAFETY: the object is live and the GIL is held.
    let object = unsafe { Bound::from_borrowed_ptr(python(), object.as_ptr()) };
    super::to_js(object.as_borrowed()).map_err(PyErr::from)
}

/// The keys of one Map or Set, checked for what Python would not tell apart.
#[derive(Default)]
struct Keys {
    numbers: [bool; 2],
    booleans: [bool; 2],
}

impl Keys {
    fn check(&mut self, key: Js, word: &str, target: &str, source: &str) -> Result<Object, Raised> {
        if js::is_object(key.raw()) {
            let class = constructor_name(key.raw());
            let message = format!("Cannot use {word} of type {class} as a key to a Python {target}");
            return Err(js::throw_error(c"Error", &message).into());
        }
        let truth = js::truth(key.raw())?;
        let slot = usize::from(truth);
        if key.tag() == raw::JS_TAG_BOOL {
            self.booleans[slot] = true;
        } else if !js::is_string(key.raw()) && js::strictly_equal(key.raw(), Js::integer(slot as i32).raw()) {
            self.numbers[slot] = true;
        }
        if self.booleans[slot] && self.numbers[slot] {
            let (number, boolean) = if truth { (1, "true") } else { (0, "false") };
            let message = format!(
                "Cannot faithfully convert {source} into Python since it contains both {number} and {boolean} as keys."
            );
            return Err(js::throw_error(c"Error", &message).into());
        }
        to_python(key)
    }
}

//! Property access on a proxy: the names of its prototype first, then the attributes of the Python object.
//!
//! QuickJS looks at an object's own properties before its prototypes. So the own properties of a proxy are the
//! attributes of its Python object, except those whose name the prototype has: these are left to the prototype, which also
//! gets the right `this` in this way. `$name` always means Python's. What JavaScript defined on the proxy itself
//! ([`own`](super::own)) comes before all; the items of a dict and of a sequence ([`items`](super::items)) come last.

use std::ffi::c_int;

use hognose_engine::raw;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::own::refused;
use super::{PyProxy, create, items, of};
use crate::atoms::{Atom, Name};
use crate::bridge::{Object, bridge, python};
use crate::convert;
use crate::errors::{Pending, Raised};
use crate::js::{self, JSAtom, JSValue, Js, context};

/// The text of a key that is no symbol.
pub(super) type PythonName = Bound<'static, PyString>;

/// Configurable and writable, but not enumerable: an object's attributes are nothing to walk over.
const ATTRIBUTE: c_int = (raw::JS_PROP_CONFIGURABLE | raw::JS_PROP_WRITABLE) as c_int;
/// `prototype` of a function: it can be set but never deleted.
const UNDELETABLE: c_int = raw::JS_PROP_WRITABLE as c_int;

/// The key as text, unless it is for the prototype of this proxy to answer.
fn python_name(object: JSValue, key: JSAtom) -> Result<Option<PythonName>, Pending> {
    match bridge().caches.name(key)? {
        Name::Symbol => Ok(None),
        Name::Plain(name) => Ok(Some(name)),
        Name::Reserved(name) => {
            let is_prototypes = !is_function_property(object, &name)
                && js::has(js::prototype(object)?.raw(), &Atom::dup(key))?;
            Ok((!is_prototypes).then_some(name))
        }
    }
}

/// What every JavaScript function has and no Python programmer means.
fn is_function_property(object: JSValue, name: &PythonName) -> bool {
    is_callable(object) && matches!(name.to_str(), Ok("name" | "length" | "caller" | "arguments"))
}

fn is_prototype_of_function(object: JSValue, name: &PythonName) -> bool {
    is_callable(object) && name.to_str().is_ok_and(|name| name == "prototype")
}

fn is_callable(object: JSValue) -> bool {
    // SAFETY: reads the object's class.
    bridge().classes().is_callable(unsafe { raw::JS_GetClassID(object) })
}

/// The attribute a name means: `$name` is `name`, whatever the prototype has.
fn attribute_name(name: &PythonName) -> PythonName {
    match name.to_str().ok().and_then(|text| text.strip_prefix('$')) {
        Some(rest) => PyString::new(python(), rest),
        None => name.clone(),
    }
}

/// The `getOwnPropertyDescriptor` trap, through which plain reads come as well.
pub(super) unsafe extern "C" fn get_own_property(
    _context: *mut raw::JSContext,
    descriptor: *mut raw::JSPropertyDescriptor,
    object: JSValue,
    key: JSAtom,
) -> c_int {
    let _frame = crate::stack::enter_js();
    match read(object, key, descriptor) {
        Ok(found) => found.into(),
        Err(Pending) => -1,
    }
}

/// Describes a property in a place that may be null, unless there is none.
fn read(object: JSValue, key: JSAtom, descriptor: *mut raw::JSPropertyDescriptor) -> Result<bool, Pending> {
    let proxy = of(object)?;
    if proxy.own.describe(key, descriptor)? {
        return Ok(true);
    }
    let Some((value, flags)) = read_python(object, proxy, key)? else { return Ok(false) };
    // SAFETY: QuickJS passes a place for the descriptor, or null if it wants none.
    if let Some(descriptor) = unsafe { descriptor.as_mut() } {
        descriptor.flags = flags;
        descriptor.value = value.into_raw();
        descriptor.getter = js::UNDEFINED;
        descriptor.setter = js::UNDEFINED;
    }
    Ok(true)
}

/// The value of a Python attribute or item, and how JavaScript may treat the property.
fn read_python(object: JSValue, proxy: &PyProxy, key: JSAtom) -> Result<Option<(Js, c_int)>, Pending> {
    if let Some((sequence, index)) = items::index_in_sequence(proxy, key)? {
        return Ok(items::read_index(&sequence, index)?.map(|value| (value, ATTRIBUTE)));
    }
    // Before the object is asked for: a destroyed proxy still has what its prototype gives.
    let Some(name) = python_name(object, key)? else { return Ok(None) };
    let target = proxy.object()?;
    if let Some(value) = read_attribute(proxy, &target, &attribute_name(&name), key)? {
        return Ok(Some((value, ATTRIBUTE)));
    }
    if let Some(value) = items::read_from_dict(&target, &name)? {
        return Ok(Some((value, js::ORDINARY)));
    }
    if is_prototype_of_function(object, &name) {
        return Ok(Some((Js::UNDEFINED, UNDELETABLE)));
    }
    // Here, so that those of `Function.prototype` are not found.
    Ok(is_function_property(object, &name).then_some((Js::UNDEFINED, ATTRIBUTE)))
}

fn read_attribute(
    proxy: &PyProxy,
    object: &Object,
    name: &PythonName,
    key: JSAtom,
) -> Result<Option<Js>, Raised> {
    let Some(value) = optional_attribute(object, name)? else { return Ok(None) };
    if let Some(value) = convert::immutable_to_js(value.as_borrowed())? {
        return Ok(Some(value));
    }
    if let Some(cached) = proxy.shared.attribute(key, &value) {
        return Ok(Some(cached));
    }
    let made = create(value.as_borrowed())?;
    proxy.shared.remember_attribute(key, made.clone());
    Ok(Some(made))
}

fn optional_attribute(object: &Object, name: &PythonName) -> Result<Option<Object>, Raised> {
    let mut value = std::ptr::null_mut();
    // SAFETY: both are live; a found value is a new reference.
    unsafe {
        match ffi::compat::PyObject_GetOptionalAttr(object.as_ptr(), name.as_ptr(), &raw mut value) {
            -1 => Err(Raised),
            0 => Ok(None),
            _ => Ok(Some(Bound::from_owned_ptr(python(), value))),
        }
    }
}

/// The `has` trap.
pub(super) unsafe extern "C" fn has(_context: *mut raw::JSContext, object: JSValue, key: JSAtom) -> c_int {
    let _frame = crate::stack::enter_js();
    contains(object, key).map_or(-1, c_int::from)
}

fn contains(object: JSValue, key: JSAtom) -> Result<bool, Pending> {
    let proxy = of(object)?;
    if proxy.own.describe(key, std::ptr::null_mut())? {
        return Ok(true);
    }
    if let Some((sequence, index)) = items::index_in_sequence(proxy, key)? {
        return Ok((index as usize) < sequence.len().map_err(Raised::from)?);
    }
    let Some(name) = python_name(object, key)? else {
        return js::has(js::prototype(object)?.raw(), &Atom::dup(key));
    };
    let target = proxy.object()?;
    Ok(is_prototype_of_function(object, &name)
        || optional_attribute(&target, &attribute_name(&name))?.is_some()
        || items::is_in_dict(&target, &name)?)
}

/// The `set` trap.
pub(super) unsafe extern "C" fn set(
    _context: *mut raw::JSContext,
    object: JSValue,
    key: JSAtom,
    value: JSValue,
    receiver: JSValue,
    _flags: c_int,
) -> c_int {
    let _frame = crate::stack::enter_js();
    write(object, key, value, receiver).map_or(-1, |()| 1)
}

fn write(object: JSValue, key: JSAtom, value: JSValue, receiver: JSValue) -> Result<(), Pending> {
    let proxy = of(object)?;
    if let Some((sequence, index)) = items::index_in_sequence(proxy, key)? {
        let value = convert::to_python(Js::dup(value))?;
        let written = items::in_range(sequence.set_item(index, value))?;
        return if written { Ok(()) } else { Err(refused("set", key)) };
    }
    let name = if proxy.own.describe(key, std::ptr::null_mut())? { None } else { python_name(object, key)? };
    let Some(name) = name else { return proxy.own.set(object, key, value, receiver) };
    let target = proxy.object()?;
    let value = convert::to_python(Js::dup(value))?;
    let attribute = attribute_name(&name);
    if let Some(dict) = items::as_dict(&target)
        && optional_attribute(&target, &attribute)?.is_none()
    {
        return Ok(items::write_to_dict(dict, &name, value)?);
    }
    Ok(target.setattr(attribute, value).map_err(Raised::from)?)
}

/// The `defineProperty` trap: the property is JavaScript's own, not an attribute.
pub(super) unsafe extern "C" fn define(
    _context: *mut raw::JSContext,
    object: JSValue,
    key: JSAtom,
    value: JSValue,
    getter: JSValue,
    setter: JSValue,
    flags: c_int,
) -> c_int {
    let defined = of(object).and_then(|proxy| proxy.own.define(object, key, [value, getter, setter], flags));
    defined.map_or(-1, c_int::from)
}

/// The `deleteProperty` trap.
pub(super) unsafe extern "C" fn delete(_context: *mut raw::JSContext, object: JSValue, key: JSAtom) -> c_int {
    let _frame = crate::stack::enter_js();
    remove(object, key).map_or(-1, c_int::from)
}

/// Whether the property is gone; `false` is an error in strict code only.
fn remove(object: JSValue, key: JSAtom) -> Result<bool, Pending> {
    let proxy = of(object)?;
    if let Some((sequence, index)) = items::index_in_sequence(proxy, key)? {
        return items::in_range(sequence.del_item(index));
    }
    if proxy.own.delete(key)? {
        return Ok(true);
    }
    // What the prototype has is not the proxy's to delete; JavaScript says nothing of that.
    let Some(name) = python_name(object, key)? else { return Ok(true) };
    let target = proxy.object()?;
    if is_prototype_of_function(object, &name) {
        return Err(refused("deleteProperty", key));
    }
    let attribute = attribute_name(&name);
    if let Some(dict) = items::as_dict(&target)
        && optional_attribute(&target, &attribute)?.is_none()
    {
        return Ok(items::delete_from_dict(dict, &name)?);
    }
    target.delattr(attribute).map_err(Raised::from)?;
    Ok(true)
}

/// The `ownKeys` trap: what `dir` gives, the keys of a dict or the indices of a sequence, and JavaScript's own.
pub(super) unsafe extern "C" fn own_keys(
    _context: *mut raw::JSContext,
    table: *mut *mut raw::JSPropertyEnum,
    count: *mut u32,
    object: JSValue,
) -> c_int {
    let _frame = crate::stack::enter_js();
    let Ok(keys) = key_names(object) else { return -1 };
    // SAFETY: QuickJS frees the table with its own allocator and takes over the atoms.
    unsafe {
        let size = size_of::<raw::JSPropertyEnum>() * keys.len().max(1);
        let entries = raw::js_malloc(context(), size as _).cast::<raw::JSPropertyEnum>();
        if entries.is_null() {
            return -1;
        }
        *count = keys.len() as u32;
        for (index, key) in keys.into_iter().enumerate() {
            // Whether a key is enumerable QuickJS asks of the property itself.
            entries.add(index).write(raw::JSPropertyEnum { is_enumerable: true, atom: key.into_raw() });
        }
        *table = entries;
    }
    0
}

fn key_names(object: JSValue) -> Result<Vec<Atom>, Pending> {
    let proxy = of(object)?;
    let target = proxy.object()?;
    let mut keys = attribute_names(&target)?;
    items::add_keys(&target, &mut keys)?;
    if is_callable(object) {
        keys.push(Atom::new("prototype"));
    }
    if let Some(own) = proxy.own.object() {
        keys.extend(js::own_keys(own.raw(), false)?);
    }
    Ok(unique(keys))
}

fn attribute_names(object: &Object) -> Result<Vec<Atom>, Raised> {
    let names =
        python().import(intern!(python(), "builtins"))?.call_method1(intern!(python(), "dir"), (object,))?;
    let mut keys = Vec::new();
    for name in names.try_iter()? {
        keys.push(Atom::from_python(&name?.cast_into::<PyString>().map_err(PyErr::from)?)?);
    }
    Ok(keys)
}

/// QuickJS demands that no key comes twice.
fn unique(keys: Vec<Atom>) -> Vec<Atom> {
    let mut seen = std::collections::HashSet::new();
    keys.into_iter().filter(|key| seen.insert(key.raw())).collect()
}

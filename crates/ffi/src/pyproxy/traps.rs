//! Property access on a proxy: the names of its prototype first, then the attributes of the Python object.
//!
//! QuickJS looks at an object's own properties before its prototypes. So the own properties of a proxy are the
//! attributes of its Python object, except those whose name the prototype has: these are left to the prototype, which also
//! gets the right `this` in this way. `$name` always means Python's.

use std::ffi::c_int;

use hognose_engine::raw;
use pyo3::exceptions::{PyAttributeError, PyIndexError, PyKeyError};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::{PyProxy, abilities, create, of};
use crate::atoms::{self, Atom, Name};
use crate::bridge::{Object, bridge, python};
use crate::convert;
use crate::errors::{Pending, Raised};
use crate::js::{self, JSAtom, JSValue, Js, context};

type PythonName = Bound<'static, PyString>;

/// The Python name a key stands for on this proxy; `None` leaves it to the prototype.
fn python_name(object: JSValue, key: JSAtom) -> Result<Option<PythonName>, Pending> {
    let name = match bridge().caches.name(key)? {
        Name::Symbol => return Ok(None),
        Name::Plain(name) => name,
        Name::Reserved(name) => {
            if !is_function_property(object, &name) && js::has(js::prototype(object)?.raw(), &Atom::dup(key))?
            {
                return Ok(None);
            }
            name
        }
    };
    match name.to_str().ok().and_then(|text| text.strip_prefix('$')) {
        Some(rest) => Ok(Some(PyString::new(python(), rest))),
        None => Ok(Some(name)),
    }
}

/// What every JavaScript function has and no Python programmer means.
fn is_function_property(object: JSValue, name: &PythonName) -> bool {
    // SAFETY: reads the object's class.
    let class = unsafe { raw::JS_GetClassID(object) };
    bridge().classes().is_callable(class)
        && matches!(name.to_str(), Ok("name" | "length" | "caller" | "arguments"))
}

/// The `getOwnPropertyDescriptor` trap, through which plain reads come as well.
pub(super) unsafe extern "C" fn get_own_property(
    _context: *mut raw::JSContext,
    descriptor: *mut raw::JSPropertyDescriptor,
    object: JSValue,
    key: JSAtom,
) -> c_int {
    let _frame = crate::stack::enter_js();
    match read(object, key) {
        Ok(None) => 0,
        Ok(Some(value)) => {
            // SAFETY: QuickJS passes a place for the descriptor, or null if it wants none.
            if let Some(descriptor) = unsafe { descriptor.as_mut() } {
                descriptor.flags = js::ORDINARY;
                descriptor.value = value.into_raw();
                descriptor.getter = js::UNDEFINED;
                descriptor.setter = js::UNDEFINED;
            }
            1
        }
        Err(Pending) => -1,
    }
}

fn read(object: JSValue, key: JSAtom) -> Result<Option<Js>, Pending> {
    let proxy = of(object)?;
    if let Some(index) = atoms::index_of(key)
        && abilities::of(proxy.object()?.as_borrowed())? & abilities::SEQUENCE != 0
    {
        return Ok(read_index(&proxy.object()?, index)?);
    }
    let Some(name) = python_name(object, key)? else { return Ok(None) };
    Ok(read_attribute(proxy, &proxy.object()?, &name, key)?)
}

fn read_attribute(
    proxy: &PyProxy,
    object: &Object,
    name: &PythonName,
    key: JSAtom,
) -> Result<Option<Js>, Raised> {
    let Some(value) = optional_attribute(object, name)? else { return read_dict_item(object, name) };
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

/// A dict shows its items as properties where it has no attribute of that name.
fn read_dict_item(object: &Object, name: &PythonName) -> Result<Option<Js>, Raised> {
    let Ok(dict) = object.cast_exact::<PyDict>() else { return Ok(None) };
    match dict.get_item(name)? {
        Some(value) => Ok(Some(convert::to_js(value.as_borrowed())?)),
        None => Ok(None),
    }
}

fn read_index(object: &Object, index: u32) -> Result<Option<Js>, Raised> {
    match object.get_item(index) {
        Ok(value) => Ok(Some(convert::to_js(value.as_borrowed())?)),
        Err(error) if error.is_instance_of::<PyIndexError>(python()) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The `has` trap.
pub(super) unsafe extern "C" fn has(_context: *mut raw::JSContext, object: JSValue, key: JSAtom) -> c_int {
    let _frame = crate::stack::enter_js();
    contains(object, key).map_or(-1, c_int::from)
}

fn contains(object: JSValue, key: JSAtom) -> Result<bool, Pending> {
    let target = of(object)?.object()?;
    if let Some(index) = atoms::index_of(key)
        && abilities::of(target.as_borrowed())? & abilities::SEQUENCE != 0
    {
        return Ok(read_index(&target, index)?.is_some());
    }
    let Some(name) = python_name(object, key)? else {
        return js::has(js::prototype(object)?.raw(), &Atom::dup(key));
    };
    if optional_attribute(&target, &name)?.is_some() {
        return Ok(true);
    }
    Ok(read_dict_item(&target, &name)?.is_some())
}

/// The `set` trap.
pub(super) unsafe extern "C" fn set(
    _context: *mut raw::JSContext,
    object: JSValue,
    key: JSAtom,
    value: JSValue,
    _receiver: JSValue,
    _flags: c_int,
) -> c_int {
    let _frame = crate::stack::enter_js();
    write(object, key, value).map_or(-1, |()| 1)
}

/// The `defineProperty` trap: only plain data properties can be attributes.
pub(super) unsafe extern "C" fn define(
    _context: *mut raw::JSContext,
    object: JSValue,
    key: JSAtom,
    value: JSValue,
    _getter: JSValue,
    _setter: JSValue,
    flags: c_int,
) -> c_int {
    let _frame = crate::stack::enter_js();
    if flags as u32 & raw::JS_PROP_HAS_VALUE == 0 {
        js::throw_type_error("Only data properties can be defined on a PyProxy");
        return -1;
    }
    write(object, key, value).map_or(-1, |()| 1)
}

fn write(object: JSValue, key: JSAtom, value: JSValue) -> Result<(), Pending> {
    let target = of(object)?.object()?;
    let value = convert::to_python(Js::dup(value))?;
    if let Some(index) = atoms::index_of(key)
        && abilities::of(target.as_borrowed())? & abilities::SEQUENCE != 0
    {
        return Ok(target.set_item(index, value).map_err(Raised::from)?);
    }
    let Some(name) = python_name(object, key)? else { return Err(cannot("set", key)) };
    if let Ok(dict) = target.cast_exact::<PyDict>() {
        return Ok(dict.set_item(name, value).map_err(Raised::from)?);
    }
    Ok(target.setattr(name, value).map_err(Raised::from)?)
}

fn cannot(verb: &str, key: JSAtom) -> Pending {
    let name = Atom::dup(key).to_value().and_then(|name| js::to_js_string(name.raw()));
    match name {
        Ok(name) => {
            js::throw_type_error(&format!("Cannot {verb} read only field '{}'", js::text(name.raw())))
        }
        Err(pending) => pending,
    }
}

/// The `deleteProperty` trap.
pub(super) unsafe extern "C" fn delete(_context: *mut raw::JSContext, object: JSValue, key: JSAtom) -> c_int {
    let _frame = crate::stack::enter_js();
    remove(object, key).map_or(-1, |()| 1)
}

fn remove(object: JSValue, key: JSAtom) -> Result<(), Pending> {
    let target = of(object)?.object()?;
    if let Some(index) = atoms::index_of(key)
        && abilities::of(target.as_borrowed())? & abilities::SEQUENCE != 0
    {
        return Ok(target.del_item(index).map_err(Raised::from)?);
    }
    let Some(name) = python_name(object, key)? else { return Err(cannot("delete", key)) };
    let removed =
        if target.is_exact_instance_of::<PyDict>() { target.del_item(&name) } else { target.delattr(&name) };
    match removed {
        Ok(()) => Ok(()),
        Err(error)
            if error.is_instance_of::<PyAttributeError>(python())
                || error.is_instance_of::<PyKeyError>(python()) =>
        {
            // JavaScript deletes what is not there without complaint.
            Ok(())
        }
        Err(error) => Err(Raised::from(error).into()),
    }
}

/// The `ownKeys` trap: what `dir` gives, a dict's string keys too.
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
            entries.add(index).write(raw::JSPropertyEnum { is_enumerable: true, atom: key.into_raw() });
        }
        *table = entries;
    }
    0
}

fn key_names(object: JSValue) -> Result<Vec<Atom>, Pending> {
    let target = of(object)?.object()?;
    let names = (|| {
        let names = python()
            .import(intern!(python(), "builtins"))?
            .call_method1(intern!(python(), "dir"), (&target,))?;
        let mut keys = Vec::new();
        for name in names.try_iter()? {
            keys.push(Atom::from_python(&name?.cast_into::<PyString>().map_err(PyErr::from)?)?);
        }
        if let Ok(dict) = target.cast_exact::<PyDict>() {
            for (key, _) in dict.iter() {
                if let Ok(key) = key.cast_into::<PyString>() {
                    keys.push(Atom::from_python(&key)?);
                }
            }
        }
        Ok::<_, Raised>(keys)
    })()?;
    Ok(unique(names))
}

/// QuickJS demands that no key comes twice.
fn unique(keys: Vec<Atom>) -> Vec<Atom> {
    let mut seen = std::collections::HashSet::new();
    keys.into_iter().filter(|key| seen.insert(key.raw())).collect()
}

//! Attributes of a proxy: the properties of the JavaScript object, after the names Python itself gives the proxy.

use std::ffi::c_int;

use hognose_engine::layout::Found;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::{JsProxy, features, give, give_status, give_truth, slot_value};
use crate::atoms::Atom;
use crate::bridge::{Object, ObjectRef, bridge, python};
use crate::convert::{self, strings};
use crate::errors::Raised;
use crate::js::{self, JSValue, Js};
use crate::pyproxy;
use crate::threads::on_own_thread;

unsafe extern "C" {
    // Exported by CPython, not declared by PyO3: the lookup along the types that the generic getattr begins with. It
    // gives a borrowed reference and sets no error.
    fn _PyType_Lookup(class: *mut ffi::PyTypeObject, name: *mut ffi::PyObject) -> *mut ffi::PyObject;
    // Of the C file beside this one, which knows CPython's frames.
    fn hognose_reads_to_call(name: *mut ffi::PyObject) -> bool;
}

/// `tp_getattro`
pub(super) unsafe extern "C" fn get(
    object: *mut ffi::PyObject,
    name: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython passes a live proxy and a `str`.
    unsafe {
        if is_defined_by_type(ffi::Py_TYPE(object), name) {
            return ffi::PyObject_GenericGetAttr(object, name);
        }
        if !JsProxy::of(object).exception.dict.is_null()
            && let Some(found) = from_dictionary(object, name)
        {
            return found;
        }
        if bridge().is_own_thread() { give(get_property(object, name)) } else { get_elsewhere(object, name) }
    }
}

#[cold]
fn get_elsewhere(object: *mut ffi::PyObject, name: *mut ffi::PyObject) -> *mut ffi::PyObject {
    give(on_own_thread(|| get_property(object, name)))
}

/// Whether the name is one of Python's own for such a proxy.
///
/// # Safety
/// `class` is a live type, `name` a `str`.
#[inline]
unsafe fn is_defined_by_type(class: *mut ffi::PyTypeObject, name: *mut ffi::PyObject) -> bool {
    let caches = &bridge().caches;
    // SAFETY: the caller's promise.
    unsafe {
        if caches.is_undefined(name, class) {
            return false;
        }
        let is_defined = !_PyType_Lookup(class, name).is_null();
        if !is_defined {
            caches.note_undefined(name, class);
        }
        is_defined
    }
}

/// The names that importlib sets on a module live in the proxy's own dictionary.
///
/// # Safety
/// `object` is a live proxy with a dictionary, `name` a `str`.
unsafe fn from_dictionary(
    object: *mut ffi::PyObject,
    name: *mut ffi::PyObject,
) -> Option<*mut ffi::PyObject> {
    // SAFETY: the caller's promise; the lookup gives a borrowed reference.
    unsafe {
        let found = ffi::PyDict_GetItemWithError(JsProxy::of(object).exception.dict, name);
        if found.is_null() {
            return None;
        }
        ffi::Py_INCREF(found);
        Some(found)
    }
}

#[expect(
    clippy::inline_always,
    reason = "it is called at one hot place, and at a cold one for other threads"
)]
#[inline(always)]
fn get_property(object: *mut ffi::PyObject, name: *mut ffi::PyObject) -> Result<Object, Raised> {
    // SAFETY: the caller has a live proxy.
    let &JsProxy { value, signature, .. } = unsafe { JsProxy::of(object) };
    bridge().caches.with_atom(name, |key| match js::find(value, key) {
        Found::Value(found) if !js::is_object(found) && signature.is_null() => {
            convert::primitive_to_python(found)
        }
        Found::Value(found) => give_property(Js::dup(found), value, key, name, signature),
        Found::Nothing => absent(value, name),
        Found::Computed | Found::Elsewhere => {
            let found = js::get(value, key)?;
            if js::is_undefined(found.raw()) && !js::has(value, key)? {
                return absent(value, name);
            }
            give_property(found, value, key, name, signature)
        }
    })
}

/// The property that was found in an object, as an attribute of its proxy.
fn give_property(
    found: Js,
    value: JSValue,
    key: &Atom,
    name: *mut ffi::PyObject,
    signature: *mut ffi::PyObject,
) -> Result<Object, Raised> {
    // A Python programmer who asks an array for `keys` means a mapping's, which would fool `dict(array)`.
    if key.raw() == bridge().keys.keys.raw() && js::is_array(value) && js::is_object(found.raw()) {
        return Err(missing(name));
    }
    if !signature.is_null() {
        return get_with_signature(found, value, name, signature);
    }
    if js::is_function(found.raw()) {
        return get_method(found, value, name);
    }
    convert::to_python(found)
}

/// A function, bound to the object it was read from. What is read to be called at once is not looked at for what else it
/// can do: nobody sees the proxy but the call.
fn get_method(found: Js, this: JSValue, name: *mut ffi::PyObject) -> Result<Object, Raised> {
    // SAFETY: the name is live, and a thread state attached.
    if unsafe { hognose_reads_to_call(name) } && !pyproxy::is_pyproxy(found.raw()) {
        return super::create_with_features(found, this, features::IS_CALLABLE);
    }
    convert::to_python_bound(found, this)
}

/// The attribute of an object that has a signature, converted as that says.
#[cold]
fn get_with_signature(
    found: Js,
    this: JSValue,
    name: *mut ffi::PyObject,
    signature: *mut ffi::PyObject,
) -> Result<Object, Raised> {
    let this = if js::is_function(found.raw()) { this } else { js::UNDEFINED };
    let found = super::create_raw(found, this)?;
    // SAFETY: the proxy keeps its signature, and the caller the name.
    let (signature, name): (ObjectRef<'_>, ObjectRef<'_>) =
        unsafe { (Borrowed::from_ptr(python(), signature), Borrowed::from_ptr(python(), name)) };
    Ok(bridge().signatures().get_item("attribute")?.call1((found, signature, name))?)
}

/// What isn't there: `from module import *` asks for `__all__` and means all properties.
#[cold]
fn absent(value: JSValue, name: *mut ffi::PyObject) -> Result<Object, Raised> {
    // SAFETY: the name of an attribute is a `str`.
    let text = unsafe { Borrowed::from_ptr(python(), name).cast_unchecked::<PyString>() };
    if !text.to_str().is_ok_and(|text| text == "__all__") {
        return Err(missing(name));
    }
    let names = pyo3::types::PyList::empty(python());
    for key in js::own_keys(value, false)? {
        names.append(convert::to_python(key.to_value()?)?)?;
    }
    Ok(names.into_any())
}

#[cold]
fn missing(name: *mut ffi::PyObject) -> Raised {
    // SAFETY: sets the error indicator to an AttributeError with the name as its argument.
    unsafe { ffi::PyErr_SetObject(ffi::PyExc_AttributeError, name) };
    Raised
}

/// Names that Python's import system sets on every module, `import js` included.
const MODULE_NAMES: [&str; 5] = ["__loader__", "__name__", "__package__", "__path__", "__spec__"];

/// `tp_setattro`: sets the property, or deletes it if there is no value.
pub(super) unsafe extern "C" fn set(
    object: *mut ffi::PyObject,
    name: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> c_int {
    // SAFETY: CPython passes a live proxy, a `str`, and a live object or null.
    unsafe {
        if belongs_to_python(object, name) {
            return ffi::PyObject_GenericSetAttr(object, name, value);
        }
        let value = (!value.is_null()).then(|| Borrowed::from_ptr(python(), value));
        give_status(slot_value(object).with(|target| set_property(target, name, value)))
    }
}

/// # Safety
/// `object` is a live proxy, `name` a `str`.
unsafe fn belongs_to_python(object: *mut ffi::PyObject, name: *mut ffi::PyObject) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        if !begins_with_underscore(name) {
            return false;
        }
        let text = Borrowed::from_ptr(python(), name).cast_unchecked::<PyString>();
        let Ok(text) = text.to_str() else { return false };
        if !text.starts_with("__") {
            return false;
        }
        MODULE_NAMES.contains(&text)
            || (ffi::PyExceptionInstance_Check(object) != 0
                && !_PyType_Lookup(ffi::Py_TYPE(object), name).is_null())
    }
}

/// A glance before the text is asked for.
///
/// # Safety
/// `name` is a `str`.
#[inline]
unsafe fn begins_with_underscore(name: *mut ffi::PyObject) -> bool {
    // SAFETY: the caller's promise; the data of every string ends in a zero, so the first unit is always there.
    unsafe {
        ffi::PyUnicode_KIND(name) == ffi::PyUnicode_1BYTE_KIND
            && *ffi::PyUnicode_DATA(name).cast::<u8>() == b'_'
    }
}

fn set_property(
    target: JSValue,
    name: *mut ffi::PyObject,
    value: Option<ObjectRef<'_>>,
) -> Result<(), Raised> {
    bridge().caches.with_atom(name, |key| match value {
        Some(value) => Ok(js::set(target, key, convert::to_js(value)?)?),
        None => Ok(js::delete(target, key).map(drop)?),
    })
}

/// `tp_repr`: what JavaScript shows.
pub(super) unsafe extern "C" fn repr(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: CPython passes a live proxy.
    give(unsafe { slot_value(object) }.with(|value| {
        let text = js::call(bridge().prelude().to_text.raw(), js::UNDEFINED, &[value])?;
        strings::to_python(text.raw())
    }))
}

/// `tp_richcompare`: identity for `==`; an order only where JavaScript has one.
pub(super) unsafe extern "C" fn compare(
    left: *mut ffi::PyObject,
    right: *mut ffi::PyObject,
    operation: c_int,
) -> *mut ffi::PyObject {
    // SAFETY: CPython passes two live objects, the first a proxy.
    unsafe {
        let Some(right) = super::value_of(right) else {
            return match operation {
                ffi::Py_EQ => ffi::Py_NewRef(ffi::Py_False()),
                ffi::Py_NE => ffi::Py_NewRef(ffi::Py_True()),
                _ => ffi::Py_NewRef(ffi::Py_NotImplemented()),
            };
        };
        give(slot_value(left).with(|left| {
            let answer = compare_values(left, right, operation)?;
            convert::to_python(js::Js::boolean(answer))
        }))
    }
}

fn compare_values(left: JSValue, right: JSValue, operation: c_int) -> Result<bool, Raised> {
    match operation {
        ffi::Py_EQ => Ok(js::strictly_equal(left, right)),
        ffi::Py_NE => Ok(!js::strictly_equal(left, right)),
        _ => {
            let operation = js::Js::integer(operation);
            let prelude = bridge().prelude();
            let answer = js::call(prelude.compare.raw(), js::UNDEFINED, &[left, right, operation.raw()])?;
            Ok(js::truth(answer.raw())?)
        }
    }
}

/// `nb_bool`: JavaScript's truth, but an empty container is false as in Python.
pub(super) unsafe extern "C" fn truth(object: *mut ffi::PyObject) -> c_int {
    // SAFETY: CPython passes a live proxy.
    give_truth(unsafe { slot_value(object) }.with(|value| {
        let answer = js::call(bridge().prelude().truth.raw(), js::UNDEFINED, &[value])?;
        Ok(js::truth(answer.raw())?)
    }))
}

/// The getter of `js_id`: a number that two proxies share exactly if they are of the same object.
pub(super) unsafe extern "C" fn identity(
    object: *mut ffi::PyObject,
    _closure: *mut std::ffi::c_void,
) -> *mut ffi::PyObject {
    // SAFETY: CPython passes a live proxy.
    let value = unsafe { slot_value(object) }.0;
    give(Ok(js::address(value).into_pyobject(python()).map_or_else(|never| match never {}, Bound::into_any)))
}

/// The getter of `typeof`.
pub(super) unsafe extern "C" fn type_of(
    object: *mut ffi::PyObject,
    _closure: *mut std::ffi::c_void,
) -> *mut ffi::PyObject {
    // SAFETY: CPython passes a live proxy.
    give(unsafe { slot_value(object) }.with(|value| {
        let name = if js::is_function(value) {
            "function"
        } else if super::is_symbol(value) {
            "symbol"
        } else {
            "object"
        };
        Ok(PyString::new(python(), name).into_any())
    }))
}

/// The names of an object's properties along its prototypes, for `dir`.
pub(super) fn property_names(value: JSValue) -> Result<Object, Raised> {
    let names = js::call(bridge().prelude().property_names.raw(), js::UNDEFINED, &[value])?;
    convert::to_python(names)
}

//! The items of dicts and sequences as properties of their proxies.
//!
//! An index of a sequence is an item of it. A dict shows its items where it has no attribute of that name; a name of digits
//! that is no key of it as a string stands for the number.

use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::traps::PythonName;
use super::{PyProxy, abilities};
use crate::atoms::{self, Atom};
use crate::bridge::{Object, python};
use crate::convert;
use crate::errors::{Pending, Raised};
use crate::js::{JSAtom, Js};

/// The object and the index that a key is, if it is one of a sequence.
pub(super) fn index_in_sequence(proxy: &PyProxy, key: JSAtom) -> Result<Option<(Object, u32)>, Pending> {
    let Some(index) = atoms::index_of(key) else { return Ok(None) };
    let object = proxy.object()?;
    let is_sequence = abilities::of(object.as_borrowed())? & abilities::SEQUENCE != 0;
    Ok(is_sequence.then_some((object, index)))
}

pub(super) fn read_index(object: &Object, index: u32) -> Result<Option<Js>, Raised> {
    match object.get_item(index) {
        Ok(value) => Ok(Some(convert::to_js(value.as_borrowed())?)),
        Err(error) if error.is_instance_of::<PyIndexError>(python()) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether a change at an index was made; it is not where the index is out of range.
pub(super) fn in_range(result: PyResult<()>) -> Result<bool, Pending> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.is_instance_of::<PyIndexError>(python()) => Ok(false),
        Err(error) => Err(Raised::from(error).into()),
    }
}

/// The object as a dict, if it is one and of no subclass: those have a mind of their own.
pub(super) fn as_dict(object: &Object) -> Option<&Bound<'static, PyDict>> {
    object.cast_exact::<PyDict>().ok()
}

/// The key of a dict that a property's name means.
fn key_of(dict: &Bound<'static, PyDict>, name: &PythonName) -> Result<Object, Raised> {
    let text = name.to_str().unwrap_or_default();
    let is_number = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    if !is_number || dict.contains(name)? {
        return Ok(name.clone().into_any());
    }
    Ok(python().get_type::<pyo3::types::PyInt>().call1((name,))?)
}

/// The item of that name.
pub(super) fn read_from_dict(object: &Object, name: &PythonName) -> Result<Option<Js>, Raised> {
    let Some(dict) = as_dict(object) else { return Ok(None) };
    match dict.get_item(key_of(dict, name)?)? {
        Some(value) => Ok(Some(convert::to_js(value.as_borrowed())?)),
        None => Ok(None),
    }
}

pub(super) fn is_in_dict(object: &Object, name: &PythonName) -> Result<bool, Raised> {
    let Some(dict) = as_dict(object) else { return Ok(false) };
    Ok(dict.contains(key_of(dict, name)?)?)
}

pub(super) fn write_to_dict(
    dict: &Bound<'static, PyDict>,
    name: &PythonName,
    value: Object,
) -> Result<(), Raised> {
    Ok(dict.set_item(key_of(dict, name)?, value)?)
}

/// Deletes an item; `false` if there is none.
pub(super) fn delete_from_dict(dict: &Bound<'static, PyDict>, name: &PythonName) -> Result<bool, Raised> {
    let key = key_of(dict, name)?;
    if !dict.contains(&key)? {
        return Ok(false);
    }
    dict.del_item(key)?;
    Ok(true)
}

/// The keys that JavaScript can name: of a dict its strings and numbers, of a sequence its indices and `length`.
pub(super) fn add_keys(object: &Object, keys: &mut Vec<Atom>) -> Result<(), Raised> {
    if let Some(dict) = as_dict(object) {
        for (key, _) in dict.iter() {
            if let Some(name) = name_of_key(&key)? {
                keys.push(Atom::from_python(&name)?);
            }
        }
    } else if abilities::of(object.as_borrowed())? & abilities::SEQUENCE != 0 {
        keys.extend((0..object.len()? as u32).map(Atom::from_index));
        keys.push(Atom::new("length"));
    }
    Ok(())
}

fn name_of_key(key: &Object) -> Result<Option<PythonName>, Raised> {
    if let Ok(name) = key.cast::<PyString>() {
        return Ok(Some(name.clone()));
    }
    let is_number =
        key.is_instance_of::<pyo3::types::PyInt>() || key.is_instance_of::<pyo3::types::PyFloat>();
    Ok(if is_number { Some(key.str()?) } else { None })
}

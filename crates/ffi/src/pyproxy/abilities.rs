//! What a Python object can do, as a set of flags that choose its proxy's prototype.
//!
//! The answer depends on the type, so it is remembered per type. Only a class object is looked at each time: subscripting
//! it is a matter of the class itself.

use std::cell::Cell;
use std::ptr::null_mut;

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;

use crate::bridge::{ObjectRef, bridge, python};
use crate::errors::Raised;

pub(crate) const LENGTH: u32 = 1;
pub(crate) const GET: u32 = 1 << 1;
pub(crate) const SET: u32 = 1 << 2;
pub(crate) const CONTAINS: u32 = 1 << 3;
pub(crate) const ITERABLE: u32 = 1 << 4;
pub(crate) const ITERATOR: u32 = 1 << 5;
pub(crate) const AWAITABLE: u32 = 1 << 6;
pub(crate) const BUFFER: u32 = 1 << 7;
pub(crate) const CALLABLE: u32 = 1 << 8;
pub(crate) const ASYNC_ITERABLE: u32 = 1 << 9;
pub(crate) const ASYNC_ITERATOR: u32 = 1 << 10;
pub(crate) const GENERATOR: u32 = 1 << 11;
pub(crate) const ASYNC_GENERATOR: u32 = 1 << 12;
pub(crate) const SEQUENCE: u32 = 1 << 13;
pub(crate) const MUTABLE_SEQUENCE: u32 = 1 << 14;
/// Of no object, but of the views that `asJsJson` gives.
pub(crate) const JSON_DICT: u32 = 1 << 15;
pub(crate) const JSON_SEQUENCE: u32 = 1 << 16;
pub(crate) const DICT: u32 = 1 << 17;

/// Every ability with the name by which `prelude.js` knows it.
pub(crate) const ALL: &[(&str, u32)] = &[
    ("LENGTH", LENGTH),
    ("GET", GET),
    ("SET", SET),
    ("CONTAINS", CONTAINS),
    ("ITERABLE", ITERABLE),
    ("ITERATOR", ITERATOR),
    ("AWAITABLE", AWAITABLE),
    ("BUFFER", BUFFER),
    ("CALLABLE", CALLABLE),
    ("ASYNC_ITERABLE", ASYNC_ITERABLE),
    ("ASYNC_ITERATOR", ASYNC_ITERATOR),
    ("GENERATOR", GENERATOR),
    ("ASYNC_GENERATOR", ASYNC_GENERATOR),
    ("SEQUENCE", SEQUENCE),
    ("MUTABLE_SEQUENCE", MUTABLE_SEQUENCE),
    ("JSON_DICT", JSON_DICT),
    ("JSON_SEQUENCE", JSON_SEQUENCE),
    ("DICT", DICT),
];

const CACHE_SLOTS: usize = 256;

/// The abilities of types seen before.
pub(crate) struct Cache(Box<[Cell<(*mut ffi::PyTypeObject, u32)>]>);

impl Cache {
    pub(crate) fn new() -> Cache {
        Cache(vec![Cell::new((null_mut(), 0)); CACHE_SLOTS].into())
    }
}

/// The abilities of an object.
#[inline]
pub(crate) fn of(object: ObjectRef<'_>) -> Result<u32, Raised> {
    // SAFETY: reads the type of a live object.
    let class = unsafe { ffi::Py_TYPE(object.as_ptr()) };
    let slot = &bridge().abilities.0[(class as usize >> 4) % CACHE_SLOTS];
    let (cached, abilities) = slot.get();
    if cached == class { Ok(abilities) } else { find_out(object, slot) }
}

#[cold]
fn find_out(object: ObjectRef<'_>, slot: &Cell<(*mut ffi::PyTypeObject, u32)>) -> Result<u32, Raised> {
    // SAFETY: `object` is live, so its type is.
    let class = unsafe { ffi::Py_TYPE(object.as_ptr()) };
    // SAFETY: as above.
    let slots = unsafe { of_slots(class, ffi::PyIter_Check(object.as_ptr()) != 0) };
    let mut abilities = slots | of_abstract_classes(object)?;
    // SAFETY: checks the type's flags.
    if unsafe { ffi::PyType_Check(object.as_ptr()) } != 0 {
        if object.hasattr(intern!(python(), "__class_getitem__"))? {
            abilities |= GET;
        }
        return Ok(abilities);
    }
    // SAFETY: the slot owns a reference to its type, so that the address is not reused.
    unsafe {
        ffi::Py_INCREF(class.cast());
        let (old, _) = slot.replace((class, abilities));
        ffi::Py_XDECREF(old.cast());
    }
    Ok(abilities)
}

/// # Safety
/// `class` is a live type.
unsafe fn of_slots(class: *mut ffi::PyTypeObject, has_next: bool) -> u32 {
    let mut abilities = 0;
    let mut add = |condition: bool, ability: u32| {
        if condition {
            abilities |= ability;
        }
    };
    // SAFETY: the tables of a ready type are valid or null.
    unsafe {
        let class = &*class;
        let sequence = class.tp_as_sequence.as_ref();
        let mapping = class.tp_as_mapping.as_ref();
        let asynchronous = class.tp_as_async.as_ref();
        let has_item = sequence.is_some_and(|table| table.sq_item.is_some());
        add(
            sequence.is_some_and(|table| table.sq_length.is_some())
                || mapping.is_some_and(|table| table.mp_length.is_some()),
            LENGTH,
        );
        add(mapping.is_some_and(|table| table.mp_subscript.is_some()), GET);
        add(mapping.is_some_and(|table| table.mp_ass_subscript.is_some()), SET);
        add(sequence.is_some_and(|table| table.sq_contains.is_some()), CONTAINS);
        // An iterator iterates over itself, whether it says so or not.
        add(class.tp_iter.is_some() || has_item || has_next, ITERABLE);
        add(has_next || asynchronous.is_some_and(|table| table.am_send.is_some()), ITERATOR);
        add(asynchronous.is_some_and(|table| table.am_await.is_some()), AWAITABLE);
        add(class.tp_as_buffer.as_ref().is_some_and(|table| table.bf_getbuffer.is_some()), BUFFER);
        add(class.tp_call.is_some(), CALLABLE);
        add(asynchronous.is_some_and(|table| table.am_aiter.is_some()), ASYNC_ITERABLE);
        add(asynchronous.is_some_and(|table| table.am_anext.is_some()), ASYNC_ITERATOR);
        add(std::ptr::eq(class, &raw const ffi::PyDict_Type), DICT);
    }
    abilities
}

fn of_abstract_classes(object: ObjectRef<'_>) -> Result<u32, Raised> {
    let classes = python().import(intern!(python(), "collections.abc"))?;
    let mut abilities = 0;
    for (name, ability) in [
        ("Generator", GENERATOR),
        ("AsyncGenerator", ASYNC_GENERATOR),
        ("Sequence", SEQUENCE),
        ("MutableSequence", MUTABLE_SEQUENCE),
    ] {
        if object.is_instance(&classes.getattr(name)?)? {
            abilities |= ability;
        }
    }
    Ok(abilities)
}

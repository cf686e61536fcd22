//! Strings: Python's of one, two or four bytes per code point, JavaScript's of Latin-1 or UTF-16.
//!
//! A Python string may hold a lone surrogate and so may a JavaScript one; both survive. The way back takes each form as it
//! is: UTF-16 by its units, Latin-1 through UTF-8, which for ASCII is the string itself.

use std::ffi::c_char;

use hognose_engine::raw;
use pyo3::ffi;
use pyo3::prelude::*;

use super::text_state::is_ascii;
use crate::bridge::{Object, ObjectRef, python};
use crate::errors::{Pending, Raised};
use crate::js::{self, JSValue, Js, JsResult, context};

/// A Python `str` (or an instance of a subclass) as a JavaScript string.
pub(crate) fn to_js(text: ObjectRef<'_>) -> Result<Js, Raised> {
    Ok(convert(text.as_ptr())?)
}

/// As [`to_js`], for text that is to be part of an error already being reported.
pub(crate) fn to_js_lossy(text: &Object) -> JsResult {
    convert(text.as_ptr())
}

fn convert(text: *mut ffi::PyObject) -> JsResult {
    // SAFETY: `text` is a `str`, whose data is `length` units of the kind it states.
    unsafe {
        let (data, length) = (ffi::PyUnicode_DATA(text), ffi::PyUnicode_GET_LENGTH(text) as usize);
        match ffi::PyUnicode_KIND(text) {
            ffi::PyUnicode_1BYTE_KIND if is_ascii(text) => ascii(data.cast(), length),
            ffi::PyUnicode_1BYTE_KIND => latin1(std::slice::from_raw_parts(data.cast(), length)),
            ffi::PyUnicode_2BYTE_KIND => js::string_utf16(std::slice::from_raw_parts(data.cast(), length)),
            _ => utf32(std::slice::from_raw_parts(data.cast(), length)),
        }
    }
}

/// # Safety
/// There are `length` bytes of ASCII.
unsafe fn ascii(text: *const c_char, length: usize) -> JsResult {
    // SAFETY: the bridge's invariant; the caller's promise makes the text UTF-8 of that many bytes.
    js::check(unsafe { raw::JS_NewStringLen(context(), text, length as _) })
}

fn latin1(text: &[u8]) -> JsResult {
    let units: Vec<u16> = text.iter().copied().map(u16::from).collect();
    js::string_utf16(&units)
}

/// How many units are put together on the stack.
const INLINE_UNITS: usize = 64;

fn utf32(text: &[u32]) -> JsResult {
    let length = text.len() + text.iter().filter(|&&point| point > 0xFFFF).count();
    if length <= INLINE_UNITS {
        let mut units = [0; INLINE_UNITS];
        // SAFETY: it is that long at least.
        unsafe { write_utf16(text, units.as_mut_ptr()) };
        return js::string_utf16(&units[..length]);
    }
    let mut units = Vec::with_capacity(length);
    // SAFETY: there is room for as many units as are written, all of them.
    unsafe {
        write_utf16(text, units.as_mut_ptr());
        units.set_len(length);
    }
    js::string_utf16(&units)
}

/// Writes code points as UTF-16.
///
/// # Safety
/// There is room for a unit of each, and for another of each beyond U+FFFF.
unsafe fn write_utf16(text: &[u32], mut place: *mut u16) {
    let mut push = |unit| {
        // SAFETY: the caller's promise.
        unsafe {
            place.write(unit);
            place = place.add(1);
        }
    };
    for &point in text {
        if point > 0xFFFF {
            let offset = point - 0x1_0000;
            push(0xD800 | (offset >> 10) as u16);
            push(0xDC00 | (offset & 0x3FF) as u16);
        } else {
            push(point as u16);
        }
    }
}

/// A JavaScript string as a Python `str`.
pub(crate) fn to_python(value: JSValue) -> Result<Object, Raised> {
    if js::is_wide_string(value) { wide_to_python(value) } else { narrow_to_python(value) }
}

fn narrow_to_python(value: JSValue) -> Result<Object, Raised> {
    let mut length: raw::size_t = 0;
    // SAFETY: the bridge's invariant; the buffer holds `length` bytes until it is freed.
    unsafe {
        let bytes = raw::JS_ToCStringLen2(context(), &raw mut length, value, false);
        if bytes.is_null() {
            return Err(Pending.into());
        }
        let text = std::slice::from_raw_parts(bytes.cast::<u8>(), length as usize);
        let made = if text.is_ascii() { from_ascii(text) } else { from_utf8(text) };
        raw::JS_FreeCString(context(), bytes);
        made
    }
}

fn wide_to_python(value: JSValue) -> Result<Object, Raised> {
    let mut length: raw::size_t = 0;
    // SAFETY: the bridge's invariant; the buffer holds `length` units until it is freed.
    unsafe {
        let units = raw::JS_ToCStringLenUTF16(context(), &raw mut length, value);
        if units.is_null() {
            return Err(Pending.into());
        }
        let made = from_utf16(std::slice::from_raw_parts(units, length as usize));
        raw::JS_FreeCStringUTF16(context(), units);
        made
    }
}

/// In the narrowest form that holds all code points, as CPython demands. A surrogate without its other half stays.
fn from_utf16(units: &[u16]) -> Result<Object, Raised> {
    let bits = units.iter().fold(0, |bits, unit| bits | unit);
    if bits < 0x100 {
        return filled(units.len(), bits.into(), |data: &mut [u8]| {
            data.iter_mut().zip(units).for_each(|(byte, &unit)| *byte = unit as u8);
        });
    }
    // A sum of narrow numbers, for many units at a time.
    let pairs: u32 =
        units.iter().zip(units.iter().skip(1)).map(|(&high, &low)| u32::from(is_pair(high, low))).sum();
    if pairs == 0 {
        return filled(units.len(), 0xFFFF, |data: &mut [u16]| data.copy_from_slice(units));
    }
    filled(units.len() - pairs as usize, 0x0010_FFFF, |data: &mut [u32]| join_pairs(units, data))
}

/// Whether these are the two halves of one code point.
fn is_pair(high: u16, low: u16) -> bool {
    high & 0xFC00 == 0xD800 && low & 0xFC00 == 0xDC00
}

fn join_pairs(units: &[u16], points: &mut [u32]) {
    let mut index = 0;
    for point in points {
        let (high, low) = (units[index], units.get(index + 1).copied().unwrap_or_default());
        index += 1;
        *point = u32::from(high);
        if is_pair(high, low) {
            *point = 0x1_0000 + (u32::from(high & 0x3FF) << 10 | u32::from(low & 0x3FF));
            index += 1;
        }
    }
}

fn from_ascii(text: &[u8]) -> Result<Object, Raised> {
    filled(text.len(), 0x7F, |data: &mut [u8]| data.copy_from_slice(text))
}

/// A `str` of `length` code points up to `highest`, which decides how wide its units are; `fill` writes them.
fn filled<Unit>(length: usize, highest: u32, fill: impl FnOnce(&mut [Unit])) -> Result<Object, Raised> {
    // SAFETY: a new string of that many units, which CPython makes as wide as `Unit` for the highest code point of each
    // caller, is filled before anybody else sees it.
    unsafe {
        let made = ffi::PyUnicode_New(length as ffi::Py_ssize_t, highest);
        if made.is_null() {
            return Err(Raised);
        }
        if length > 0 {
            fill(std::slice::from_raw_parts_mut(ffi::PyUnicode_DATA(made).cast(), length));
        }
        Ok(Bound::from_owned_ptr(python(), made))
    }
}

/// QuickJS writes a lone surrogate as three bytes, as Python's `surrogatepass` reads it.
fn from_utf8(text: &[u8]) -> Result<Object, Raised> {
    let length = text.len() as ffi::Py_ssize_t;
    // SAFETY: the bytes are alive; the result is a new reference, or null with the error indicator set.
    unsafe {
        let made = ffi::PyUnicode_DecodeUTF8(text.as_ptr().cast(), length, c"surrogatepass".as_ptr());
        Bound::from_owned_ptr_or_opt(python(), made).ok_or(Raised)
    }
}

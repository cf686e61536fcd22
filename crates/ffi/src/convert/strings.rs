//! Strings: Python's of one, two or four bytes per code point, JavaScript's of Latin-1 or UTF-16.
//!
//! A Python string may hold a lone surrogate and so may a JavaScript one; both survive. QuickJS does not say which
//! of its two forms a string has, so the way back is through UTF-8, which for ASCII is the string itself.

use std::ffi::c_char;

use hognose_engine::raw;
use pyo3::ffi;
use pyo3::prelude::*;

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
            ffi::PyUnicode_1BYTE_KIND => latin1(std::slice::from_raw_parts(data.cast(), length)),
            ffi::PyUnicode_2BYTE_KIND => js::string_utf16(std::slice::from_raw_parts(data.cast(), length)),
            _ => utf32(std::slice::from_raw_parts(data.cast(), length)),
        }
    }
}

fn latin1(text: &[u8]) -> JsResult {
    if text.is_ascii() {
        // SAFETY: the bridge's invariant; the text is UTF-8 of that many bytes.
        return js::check(unsafe {
            raw::JS_NewStringLen(context(), text.as_ptr().cast::<c_char>(), text.len() as _)
        });
    }
    let units: Vec<u16> = text.iter().copied().map(u16::from).collect();
    js::string_utf16(&units)
}

fn utf32(text: &[u32]) -> JsResult {
    let mut units = Vec::with_capacity(text.len() + text.len() / 4);
    for &point in text {
        if let Ok(unit) = u16::try_from(point) {
            units.push(unit);
        } else {
            let offset = point - 0x1_0000;
            units.extend([0xD800 | (offset >> 10) as u16, 0xDC00 | (offset & 0x3FF) as u16]);
        }
    }
    js::string_utf16(&units)
}

/// A JavaScript string as a Python `str`.
pub(crate) fn to_python(value: JSValue) -> Result<Object, Raised> {
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

fn from_ascii(text: &[u8]) -> Result<Object, Raised> {
    // SAFETY: a new string of that many one-byte units is filled before anybody else sees it.
    unsafe {
        let made = ffi::PyUnicode_New(text.len() as ffi::Py_ssize_t, 127);
        if made.is_null() {
            return Err(Raised);
        }
        if !text.is_empty() {
            std::ptr::copy_nonoverlapping(text.as_ptr(), ffi::PyUnicode_DATA(made).cast(), text.len());
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

//! Strings: Python's of one, two or four bytes per code point, JavaScript's of Latin-1 or UTF-16.
//!
//! A Python string may hold a lone surrogate and so may a JavaScript one; both survive. The way back takes each form as it
//! is, by its units.

use std::ffi::c_char;

use hognose_engine::layout::{self, Units};
use hognose_engine::raw;
use pyo3::ffi;
use pyo3::prelude::*;

use super::text_state::{is_ascii, is_interned};
use crate::bridge::{Object, ObjectRef, bridge, python};
use crate::errors::Raised;
use crate::js::{self, JSValue, Js, JsResult, context};

/// A Python `str` (or an instance of a subclass) as a JavaScript string.
#[inline]
pub(crate) fn to_js(text: ObjectRef<'_>) -> Result<Js, Raised> {
    if is_remembered(text.as_ptr())
        && let Some(known) = bridge().caches.text(text.as_ptr())?
    {
        return Ok(known);
    }
    Ok(copy_to_js(text)?)
}

/// How long a string may be to be worth remembering.
const REMEMBERED_LENGTH: ffi::Py_ssize_t = 64;

/// Whether this is one of the strings that Python has once only, as those of a program's text.
#[inline]
fn is_remembered(text: *mut ffi::PyObject) -> bool {
    // SAFETY: asks a `str` for its type, its state and its length.
    unsafe {
        is_interned(text)
            && ffi::PyUnicode_CheckExact(text) != 0
            && (1..=REMEMBERED_LENGTH).contains(&ffi::PyUnicode_GET_LENGTH(text))
    }
}

/// As [`to_js`], always as a new string.
pub(crate) fn copy_to_js(text: ObjectRef<'_>) -> JsResult {
    let text = text.as_ptr();
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

fn utf32(text: &[u32]) -> JsResult {
    let length = text.len() + text.iter().filter(|&&point| point > 0xFFFF).count();
    // What it is made of does not matter yet; there are two units where each code point is.
    // SAFETY: the bridge's invariant; the text, which is not empty, has as many units and more.
    let made = js::check(unsafe { raw::JS_NewStringUTF16(context(), text.as_ptr().cast(), length as _) })?;
    // SAFETY: nobody else has it yet.
    write_utf16(text, unsafe { layout::units_to_write(made.raw()) });
    Ok(made)
}

/// How many code points are looked at together.
const TOGETHER: usize = 8;

/// Two units as the one number that they are in memory.
type Pair = u32;

const _: () = assert!(cfg!(target_endian = "little"), "the first unit of a pair is the lower half");

/// Writes code points as UTF-16, which there is exactly room for. Text has few changes between what takes one unit and what
/// takes two: as long as there is none, many are done at once.
fn write_utf16(mut text: &[u32], mut units: &mut [u16]) {
    while let Some(&first) = text.first() {
        if let Some((points, rest)) = text.split_first_chunk::<TOGETHER>() {
            if points.iter().fold(1, |all, &point| all & u32::from(point >> 16 != 0)) == 1 {
                let (place, others) = units.split_at_mut(2 * TOGETHER);
                place.copy_from_slice(&units_of(points.map(split)));
                (text, units) = (rest, others);
                continue;
            }
            if points.iter().fold(0, |bits, &point| bits | point) >> 16 == 0 {
                let (place, others) = units.split_at_mut(TOGETHER);
                place.copy_from_slice(&points.map(|point| point as u16));
                (text, units) = (rest, others);
                continue;
            }
        }
        let count = if first >> 16 == 0 { 1 } else { 2 };
        let (place, others) = units.split_at_mut(count);
        let pair = if count == 1 { first } else { split(first) };
        place.iter_mut().zip([pair as u16, (pair >> 16) as u16]).for_each(|(unit, half)| *unit = half);
        (text, units) = (&text[1..], others);
    }
}

/// The two units of a code point beyond U+FFFF.
fn split(point: u32) -> Pair {
    let offset = point.wrapping_sub(0x1_0000);
    (0xD800 | offset >> 10) | (0xDC00 | offset & 0x3FF) << 16
}

/// The code point of two units.
fn join(pair: Pair) -> u32 {
    0x1_0000 + ((pair & 0x3FF) << 10 | pair >> 16 & 0x3FF)
}

/// Whether these are the two halves of one code point.
fn is_whole(pair: Pair) -> bool {
    pair & 0xFC00_FC00 == 0xDC00_D800
}

fn units_of(pairs: [Pair; TOGETHER]) -> [u16; 2 * TOGETHER] {
    // SAFETY: as many bytes, any of which are numbers.
    unsafe { std::mem::transmute(pairs) }
}

fn pairs_of(units: [u16; 2 * TOGETHER]) -> [Pair; TOGETHER] {
    // SAFETY: as in `units_of`.
    unsafe { std::mem::transmute(units) }
}

/// A JavaScript string as a Python `str`.
#[inline]
pub(crate) fn to_python(value: JSValue) -> Result<Object, Raised> {
    if js::tag(value) != raw::JS_TAG_STRING {
        return pieces_to_python(value);
    }
    // SAFETY: a string that the caller keeps alive; no JavaScript runs while its units are read.
    match unsafe { layout::units(value) } {
        Units::Narrow(units) => from_latin1(units),
        Units::Wide(units) => from_utf16(units),
    }
}

/// A string that is still in pieces.
fn pieces_to_python(value: JSValue) -> Result<Object, Raised> {
    let mut pieces = Vec::new();
    // SAFETY: as in `to_python`.
    unsafe { layout::pieces(value, &mut |piece| pieces.push(piece)) };
    if pieces.iter().any(|piece| matches!(piece, Units::Wide(_))) {
        return from_utf16(&joined(&pieces));
    }
    let narrow = || {
        pieces.iter().filter_map(|piece| if let Units::Narrow(units) = piece { Some(*units) } else { None })
    };
    let highest = if narrow().all(<[u8]>::is_ascii) { 0x7F } else { 0xFF };
    filled(narrow().map(<[u8]>::len).sum(), highest, |mut data: &mut [u8]| {
        for units in narrow() {
            let (place, rest) = data.split_at_mut(units.len());
            place.copy_from_slice(units);
            data = rest;
        }
    })
}

fn joined(pieces: &[Units<'_>]) -> Vec<u16> {
    let mut all = Vec::new();
    for piece in pieces {
        match piece {
            Units::Narrow(units) => all.extend(units.iter().copied().map(u16::from)),
            Units::Wide(units) => all.extend_from_slice(units),
        }
    }
    all
}

fn from_latin1(text: &[u8]) -> Result<Object, Raised> {
    let highest = if text.is_ascii() { 0x7F } else { 0xFF };
    filled(text.len(), highest, |data: &mut [u8]| data.copy_from_slice(text))
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

/// Writes code points, which there is exactly room for. As in [`write_utf16`], many are done at once.
fn join_pairs(mut units: &[u16], mut points: &mut [u32]) {
    while let Some(&first) = units.first() {
        let (mut used, mut made) = (1, 1);
        let pairs = units.first_chunk::<{ 2 * TOGETHER }>().map(|&units| pairs_of(units));
        if let Some(pairs) =
            pairs.filter(|pairs| pairs.iter().fold(1, |all, &pair| all & u32::from(is_whole(pair))) == 1)
        {
            points[..TOGETHER].copy_from_slice(&pairs.map(join));
            (used, made) = (2 * TOGETHER, TOGETHER);
        } else if units.get(1).is_some_and(|&second| is_pair(first, second)) {
            points[0] = join(u32::from(first) | u32::from(units[1]) << 16);
            used = 2;
        } else {
            points[0] = first.into();
        }
        (units, points) = (&units[used..], &mut points[made..]);
    }
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

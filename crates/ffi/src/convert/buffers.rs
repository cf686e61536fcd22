//! Binary data: Python's buffers and JavaScript's ArrayBuffers, typed arrays and DataViews.
//!
//! Conversions copy. The one view that shares memory is `getBuffer`, whose typed array is detached when it is released: it
//! may outlive the proxy, never the Python buffer.

use std::ffi::{CStr, c_void};
use std::ptr::null_mut;

use hognose_engine::raw;
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes};

use crate::bridge::{Object, bridge, python};
use crate::errors::{Pending, Raised, raised};
use crate::js::{self, JSValue, Js, context};
use crate::release::Held;

/// A typed array class: its JavaScript name, its element's size, and the `struct` character of the element.
struct Element {
    class: &'static CStr,
    size: usize,
    format: &'static str,
}

const ELEMENTS: &[(&str, Element)] = &[
    ("i8", Element { class: c"Int8Array", size: 1, format: "b" }),
    ("u8", Element { class: c"Uint8Array", size: 1, format: "B" }),
    ("u8clamped", Element { class: c"Uint8ClampedArray", size: 1, format: "B" }),
    ("i16", Element { class: c"Int16Array", size: 2, format: "h" }),
    ("u16", Element { class: c"Uint16Array", size: 2, format: "H" }),
    ("i32", Element { class: c"Int32Array", size: 4, format: "i" }),
    ("u32", Element { class: c"Uint32Array", size: 4, format: "I" }),
    ("i64", Element { class: c"BigInt64Array", size: 8, format: "q" }),
    ("u64", Element { class: c"BigUint64Array", size: 8, format: "Q" }),
    ("f32", Element { class: c"Float32Array", size: 4, format: "f" }),
    ("f64", Element { class: c"Float64Array", size: 8, format: "d" }),
];

fn element(name: &str) -> &'static Element {
    let found = ELEMENTS.iter().find(|(short, _)| *short == name);
    &found.expect("invariant: asked for by names of the table only").1
}

/// Whether a value is an ArrayBuffer or a view of one.
pub(crate) fn is_buffer(value: JSValue) -> bool {
    // SAFETY: these look at the object's class only.
    js::is_object(value)
        && unsafe {
            raw::JS_IsArrayBuffer(value) || raw::JS_IsDataView(value) || raw::JS_GetTypedArrayType(value) >= 0
        }
}

/// The memory of a JavaScript buffer, valid until JavaScript runs next.
fn memory(value: JSValue) -> Result<(*mut u8, usize), Raised> {
    // SAFETY: the bridge's invariant; each call fills the places it is given.
    unsafe {
        if raw::JS_IsArrayBuffer(value) {
            let mut size = 0;
            let start = raw::JS_GetArrayBuffer(context(), &raw mut size, value);
            return pointer(start, size as usize);
        }
        let (buffer, offset, length) = if raw::JS_IsDataView(value) {
            let number = |name| js::to_f64(js::get_named(value, name)?.raw());
            (
                js::get(value, &bridge().keys.buffer)?,
                number(c"byteOffset")? as usize,
                number(c"byteLength")? as usize,
            )
        } else {
            let (mut offset, mut length, mut element) = (0, 0, 0);
            let buffer = raw::JS_GetTypedArrayBuffer(
                context(),
                value,
                &raw mut offset,
                &raw mut length,
                &raw mut element,
            );
            (js::check(buffer)?, offset as usize, length as usize)
        };
        let mut size = 0;
        let start = raw::JS_GetArrayBuffer(context(), &raw mut size, buffer.raw());
        let (start, size) = pointer(start, size as usize)?;
        if offset + length > size {
            return Err(raised::<PyValueError>("the buffer was detached or shrunk"));
        }
        Ok((start.add(offset), length))
    }
}

/// An empty or detached buffer has no memory, which is an error only if one is pending.
fn pointer(start: *mut u8, size: usize) -> Result<(*mut u8, usize), Raised> {
    if !start.is_null() {
        return Ok((start, size));
    }
    // SAFETY: the bridge's invariant.
    if unsafe { raw::JS_HasException(context()) } {
        return Err(Pending.into());
    }
    Ok((std::ptr::NonNull::dangling().as_ptr(), 0))
}

/// The number of bytes of a JavaScript buffer.
pub(crate) fn byte_length(value: JSValue) -> Result<usize, Raised> {
    Ok(memory(value)?.1)
}

/// A copy as `bytes`.
pub(crate) fn to_bytes(value: JSValue) -> Result<Object, Raised> {
    let (start, length) = memory(value)?;
    // SAFETY: the memory is valid and no JavaScript runs while it is copied.
    let bytes = unsafe { std::slice::from_raw_parts(start, length) };
    Ok(PyBytes::new(python(), bytes).into_any())
}

/// A copy as a writable `memoryview` whose format is that of the typed array.
pub(crate) fn to_memoryview(value: JSValue) -> Result<Object, Raised> {
    let (start, length) = memory(value)?;
    // SAFETY: as in `to_bytes`.
    let bytes = PyByteArray::new(python(), unsafe { std::slice::from_raw_parts(start, length) });
    let view = python()
        .import(intern!(python(), "builtins"))?
        .call_method1(intern!(python(), "memoryview"), (bytes,))?;
    match element_of(value) {
        Some(element) if element.format != "B" => {
            Ok(view.call_method1(intern!(python(), "cast"), (element.format,))?)
        }
        _ => Ok(view),
    }
}

/// The element of a typed array; ArrayBuffers and DataViews have none.
fn element_of(value: JSValue) -> Option<&'static Element> {
    // SAFETY: looks at the object's class only.
    let name = match unsafe { raw::JS_GetTypedArrayType(value) } as raw::JSTypedArrayEnum {
        raw::JSTypedArrayEnum_JS_TYPED_ARRAY_UINT8C => "u8clamped",
        raw::JSTypedArrayEnum_JS_TYPED_ARRAY_INT8 => "i8",
        raw::JSTypedArrayEnum_JS_TYPED_ARRAY_UINT8 => "u8",
        raw::JSTypedArrayEnum_JS_TYPED_ARRAY_INT16 => "i16",
        raw::JSTypedArrayEnum_JS_TYPED_ARRAY_UINT16 => "u16",
        raw::JSTypedArrayEnum_JS_TYPED_ARRAY_INT32 => "i32",
        raw::JSTypedArrayEnum_JS_TYPED_ARRAY_UINT32 => "u32",
        raw::JSTypedArrayEnum_JS_TYPED_ARRAY_BIG_INT64 => "i64",
        raw::JSTypedArrayEnum_JS_TYPED_ARRAY_BIG_UINT64 => "u64",
        raw::JSTypedArrayEnum_JS_TYPED_ARRAY_FLOAT32 => "f32",
        raw::JSTypedArrayEnum_JS_TYPED_ARRAY_FLOAT64 => "f64",
        _ => return None,
    };
    Some(element(name))
}

/// Copies a Python buffer into a JavaScript one of the same length.
pub(crate) fn assign(target: JSValue, source: &Object) -> Result<(), Raised> {
    let buffer = PyUntypedBuffer::get(source)?;
    let (start, length) = memory(target)?;
    if buffer.len_bytes() != length {
        let message = format!(
            "cannot assign to TypedArray of length {} from buffer of length {length}",
            buffer.len_bytes()
        );
        return Err(raised::<PyValueError>(message));
    }
    check_format(target, &buffer)?;
    // SAFETY: both sides are `length` bytes long and contiguous; neither language runs in between.
    unsafe { std::ptr::copy(buffer.buf_ptr().cast::<u8>(), start, length) };
    Ok(())
}

/// Copies a JavaScript buffer into a writable Python one of the same length.
pub(crate) fn assign_to(source: JSValue, target: &Object) -> Result<(), Raised> {
    let buffer = PyUntypedBuffer::get(target)?;
    let (start, length) = memory(source)?;
    if buffer.readonly() {
        return Err(raised::<pyo3::exceptions::PyTypeError>("cannot assign to a read-only buffer"));
    }
    if buffer.len_bytes() != length {
        let message = format!(
            "cannot assign from TypedArray of length {length} to buffer of length {}",
            buffer.len_bytes()
        );
        return Err(raised::<PyValueError>(message));
    }
    check_format(source, &buffer)?;
    // SAFETY: as in `assign`; the buffer is writable.
    unsafe { std::ptr::copy(start, buffer.buf_ptr().cast::<u8>(), length) };
    Ok(())
}

fn check_format(value: JSValue, buffer: &PyUntypedBuffer) -> Result<(), Raised> {
    if !buffer.is_c_contiguous() {
        return Err(raised::<PyValueError>("the buffer is not contiguous"));
    }
    match element_of(value) {
        Some(element) if element.size != buffer.item_size() => {
            Err(raised::<PyValueError>("TypedArray and memorybuffer have incompatible formats"))
        }
        _ => Ok(()),
    }
}

/// What the `format` of a Python buffer says.
struct Format {
    /// The short name of the typed array, or nothing for the two that have none.
    name: Option<&'static str>,
    character: char,
    big_endian: bool,
}

fn read_format(format: &CStr, item_size: usize) -> Result<Format, Raised> {
    let text = format.to_str().unwrap_or_default();
    let (order, text) = match text.chars().next() {
        Some(order @ ('@' | '=' | '<' | '>' | '!')) => (order, &text[1..]),
        _ => ('@', text),
    };
    let mut characters = text.chars();
    let (Some(character), None) = (characters.next(), characters.next()) else {
        return Err(unsupported(format));
    };
    let name = match (character, item_size) {
        ('b', 1) => Some("i8"),
        ('B' | 'c', 1) => Some("u8"),
        ('h' | 'i' | 'l' | 'q' | 'n', 2) => Some("i16"),
        ('H' | 'I' | 'L' | 'Q' | 'N' | 'P', 2) => Some("u16"),
        ('i' | 'l' | 'n', 4) => Some("i32"),
        ('I' | 'L' | 'N' | 'P', 4) => Some("u32"),
        ('q' | 'l' | 'n', 8) => Some("i64"),
        ('Q' | 'L' | 'N' | 'P', 8) => Some("u64"),
        ('f', 4) => Some("f32"),
        ('d', 8) => Some("f64"),
        ('?' | 's', _) => None,
        ('e', _) => return Err(js::throw_error(c"Error", "Javascript has no Float16 support.").into()),
        _ => return Err(unsupported(format)),
    };
    Ok(Format { name, character, big_endian: matches!(order, '>' | '!') })
}

fn unsupported(format: &CStr) -> Raised {
    let message = format!("Unrecognized buffer format '{}'", format.to_string_lossy());
    js::throw_error(c"Error", &message).into()
}

/// A copy of a Python buffer as a typed array, nested arrays of them if it has more than one dimension.
pub(crate) fn copy_to_js(object: &Object) -> Result<Js, Raised> {
    let buffer = PyUntypedBuffer::get(object)?;
    let format = read_format(buffer.format(), buffer.item_size())?;
    let copier = Copier { buffer: &buffer, format: &format };
    if buffer.dimensions() == 0 {
        return copier.row(0, 1, 0);
    }
    copier.dimension(0, 0)
}

struct Copier<'a> {
    buffer: &'a PyUntypedBuffer,
    format: &'a Format,
}

impl Copier<'_> {
    fn dimension(&self, axis: usize, offset: isize) -> Result<Js, Raised> {
        let (count, stride) = (self.buffer.shape()[axis], self.buffer.strides()[axis]);
        if axis + 1 == self.buffer.dimensions() {
            return self.row(offset, count, stride);
        }
        let array = js::array(Vec::new())?;
        for index in 0..count {
            let inner = self.dimension(axis + 1, offset + index as isize * stride)?;
            js::set_index(array.raw(), index as u32, inner)?;
        }
        Ok(array)
    }

    /// The innermost dimension, element by element unless it is contiguous.
    fn row(&self, offset: isize, count: usize, stride: isize) -> Result<Js, Raised> {
        let size = self.buffer.item_size();
        if let Some(name) = self.format.name
            && stride == size as isize
            && (size == 1 || self.format.big_endian == cfg!(target_endian = "big"))
        {
            // SAFETY: as below; without gaps the row is one piece of memory.
            let bytes = unsafe {
                let start = self.buffer.buf_ptr().cast::<u8>().offset(offset);
                std::slice::from_raw_parts(start, count * size)
            };
            return typed_array(bytes, element(name));
        }
        let mut bytes = Vec::with_capacity(count * size);
        for index in 0..count as isize {
            // SAFETY: shape and strides describe memory that the buffer keeps alive.
            let item = unsafe {
                let start = self.buffer.buf_ptr().cast::<u8>().offset(offset + index * stride);
                std::slice::from_raw_parts(start, size)
            };
            if self.format.big_endian == cfg!(target_endian = "little") {
                bytes.extend(item.iter().rev());
            } else {
                bytes.extend(item);
            }
        }
        match self.format.name {
            Some(name) => typed_array(&bytes, element(name)),
            None if self.format.character == '?' => {
                Ok(js::array(bytes.iter().map(|&byte| Js::boolean(byte != 0)).collect())?)
            }
            None => Ok(js::string(&String::from_utf8_lossy(&bytes))?),
        }
    }
}

fn typed_array(bytes: &[u8], element: &Element) -> Result<Js, Raised> {
    // SAFETY: the bridge's invariant; the bytes are copied.
    let buffer =
        js::check(unsafe { raw::JS_NewArrayBufferCopy(context(), bytes.as_ptr(), bytes.len() as _) })?;
    let class = js::get_named(js::global().raw(), element.class)?;
    Ok(js::construct(class.raw(), &[buffer.raw()])?)
}

/// `getBuffer`: a view that shares the memory of the Python object until it is released.
pub(crate) fn view_in_js(object: &Object, kind: Option<&str>) -> Result<Js, Raised> {
    let locked = Locked::new(object)?;
    let (fields, class) = describe(&locked.0, kind)?;
    let buffer = share(locked)?;
    let finish = bridge().prelude().make_buffer_view.raw();
    Ok(js::call(finish, js::UNDEFINED, &[fields.raw(), buffer.raw(), class.raw()])?)
}

/// The locked buffer of an object; dropping it unlocks it.
pub(crate) struct Locked(Box<ffi::Py_buffer>);

impl Locked {
    fn new(object: &Object) -> Result<Locked, Raised> {
        let mut buffer = Box::new(ffi::Py_buffer::new());
        // SAFETY: the structure is ours and stays in place.
        let status =
            unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), &raw mut *buffer, ffi::PyBUF_RECORDS_RO) };
        // A failed call leaves nothing to unlock.
        if status == 0 { Ok(Locked(buffer)) } else { Err(Raised) }
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // SAFETY: the structure was filled when the buffer was locked, and is where it was then.
        unsafe { ffi::PyBuffer_Release(&raw mut *self.0) };
    }
}

/// The fields that say what the view looks like, and the class of its `data`.
fn describe(view: &ffi::Py_buffer, kind: Option<&str>) -> Result<(Js, Js), Raised> {
    let (dimensions, item_size) = (view.ndim as usize, view.itemsize as usize);
    // SAFETY: the exporter was asked for shape, strides and format and provides them.
    let (shape, strides, format) = unsafe {
        let axis = |list: *mut ffi::Py_ssize_t| {
            if list.is_null() { &[][..] } else { std::slice::from_raw_parts(list, dimensions) }
        };
        let format = if view.format.is_null() { c"B" } else { CStr::from_ptr(view.format) };
        (axis(view.shape), axis(view.strides), format)
    };
    let class = match kind {
        None => read_format(format, item_size)?.name.map_or(c"Uint8Array", |name| element(name).class),
        Some("dataview") => c"DataView",
        Some(name) => match ELEMENTS.iter().find(|(short, _)| *short == name) {
            Some((_, element)) => element.class,
            None => return Err(js::throw_error(c"Error", &format!("Unknown type {name}")).into()),
        },
    };
    let fields = js::object()?;
    let number = |value: isize| Js::number(value as f64);
    let list = |values: &[isize], unit: usize| {
        js::array(values.iter().map(|&value| number(value / unit.max(1) as isize)).collect())
    };
    js::define_named(fields.raw(), "shape", list(shape, 1)?)?;
    js::define_named(fields.raw(), "strides", list(strides, item_size)?)?;
    js::define_named(fields.raw(), "ndim", number(dimensions as isize))?;
    js::define_named(fields.raw(), "itemsize", number(view.itemsize))?;
    js::define_named(fields.raw(), "nbytes", number(view.len))?;
    js::define_named(fields.raw(), "readonly", Js::boolean(view.readonly != 0))?;
    js::define_named(fields.raw(), "format", js::string(&format.to_string_lossy())?)?;
    for (name, order) in [("c_contiguous", b'C'), ("f_contiguous", b'F')] {
        // SAFETY: asks about the shape of a filled structure.
        let contiguous = unsafe { ffi::PyBuffer_IsContiguous(view, order as std::ffi::c_char) } != 0;
        js::define_named(fields.raw(), name, Js::boolean(contiguous))?;
    }
    js::define_named(
        fields.raw(),
        "offset",
        number(lowest_offset(shape, strides).unsigned_abs() as isize / view.itemsize.max(1)),
    )?;
    Ok((fields, js::get_named(js::global().raw(), class)?))
}

/// How far before the first element the memory begins: negative strides run backwards.
fn lowest_offset(shape: &[isize], strides: &[isize]) -> isize {
    shape.iter().zip(strides).map(|(&count, &stride)| stride.min(0) * (count - 1).max(0)).sum()
}

/// An ArrayBuffer over the memory of the view; releasing it, or its end, unlocks the Python buffer.
fn share(locked: Locked) -> Result<Js, Raised> {
    let view = &*locked.0;
    // SAFETY: the exporter was asked for shape and strides; the memory stays valid until it is unlocked.
    unsafe {
        let axis = |list: *mut ffi::Py_ssize_t| {
            if list.is_null() { &[][..] } else { std::slice::from_raw_parts(list, view.ndim as usize) }
        };
        let (shape, strides) = (axis(view.shape), axis(view.strides));
        let lowest = lowest_offset(shape, strides);
        let highest: isize =
            shape.iter().zip(strides).map(|(&count, &stride)| stride.max(0) * (count - 1).max(0)).sum();
        let empty = view.len == 0;
        let length = if empty { 0 } else { (highest - lowest + view.itemsize) as usize };
        let start = view.buf.cast::<u8>().offset(if empty { 0 } else { lowest });
        let length_max = length;
        let made = raw::JS_NewArrayBuffer(
            context(),
            start,
            length as _,
            length_max as _,
            Some(reallocate),
            (&raw const *view).cast_mut().cast::<c_void>(),
            false,
        );
        let data = js::check(made)?;
        if view.readonly != 0 {
            raw::JS_SetImmutableArrayBuffer(data.raw(), true);
        }
        // From here on it is the ArrayBuffer's.
        std::mem::forget(locked);
        Ok(data)
    }
}

/// Ends the sharing: the ArrayBuffer has no memory any more, and the Python buffer is unlocked.
pub(crate) fn detach(data: JSValue) {
    // SAFETY: the bridge's invariant; an immutable buffer must be made mutable before it can be detached.
    unsafe {
        raw::JS_SetImmutableArrayBuffer(data, false);
        raw::JS_DetachArrayBuffer(context(), data);
    }
    bridge().released().flush();
}

/// QuickJS's hook for the memory of a shared ArrayBuffer: size 0 gives it back, any other size is refused.
unsafe extern "C" fn reallocate(
    _runtime: *mut raw::JSRuntime,
    opaque: *mut c_void,
    _memory: *mut c_void,
    size: raw::size_t,
) -> *mut c_void {
    if size == 0 {
        // SAFETY: QuickJS gives the memory back once; `share` left it the box.
        let buffer = Locked(unsafe { Box::from_raw(opaque.cast::<ffi::Py_buffer>()) });
        bridge().released().push(Held::Buffer(buffer));
    }
    null_mut()
}

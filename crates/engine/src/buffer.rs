//! Bytes: `ArrayBuffer`, `SharedArrayBuffer`, typed arrays and `DataView`, in and out.
//!
//! Bytes made by Rust are handed over without a copy: the `Vec` becomes the buffer's memory and is freed with it. The
//! way out copies, unless the caller promises (by a `Send` closure) to leave JavaScript alone while it reads.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::{ptr, slice};

use crate::{Context, Result, Thrown, Value, raw};

impl Context {
    /// A `Uint8Array` over the bytes, which are moved, not copied. At most 2^31 - 1, else a `RangeError`.
    pub fn uint8_array(self, bytes: Vec<u8>) -> Result<Value> {
        let buffer = self.array_buffer(bytes)?;
        let kind = raw::JSTypedArrayEnum_JS_TYPED_ARRAY_UINT8;
        // SAFETY: the crate's invariant; the one argument is borrowed.
        unsafe { self.own(raw::JS_NewTypedArray(self.as_ptr(), 1, &mut buffer.as_raw(), kind)) }
    }

    /// An `ArrayBuffer` over the bytes, which are moved, not copied. At most 2^31 - 1, else a `RangeError`.
    pub fn array_buffer(self, bytes: Vec<u8>) -> Result<Value> {
        let mut bytes = Box::new(bytes);
        let (start, length) = (bytes.as_mut_ptr(), bytes.len() as raw::size_t);
        let opaque = Box::into_raw(bytes);
        // SAFETY: the crate's invariant; `reallocate` owns the boxed `Vec` from here on. On failure it is never called.
        unsafe {
            let resize = Some(reallocate as _);
            let buffer =
                raw::JS_NewArrayBuffer(self.as_ptr(), start, length, 0, resize, opaque.cast(), false);
            self.own(buffer).inspect_err(|_| drop(Box::from_raw(opaque)))
        }
    }
}

/// Frees (`size` 0) or resizes the `Vec` behind a buffer; `ArrayBuffer.prototype.transfer` resizes.
unsafe extern "C" fn reallocate(
    _: *mut raw::JSRuntime,
    opaque: *mut c_void,
    _: *mut c_void,
    size: raw::size_t,
) -> *mut c_void {
    let bytes = opaque.cast::<Vec<u8>>();
    // SAFETY: `Context::array_buffer` made the pointer from a box; QuickJS frees it once and uses it no more.
    unsafe {
        if size == 0 {
            drop(Box::from_raw(bytes));
            return ptr::null_mut();
        }
        let (bytes, size) = (&mut *bytes, size as usize);
        if bytes.try_reserve(size.saturating_sub(bytes.len())).is_err() {
            return ptr::null_mut();
        }
        bytes.resize(size, 0);
        bytes.as_mut_ptr().cast()
    }
}

impl Value {
    /// Whether this is an `ArrayBuffer`.
    pub fn is_array_buffer(&self) -> bool {
        // SAFETY: the crate's invariant.
        unsafe { raw::JS_IsArrayBuffer(self.as_raw()) }
    }

    /// Whether this is a `SharedArrayBuffer`.
    pub fn is_shared_array_buffer(&self) -> bool {
        let runtime = self.context().runtime_ptr();
        // SAFETY: the crate's invariant; the name's reference is ours to give back.
        unsafe {
            let name = raw::JS_GetClassName(runtime, raw::JS_GetClassID(self.as_raw()));
            raw::JS_FreeAtomRT(runtime, name);
            name == raw::JS_ATOM_SharedArrayBuffer
        }
    }

    /// Whether this is a typed array.
    pub fn is_typed_array(&self) -> bool {
        // SAFETY: the crate's invariant.
        unsafe { raw::JS_GetTypedArrayType(self.as_raw()) >= 0 }
    }

    /// Whether this is a `DataView`.
    pub fn is_data_view(&self) -> bool {
        // SAFETY: the crate's invariant.
        unsafe { raw::JS_IsDataView(self.as_raw()) }
    }

    /// A copy of the bytes of a buffer or of the part of one that a view shows. Empty if it is detached; `None` if
    /// this is neither buffer nor view.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        self.with_bytes(<[u8]>::to_vec)
    }

    /// How many bytes [`bytes`](Self::bytes) would copy.
    pub fn byte_length(&self) -> Option<usize> {
        self.span().map(|span| span.length)
    }

    /// Lends the bytes without a copy. The closure is `Send` so that it can carry no handle to JavaScript, which might
    /// free the bytes; for the same reason [`Context::current`] panics inside. A closure must not get at JavaScript by
    /// other ways, such as a thread-local of its own.
    pub fn with_bytes<R>(&self, read: impl FnOnce(&[u8]) -> R + Send) -> Option<R> {
        let span = self.span()?;
        let lent = &self.context().state().bytes_lent;
        let nested = lent.replace(true);
        // SAFETY: `span` checked the bounds, the buffer is kept alive by `span`, and JavaScript, which could detach it
        // or write to it, cannot run before the closure has returned.
        let bytes = unsafe { span.as_slice() };
        let result = catch_unwind(AssertUnwindSafe(|| read(bytes)));
        lent.set(nested);
        Some(result.unwrap_or_else(|payload| resume_unwind(payload)))
    }

    /// Overwrites the start of the buffer or view; returns how many bytes fitted in. `None` as for
    /// [`bytes`](Self::bytes). A `TypeError` if the buffer is immutable.
    pub fn write_bytes(&self, source: &[u8]) -> Result<Option<usize>> {
        let Some(span) = self.span() else { return Ok(None) };
        // SAFETY: the crate's invariant.
        if unsafe { raw::JS_IsImmutableArrayBuffer(span.buffer.as_raw()) } > 0 {
            return Err(Thrown::type_error(self.context(), "ArrayBuffer is immutable"));
        }
        let count = source.len().min(span.length);
        // SAFETY: `span` checked the bounds, and no JavaScript has run since.
        unsafe { ptr::copy(source.as_ptr(), span.start, count) };
        Ok(Some(count))
    }

    /// Finds the memory behind a buffer or view.
    fn span(&self) -> Option<Span> {
        if !self.is_object() {
            return None;
        }
        if self.is_typed_array() {
            return Some(self.typed_array_span().unwrap_or_else(|| Span::empty(self)));
        }
        if self.is_data_view() {
            return Some(self.data_view_span().unwrap_or_else(|| Span::empty(self)));
        }
        self.buffer_span()
    }

    /// `None` if the array's buffer is detached or too short by now.
    fn typed_array_span(&self) -> Option<Span> {
        let (mut offset, mut length, mut element): (raw::size_t, raw::size_t, raw::size_t) = (0, 0, 0);
        let context = self.context();
        // SAFETY: the crate's invariant; this is a typed array, and offset and length are written on success.
        let buffer = unsafe {
            let (offset, length, element) = (&raw mut offset, &raw mut length, &raw mut element);
            let array = self.as_raw();
            context.own(raw::JS_GetTypedArrayBuffer(context.as_ptr(), array, offset, length, element))
        };
        buffer.ok()?.buffer_span()?.part(offset as usize, length as usize)
    }

    /// `None` if the view's buffer is detached or too short by now. QuickJS has no C function for this, so the
    /// properties are asked; a script that replaced them gets what it says, within bounds.
    fn data_view_span(&self) -> Option<Span> {
        let offset = self.get("byteOffset").ok()?.as_f64()? as usize;
        let length = self.get("byteLength").ok()?.as_f64()? as usize;
        self.get("buffer").ok()?.buffer_span()?.part(offset, length)
    }

    /// The memory of an `ArrayBuffer` or `SharedArrayBuffer`; `None` for any other value.
    fn buffer_span(&self) -> Option<Span> {
        if !self.is_array_buffer() && !self.is_shared_array_buffer() {
            return None;
        }
        let mut length: raw::size_t = 0;
        let context = self.context();
        // SAFETY: the crate's invariant; the length is written in any case.
        let start = unsafe { raw::JS_GetArrayBuffer(context.as_ptr(), &raw mut length, self.as_raw()) };
        if start.is_null() {
            // The buffer is detached, which QuickJS throws about.
            drop(context.pending_exception());
            return Some(Span::empty(self));
        }
        Some(Span { buffer: self.clone(), start, length: length as usize })
    }
}

/// Memory inside a buffer, valid until JavaScript runs.
struct Span {
    /// Keeps the memory from being collected.
    buffer: Value,
    start: *mut u8,
    length: usize,
}

impl Span {
    fn empty(owner: &Value) -> Self {
        Self { buffer: owner.clone(), start: ptr::dangling_mut(), length: 0 }
    }

    /// The part at `offset`; `None` if it does not lie inside.
    fn part(mut self, offset: usize, length: usize) -> Option<Self> {
        if offset.checked_add(length)? > self.length {
            return None;
        }
        self.start = self.start.wrapping_add(offset);
        self.length = length;
        Some(self)
    }

    /// # Safety
    ///
    /// No JavaScript may have run since the span was found, nor run while the slice is used.
    unsafe fn as_slice(&self) -> &[u8] {
        // SAFETY: the memory is the buffer's, by the caller's promise still in place.
        unsafe { slice::from_raw_parts(self.start, self.length) }
    }
}

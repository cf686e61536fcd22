//! What a `str` says of itself in the bits of its state, which PyO3 reads up to CPython 3.13 only. They lie the same in
//! 3.12, 3.13 and 3.14 (`Include/cpython/unicodeobject.h`): two for whether it is interned, three for its kind, one for
//! compact, one for ASCII.

use pyo3::ffi;

const INTERNED: u32 = 0b11;
const ASCII: u32 = 1 << 6;

/// Whether all characters are ASCII.
///
/// # Safety
/// `text` is a live `str`.
#[inline]
pub(crate) unsafe fn is_ascii(text: *mut ffi::PyObject) -> bool {
    // SAFETY: the caller's promise.
    unsafe { state(text) & ASCII != 0 }
}

/// Whether Python has the string once only, as those of a program's text.
///
/// # Safety
/// `text` is a live `str`.
#[inline]
pub(crate) unsafe fn is_interned(text: *mut ffi::PyObject) -> bool {
    // SAFETY: the caller's promise.
    unsafe { state(text) & INTERNED != 0 }
}

unsafe fn state(text: *mut ffi::PyObject) -> u32 {
    // SAFETY: the caller's promise: every `str` begins so.
    unsafe { (*text.cast::<ffi::PyASCIIObject>()).state }
}

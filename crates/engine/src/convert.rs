//! From JavaScript's primitives to Rust's. `as_*` takes a value only for what it is; `to_*` converts as the language
//! does, which may run user code and throw.

use std::{ptr, slice};

use crate::{Result, Value, raw};

impl Value {
    /// The boolean, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        // SAFETY: the tag says what the union holds.
        self.is_boolean().then(|| unsafe { raw::JS_VALUE_GET_BOOL(self.as_raw()) })
    }

    /// The number, if this is one.
    pub fn as_f64(&self) -> Option<f64> {
        // SAFETY: the tag says what the union holds.
        unsafe {
            match self.tag() {
                raw::JS_TAG_INT => Some(f64::from(raw::JS_VALUE_GET_INT(self.as_raw()))),
                raw::JS_TAG_FLOAT64 => Some(raw::JS_VALUE_GET_FLOAT64(self.as_raw())),
                _ => None,
            }
        }
    }

    /// The number, if this is one and a whole number in range. `-0` counts as 0.
    pub fn as_i32(&self) -> Option<i32> {
        let number = self.as_f64()?;
        let whole = number as i32;
        #[expect(clippy::float_cmp, reason = "an exact round trip is what is asked")]
        (f64::from(whole) == number).then_some(whole)
    }

    /// The `BigInt`, if this is one and fits.
    pub fn as_bigint(&self) -> Option<i64> {
        if !self.is_bigint() {
            return None;
        }
        let mut wrapped = 0;
        // SAFETY: the crate's invariant; converting a BigInt cannot throw, it wraps.
        unsafe { raw::JS_ToBigInt64(self.context().as_ptr(), &raw mut wrapped, self.as_raw()) };
        self.context().bigint(wrapped).ok()?.strict_equals(self).then_some(wrapped)
    }

    /// The text, if this is a string; lone surrogates become U+FFFD.
    pub fn as_string(&self) -> Option<String> {
        if self.is_string() { self.to_js_string().ok() } else { None }
    }

    /// Whether the value is truthy.
    pub fn to_boolean(&self) -> bool {
        // SAFETY: the crate's invariant. Truthiness runs no code, so it cannot throw.
        unsafe { raw::JS_ToBool(self.context().as_ptr(), self.as_raw()) > 0 }
    }

    /// The value as a number, as unary `+` makes it.
    pub fn to_number(&self) -> Result<f64> {
        let mut number = 0.0;
        // SAFETY: the crate's invariant; the result is written on success.
        let code = unsafe { raw::JS_ToFloat64(self.context().as_ptr(), &raw mut number, self.as_raw()) };
        self.context().answer(code).map(|_| number)
    }

    /// The value as a string, as `String(value)` makes it except that symbols throw; lone surrogates become U+FFFD.
    pub fn to_js_string(&self) -> Result<String> {
        let context = self.context().as_ptr();
        let mut length: raw::size_t = 0;
        // SAFETY: the crate's invariant. The bytes stay valid until they are freed, which is after the copy.
        let utf8 = unsafe {
            let start = raw::JS_ToCStringLen2(context, &raw mut length, self.as_raw(), false);
            if start.is_null() {
                return Err(self.context().pending_exception());
            }
            let bytes = slice::from_raw_parts(start.cast::<u8>(), length as usize);
            let utf8 = str::from_utf8(bytes).ok().map(str::to_owned);
            raw::JS_FreeCString(context, start);
            utf8
        };
        match utf8 {
            Some(text) => Ok(text),
            // QuickJS writes a lone surrogate as three bytes that are no UTF-8: one mark each needs the code units.
            None => Ok(String::from_utf16_lossy(&self.to_utf16()?)),
        }
    }

    /// The value as a string's UTF-16 code units, lone surrogates kept.
    pub fn to_utf16(&self) -> Result<Vec<u16>> {
        let context = self.context().as_ptr();
        let mut length: raw::size_t = 0;
        // SAFETY: the crate's invariant. The units stay valid until they are freed, which is after the copy.
        unsafe {
            let start = raw::JS_ToCStringLenUTF16(context, &raw mut length, self.as_raw());
            if start.is_null() {
                return Err(self.context().pending_exception());
            }
            let units = slice::from_raw_parts(ptr::from_ref(&*start), length as usize).to_vec();
            raw::JS_FreeCStringUTF16(context, start);
            Ok(units)
        }
    }
}

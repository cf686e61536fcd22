//! The handle to a running engine, and the values made from nothing: primitives, objects, arrays, JSON.

use std::ffi::{CString, c_int};
use std::ptr::NonNull;

use crate::{Atom, Result, Thrown, Value, raw};

/// A handle to this thread's JavaScript. Copied freely; valid for as long as the thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    pointer: NonNull<raw::JSContext>,
}

/// The symbols the language itself looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the well-known symbol of that name")]
pub enum WellKnownSymbol {
    AsyncDispose,
    AsyncIterator,
    Dispose,
    HasInstance,
    IsConcatSpreadable,
    Iterator,
    Species,
    ToPrimitive,
    ToStringTag,
}

impl WellKnownSymbol {
    /// The atom QuickJS fixes for the symbol at compile time.
    fn atom(self) -> raw::JSAtom {
        match self {
            Self::AsyncDispose => raw::JS_ATOM_Symbol_asyncDispose,
            Self::AsyncIterator => raw::JS_ATOM_Symbol_asyncIterator,
            Self::Dispose => raw::JS_ATOM_Symbol_dispose,
            Self::HasInstance => raw::JS_ATOM_Symbol_hasInstance,
            Self::IsConcatSpreadable => raw::JS_ATOM_Symbol_isConcatSpreadable,
            Self::Iterator => raw::JS_ATOM_Symbol_iterator,
            Self::Species => raw::JS_ATOM_Symbol_species,
            Self::ToPrimitive => raw::JS_ATOM_Symbol_toPrimitive,
            Self::ToStringTag => raw::JS_ATOM_Symbol_toStringTag,
        }
    }
}

impl Context {
    /// Wraps a context pointer, for callbacks that QuickJS calls with one.
    ///
    /// # Safety
    ///
    /// The pointer must be the context of this thread's [`Runtime`](crate::Runtime).
    pub const unsafe fn from_ptr(pointer: NonNull<raw::JSContext>) -> Self {
        Self { pointer }
    }

    /// The pointer that the functions in [`raw`] take.
    pub const fn as_ptr(self) -> *mut raw::JSContext {
        self.pointer.as_ptr()
    }

    /// The runtime's pointer, for the functions in [`raw`] that take that.
    pub fn runtime_ptr(self) -> *mut raw::JSRuntime {
        // SAFETY: the crate's invariant.
        unsafe { raw::JS_GetRuntime(self.as_ptr()) }
    }

    /// The global object, `globalThis`.
    pub fn global(self) -> Value {
        // SAFETY: the crate's invariant; the reference returned is ours.
        unsafe { Value::from_raw(self, raw::JS_GetGlobalObject(self.as_ptr())) }
    }

    /// `undefined`
    pub fn undefined(self) -> Value {
        self.immediate(raw::JS_UNDEFINED)
    }

    /// `null`
    pub fn null(self) -> Value {
        self.immediate(raw::JS_NULL)
    }

    /// `true` or `false`
    pub fn boolean(self, value: bool) -> Value {
        self.immediate(if value { raw::JS_TRUE } else { raw::JS_FALSE })
    }

    /// A number. Integers may be passed as they are as far as `f64` holds them.
    pub fn number(self, value: impl Into<f64>) -> Value {
        self.immediate(raw::JS_NewFloat64(value.into()))
    }

    fn immediate(self, value: raw::JSValue) -> Value {
        // SAFETY: the value carries no reference, so there is none to own.
        unsafe { Value::from_raw(self, value) }
    }

    /// A string.
    pub fn string(self, text: &str) -> Result<Value> {
        // SAFETY: the crate's invariant; pointer and length are those of `text`, which is copied.
        unsafe {
            self.own(raw::JS_NewStringLen(self.as_ptr(), text.as_ptr().cast(), text.len() as raw::size_t))
        }
    }

    /// A string from UTF-16 code units, lone surrogates included.
    pub fn string_utf16(self, units: &[u16]) -> Result<Value> {
        // SAFETY: the crate's invariant; pointer and length are those of `units`, which is copied.
        unsafe { self.own(raw::JS_NewStringUTF16(self.as_ptr(), units.as_ptr(), units.len() as raw::size_t)) }
    }

    /// A `BigInt`.
    pub fn bigint(self, value: i64) -> Result<Value> {
        // SAFETY: the crate's invariant.
        unsafe { self.own(raw::JS_NewBigInt64(self.as_ptr(), value)) }
    }

    /// A `Date`, from milliseconds since 1970 UTC.
    pub fn date(self, epoch_ms: f64) -> Result<Value> {
        // SAFETY: the crate's invariant.
        unsafe { self.own(raw::JS_NewDate(self.as_ptr(), epoch_ms)) }
    }

    /// An empty object, `{}`.
    pub fn object(self) -> Result<Value> {
        // SAFETY: the crate's invariant.
        unsafe { self.own(raw::JS_NewObject(self.as_ptr())) }
    }

    /// An empty object with the given prototype, an object or `null`.
    pub fn object_with_prototype(self, prototype: &Value) -> Result<Value> {
        // SAFETY: the crate's invariant; the prototype is only borrowed.
        unsafe { self.own(raw::JS_NewObjectProto(self.as_ptr(), prototype.as_raw())) }
    }

    /// An array of the given elements.
    pub fn array(self, elements: &[Value]) -> Result<Value> {
        let owned: Vec<raw::JSValue> = elements.iter().map(|element| element.clone().into_raw()).collect();
        // SAFETY: the crate's invariant; the call takes over one reference per element, even if it fails.
        unsafe { self.own(raw::JS_NewArrayFrom(self.as_ptr(), owned.len() as c_int, owned.as_ptr())) }
    }

    /// A new unique symbol.
    pub fn symbol(self, description: &str) -> Result<Value> {
        let description = self.c_string(description)?;
        // SAFETY: the crate's invariant; the description is copied.
        unsafe { self.own(raw::JS_NewSymbol(self.as_ptr(), description.as_ptr(), false)) }
    }

    /// One of the language's own symbols, as a property key.
    pub fn well_known_symbol(self, symbol: WellKnownSymbol) -> Atom {
        // SAFETY: the crate's invariant; these atoms are static, counting references to them does nothing.
        unsafe { Atom::from_raw(self, symbol.atom()) }
    }

    /// What `JSON.parse` makes of the text. `filename` appears in syntax errors.
    pub fn json_parse(self, text: &str, filename: &str) -> Result<Value> {
        let filename = self.c_string(filename)?;
        let source = zero_terminated(text);
        // SAFETY: the crate's invariant; the source is followed by the zero byte the call wants beyond its length.
        unsafe {
            let length = text.len() as raw::size_t;
            self.own(raw::JS_ParseJSON(self.as_ptr(), source.as_ptr().cast(), length, filename.as_ptr()))
        }
    }

    /// What `JSON.stringify` makes of the value; `None` where that is `undefined`, as for functions.
    pub fn json_stringify(self, value: &Value) -> Result<Option<String>> {
        let (undefined, value) = (raw::JS_UNDEFINED, value.as_raw());
        // SAFETY: the crate's invariant; all three values are borrowed.
        let text = unsafe { self.own(raw::JS_JSONStringify(self.as_ptr(), value, undefined, undefined))? };
        Ok(text.as_string())
    }

    /// Takes over a value that QuickJS returned, or the exception it says is pending.
    ///
    /// # Safety
    ///
    /// `result` must be owned by the caller and belong to this context.
    pub(crate) unsafe fn own(self, result: raw::JSValue) -> Result<Value> {
        // SAFETY: reading the tag of any value is sound; ownership is the caller's promise.
        unsafe {
            if raw::JS_IsException(result) {
                return Err(self.pending_exception());
            }
            Ok(Value::from_raw(self, result))
        }
    }

    /// Reads one of QuickJS's three-way answers: negative is an exception, else a truth value.
    pub(crate) fn answer(self, code: c_int) -> Result<bool> {
        if code < 0 { Err(self.pending_exception()) } else { Ok(code != 0) }
    }

    /// Takes the exception that a failed call left behind.
    pub fn pending_exception(self) -> Thrown {
        // SAFETY: the crate's invariant; the reference returned is ours.
        unsafe { Thrown(Value::from_raw(self, raw::JS_GetException(self.as_ptr()))) }
    }

    /// Text for a C function that knows no length; text with a zero byte in it is a `TypeError`.
    pub(crate) fn c_string(self, text: &str) -> Result<CString> {
        CString::new(text).map_err(|_| Thrown::type_error(self, "a name may not contain a zero character"))
    }
}

/// The text with a zero byte behind it, which QuickJS's parsers want to find there.
pub(crate) fn zero_terminated(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() + 1);
    bytes.extend_from_slice(text.as_bytes());
    bytes.push(0);
    bytes
}

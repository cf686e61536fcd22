//! A reference to a JavaScript value, and the questions about its kind that run no code.

use std::fmt;
use std::mem::ManuallyDrop;

use crate::{Context, raw};

/// One owned reference to a JavaScript value: cloning counts up, dropping counts down.
pub struct Value {
    value: raw::JSValue,
    context: Context,
}

/// What `typeof` answers, with `null` told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is the type of that name")]
pub enum TypeOf {
    Undefined,
    Null,
    Boolean,
    Number,
    BigInt,
    String,
    Symbol,
    Function,
    Object,
}

impl Value {
    /// Takes over one reference.
    ///
    /// # Safety
    ///
    /// The caller owns the reference, and the value belongs to this context's heap.
    pub const unsafe fn from_raw(context: Context, value: raw::JSValue) -> Self {
        Self { value, context }
    }

    /// Counts one reference more and takes that over, for values a callback was only lent.
    ///
    /// # Safety
    ///
    /// The value is alive and belongs to this context's heap.
    pub unsafe fn from_borrowed(context: Context, value: raw::JSValue) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self::from_raw(context, raw::JS_DupValue(context.as_ptr(), value)) }
    }

    /// The value as [`raw`] functions take it; the reference stays here.
    pub const fn as_raw(&self) -> raw::JSValue {
        self.value
    }

    /// Hands the reference over; the caller frees it.
    pub fn into_raw(self) -> raw::JSValue {
        ManuallyDrop::new(self).value
    }

    /// The context the value lives in.
    pub const fn context(&self) -> Context {
        self.context
    }

    pub(crate) fn tag(&self) -> i32 {
        // SAFETY: every value has a tag.
        unsafe { raw::JS_VALUE_GET_TAG(self.value) }
    }

    /// What `typeof` would say, with `null` told apart.
    pub fn type_of(&self) -> TypeOf {
        match self.tag() {
            raw::JS_TAG_NULL => TypeOf::Null,
            raw::JS_TAG_BOOL => TypeOf::Boolean,
            raw::JS_TAG_INT | raw::JS_TAG_FLOAT64 => TypeOf::Number,
            raw::JS_TAG_BIG_INT | raw::JS_TAG_SHORT_BIG_INT => TypeOf::BigInt,
            raw::JS_TAG_STRING | raw::JS_TAG_STRING_ROPE => TypeOf::String,
            raw::JS_TAG_SYMBOL => TypeOf::Symbol,
            raw::JS_TAG_OBJECT if self.is_function() => TypeOf::Function,
            raw::JS_TAG_OBJECT => TypeOf::Object,
            _ => TypeOf::Undefined,
        }
    }

    /// Whether this is `undefined`.
    pub fn is_undefined(&self) -> bool {
        self.tag() == raw::JS_TAG_UNDEFINED
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        self.tag() == raw::JS_TAG_NULL
    }

    /// Whether this is `undefined` or `null`.
    pub fn is_nullish(&self) -> bool {
        self.is_undefined() || self.is_null()
    }

    /// Whether this is a boolean.
    pub fn is_boolean(&self) -> bool {
        self.tag() == raw::JS_TAG_BOOL
    }

    /// Whether this is a number.
    pub fn is_number(&self) -> bool {
        matches!(self.tag(), raw::JS_TAG_INT | raw::JS_TAG_FLOAT64)
    }

    /// Whether this is a `BigInt`.
    pub fn is_bigint(&self) -> bool {
        matches!(self.tag(), raw::JS_TAG_BIG_INT | raw::JS_TAG_SHORT_BIG_INT)
    }

    /// Whether this is a primitive string.
    pub fn is_string(&self) -> bool {
        matches!(self.tag(), raw::JS_TAG_STRING | raw::JS_TAG_STRING_ROPE)
    }

    /// Whether this is a symbol.
    pub fn is_symbol(&self) -> bool {
        self.tag() == raw::JS_TAG_SYMBOL
    }

    /// Whether this is an object, functions included.
    pub fn is_object(&self) -> bool {
        self.tag() == raw::JS_TAG_OBJECT
    }

    /// Whether this can be called.
    pub fn is_function(&self) -> bool {
        // SAFETY: the crate's invariant.
        unsafe { raw::JS_IsFunction(self.context.as_ptr(), self.value) }
    }

    /// Whether this is an `async function`, arrow functions and methods included.
    pub fn is_async_function(&self) -> bool {
        // SAFETY: the crate's invariant.
        unsafe { raw::JS_IsAsyncFunction(self.value) }
    }

    /// Whether this can be called with `new`.
    pub fn is_constructor(&self) -> bool {
        // SAFETY: the crate's invariant.
        unsafe { raw::JS_IsConstructor(self.context.as_ptr(), self.value) }
    }

    /// Whether this is an array. A `Proxy` of an array is not one here.
    pub fn is_array(&self) -> bool {
        // SAFETY: the crate's invariant.
        unsafe { raw::JS_IsArray(self.value) }
    }

    /// Whether this is a promise of the language's own class or derived from it; thenables are not.
    pub fn is_promise(&self) -> bool {
        // SAFETY: the crate's invariant.
        unsafe { raw::JS_IsPromise(self.value) }
    }

    /// Whether this is an `Error` (what `Error.isError` answers).
    pub fn is_error(&self) -> bool {
        // SAFETY: the crate's invariant.
        unsafe { raw::JS_IsError(self.value) }
    }

    /// Whether this is a `Date`.
    pub fn is_date(&self) -> bool {
        // SAFETY: the crate's invariant.
        unsafe { raw::JS_IsDate(self.value) }
    }

    /// Whether this is a `Map`.
    pub fn is_map(&self) -> bool {
        // SAFETY: the crate's invariant.
        unsafe { raw::JS_IsMap(self.value) }
    }

    /// Whether this is a `Set`.
    pub fn is_set(&self) -> bool {
        // SAFETY: the crate's invariant.
        unsafe { raw::JS_IsSet(self.value) }
    }

    /// Whether this is a regular expression.
    pub fn is_regexp(&self) -> bool {
        // SAFETY: the crate's invariant.
        unsafe { raw::JS_IsRegExp(self.value) }
    }

    /// Whether this is a `Proxy`.
    pub fn is_proxy(&self) -> bool {
        // SAFETY: the crate's invariant.
        unsafe { raw::JS_IsProxy(self.value) }
    }

    /// Whether both are the same by `===`.
    pub fn strict_equals(&self, other: &Self) -> bool {
        // SAFETY: the crate's invariant; both values are borrowed.
        unsafe { raw::JS_IsStrictEqual(self.context.as_ptr(), self.value, other.value) }
    }

    /// Whether both are the same by `Object.is`.
    pub fn same_value(&self, other: &Self) -> bool {
        // SAFETY: the crate's invariant; both values are borrowed.
        unsafe { raw::JS_IsSameValue(self.context.as_ptr(), self.value, other.value) }
    }

    /// The object's address: two live objects are the same if and only if theirs are. `None` for other kinds.
    pub fn identity(&self) -> Option<usize> {
        // SAFETY: an object's value is a pointer.
        self.is_object().then(|| unsafe { raw::JS_VALUE_GET_PTR(self.value) } as usize)
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        // SAFETY: the crate's invariant: this value is alive.
        unsafe { Self::from_borrowed(self.context, self.value) }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        // SAFETY: the crate's invariant: this reference is ours, and given back only here.
        unsafe {
            if raw::JS_VALUE_HAS_REF_COUNT(self.value) {
                raw::JS_FreeValue(self.context.as_ptr(), self.value);
            }
        }
    }
}

impl fmt::Debug for Value {
    /// The type, and for primitives the value. Runs no JavaScript.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.type_of() {
            TypeOf::Boolean => write!(formatter, "{:?}", self.as_bool()),
            TypeOf::Number => write!(formatter, "Number({:?})", self.as_f64().unwrap_or(f64::NAN)),
            TypeOf::String => write!(formatter, "String({:?})", self.as_string().unwrap_or_default()),
            other => write!(formatter, "{other:?}"),
        }
    }
}

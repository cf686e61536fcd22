//! What JavaScript throws, on its way through Rust.

use std::{fmt, result};

use crate::{Attributes, Context, Value, raw};

/// A result whose error is, unless said otherwise, a JavaScript exception.
pub type Result<T, E = Thrown> = result::Result<T, E>;

/// A thrown JavaScript value: mostly an `Error`, but anything may be thrown.
#[derive(Clone)]
pub struct Thrown(pub Value);

/// The language's own classes of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the class of that name")]
pub enum ErrorKind {
    Error,
    InternalError,
    RangeError,
    ReferenceError,
    SyntaxError,
    TypeError,
}

impl Context {
    /// An error of the given class, with a stack that starts at the JavaScript caller.
    pub fn error(self, kind: ErrorKind, message: &str) -> Result<Value> {
        let (context, empty) = (self.as_ptr(), c"".as_ptr());
        // SAFETY: the crate's invariant; the format string is without directives.
        let error = unsafe {
            self.own(match kind {
                ErrorKind::Error => raw::JS_NewPlainError(context, empty),
                ErrorKind::InternalError => raw::JS_NewInternalError(context, empty),
                ErrorKind::RangeError => raw::JS_NewRangeError(context, empty),
                ErrorKind::ReferenceError => raw::JS_NewReferenceError(context, empty),
                ErrorKind::SyntaxError => raw::JS_NewSyntaxError(context, empty),
                ErrorKind::TypeError => raw::JS_NewTypeError(context, empty),
            })?
        };
        // Set afterwards, because QuickJS's own formatting cuts messages at 255 bytes.
        error.define_with("message", &self.string(message)?, Attributes::METHOD)?;
        Ok(error)
    }
}

impl Thrown {
    /// An exception of the given class. When there is no memory for it, the exception that says so.
    pub fn new(context: Context, kind: ErrorKind, message: &str) -> Self {
        context.error(kind, message).map_or_else(|thrown| thrown, Self)
    }

    /// A `TypeError`.
    pub fn type_error(context: Context, message: &str) -> Self {
        Self::new(context, ErrorKind::TypeError, message)
    }

    /// A `RangeError`.
    pub fn range_error(context: Context, message: &str) -> Self {
        Self::new(context, ErrorKind::RangeError, message)
    }

    /// An `Error` whose `name` property is set to something of the embedder's.
    pub fn named(context: Context, name: &str, message: &str) -> Self {
        let named = || {
            let error = context.error(ErrorKind::Error, message)?;
            error.define_with("name", &context.string(name)?, Attributes::METHOD)?;
            Ok(error)
        };
        named().map_or_else(|thrown: Self| thrown, Self)
    }

    /// A `DOMException`, made by whatever class goes by that name now.
    pub fn dom_exception(context: Context, name: &str, message: &str) -> Self {
        let make = || {
            let class = context.global().get("DOMException")?;
            class.construct(&[context.string(message)?, context.string(name)?])
        };
        make().map_or_else(|thrown| thrown, Self)
    }

    /// The error's `stack`, where it has one.
    pub fn stack(&self) -> Option<String> {
        if !self.0.is_object() {
            return None;
        }
        self.0.get("stack").ok()?.as_string()
    }

    /// Whether JavaScript cannot catch this: an interrupt is on its way out.
    pub fn is_uncatchable(&self) -> bool {
        // SAFETY: the crate's invariant.
        unsafe { raw::JS_IsUncatchableError(self.0.as_raw()) }
    }

    /// Whether the heap's limit was hit. QuickJS throws `null` when there is no memory even for the error; a script's
    /// own `throw null` looks the same.
    pub fn is_out_of_memory(&self) -> bool {
        self.0.is_null() || (self.0.is_error() && self.to_string() == "InternalError: out of memory")
    }

    /// `name: message`; `None` for what is no error, or when asking throws.
    fn headline(&self) -> Option<String> {
        if !self.0.is_error() {
            return None;
        }
        let name = self.0.get("name").ok()?.to_js_string().ok()?;
        let message = self.0.get("message").ok()?.to_js_string().ok()?;
        Some(if message.is_empty() { name } else { format!("{name}: {message}") })
    }
}

impl From<Value> for Thrown {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

impl fmt::Display for Thrown {
    /// `Name: message` for errors, else the value as a string.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.headline().or_else(|| self.0.to_js_string().ok());
        formatter.write_str(text.as_deref().unwrap_or("a value that cannot be shown"))
    }
}

impl fmt::Debug for Thrown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Thrown({self})")
    }
}

impl std::error::Error for Thrown {}

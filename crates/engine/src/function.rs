//! Rust closures as JavaScript functions.
//!
//! A closure is boxed behind a function object of QuickJS's own closure class, which frees it with the object. Calls
//! nest freely: a closure may call JavaScript that calls the closure again. Panics do not cross the border, they become
//! an `InternalError`.

use std::any::Any;
use std::ffi::{c_int, c_void};
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::{array, slice};

use crate::call::FEW_ARGUMENTS;
use crate::{Attributes, Context, ErrorKind, Result, Thrown, Value, raw};

impl Context {
    /// A JavaScript function that runs the closure with `this` and the arguments given, however many those are.
    ///
    /// `length` is only the function's `length` property. The closure must not own values that lead back to the
    /// function: such a cycle is never collected.
    pub fn function<F>(self, name: &str, length: u8, closure: F) -> Result<Value>
    where
        F: Fn(Self, &Value, &[Value]) -> Result<Value> + 'static,
    {
        let name = self.c_string(name)?;
        let closure = Box::into_raw(Box::new(closure)).cast::<c_void>();
        // SAFETY: the crate's invariant; `invoke` and `release` are made for the very type behind the pointer. If the
        // call fails, QuickJS does not say whether it freed the closure, so it is left alone: better lost than twice.
        unsafe {
            let (invoke, release) = (Some(invoke::<F> as _), Some(release::<F> as _));
            let length = c_int::from(length);
            self.own(raw::JS_NewCClosure(self.as_ptr(), invoke, name.as_ptr(), release, length, 0, closure))
        }
    }

    /// Makes `Math.random` ask the host. QuickJS seeds its own when the context starts, so that without this every
    /// fork of a process would draw the same numbers. The source must return numbers from 0 up to, not including, 1.
    pub fn set_random(self, source: impl Fn() -> f64 + 'static) -> Result<()> {
        let random = self.function("random", 0, move |context, _, _| Ok(context.number(source())))?;
        self.global().get("Math")?.define_with("random", &random, Attributes::METHOD)
    }

    /// Runs a callback's Rust half and says its outcome in QuickJS's terms. A panic becomes an `InternalError`.
    pub(crate) fn outcome(self, body: impl FnOnce() -> Result<Value>) -> raw::JSValue {
        let result = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| {
            Err(Thrown::new(self, ErrorKind::InternalError, &panic_text(&*payload)))
        });
        match result {
            Ok(value) => value.into_raw(),
            // SAFETY: the crate's invariant; the call takes over the reference.
            Err(thrown) => unsafe { raw::JS_Throw(self.as_ptr(), thrown.0.into_raw()) },
        }
    }
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    format!("native code panicked: {}", text.unwrap_or("no message"))
}

/// What QuickJS calls for a closure of type `F`.
unsafe extern "C" fn invoke<F>(
    context: *mut raw::JSContext,
    this: raw::JSValue,
    count: c_int,
    arguments: *mut raw::JSValue,
    _magic: c_int,
    closure: *mut c_void,
) -> raw::JSValue
where
    F: Fn(Context, &Value, &[Value]) -> Result<Value> + 'static,
{
    // SAFETY: QuickJS passes its own context, and the closure that `Context::function` boxed, which the function
    // object keeps alive during the call. `this` and the arguments are the caller's: they are lent, never freed here.
    unsafe {
        let context = Context::from_ptr(NonNull::new_unchecked(context));
        let closure = &*closure.cast::<F>();
        let this = ManuallyDrop::new(Value::from_raw(context, this));
        context.outcome(|| {
            context.check_stack()?;
            with_lent(context, count as usize, arguments, |values| closure(context, &this, values))
        })
    }
}

/// Frees a closure with its function object.
unsafe extern "C" fn release<F>(closure: *mut c_void) {
    // SAFETY: the pointer is the one `Context::function` made from a box, and QuickJS passes it once.
    drop(unsafe { Box::from_raw(closure.cast::<F>()) });
}

/// Shows C's arguments as values without counting references.
///
/// # Safety
///
/// `count` live values of `context` stand at `arguments`, and outlive the call.
unsafe fn with_lent<R>(
    context: Context,
    count: usize,
    arguments: *const raw::JSValue,
    body: impl FnOnce(&[Value]) -> R,
) -> R {
    // SAFETY: the caller's promise; an index below `count` is in bounds.
    let lend = |index| unsafe { ManuallyDrop::new(Value::from_raw(context, *arguments.add(index))) };
    if count > FEW_ARGUMENTS {
        let many: Vec<_> = (0..count).map(lend).collect();
        return body(as_values(&many));
    }
    let few: [_; FEW_ARGUMENTS] =
        array::from_fn(
            |index| if index < count { lend(index) } else { ManuallyDrop::new(context.undefined()) },
        );
    body(as_values(&few[..count]))
}

fn as_values(lent: &[ManuallyDrop<Value>]) -> &[Value] {
    // SAFETY: `ManuallyDrop<T>` is laid out as `T`.
    unsafe { slice::from_raw_parts(lent.as_ptr().cast(), lent.len()) }
}

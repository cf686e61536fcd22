//! Calling JavaScript from Rust.

use std::ffi::c_int;

use crate::{Key, Result, Value, raw};

/// Calls with at most this many arguments need no allocation.
pub(crate) const FEW_ARGUMENTS: usize = 8;

impl Value {
    /// Calls this function with the given `this`.
    pub fn call(&self, this: &Self, arguments: &[Self]) -> Result<Self> {
        let context = self.context();
        with_raw_arguments(arguments, |count, arguments| {
            // SAFETY: the crate's invariant; function, `this` and arguments are borrowed for the call.
            unsafe {
                context.own(raw::JS_Call(context.as_ptr(), self.as_raw(), this.as_raw(), count, arguments))
            }
        })
    }

    /// Calls this function with `undefined` as `this`.
    pub fn call_function(&self, arguments: &[Self]) -> Result<Self> {
        self.call(&self.context().undefined(), arguments)
    }

    /// `value[name](...arguments)`
    pub fn call_method(&self, name: impl Key, arguments: &[Self]) -> Result<Self> {
        self.get(name)?.call(self, arguments)
    }

    /// `new value(...arguments)`
    pub fn construct(&self, arguments: &[Self]) -> Result<Self> {
        let context = self.context();
        with_raw_arguments(arguments, |count, arguments| {
            // SAFETY: the crate's invariant; constructor and arguments are borrowed for the call.
            unsafe { context.own(raw::JS_CallConstructor(context.as_ptr(), self.as_raw(), count, arguments)) }
        })
    }
}

/// Lays the arguments out as C wants them. The references stay with the caller.
fn with_raw_arguments<R>(arguments: &[Value], call: impl FnOnce(c_int, *mut raw::JSValue) -> R) -> R {
    let count = arguments.len() as c_int;
    if arguments.len() > FEW_ARGUMENTS {
        let mut many: Vec<_> = arguments.iter().map(Value::as_raw).collect();
        return call(count, many.as_mut_ptr());
    }
    let mut few = [raw::JS_UNDEFINED; FEW_ARGUMENTS];
    for (slot, argument) in few.iter_mut().zip(arguments) {
        *slot = argument.as_raw();
    }
    call(count, few.as_mut_ptr())
}

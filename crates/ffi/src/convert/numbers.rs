//! Numbers: Python's `int` and `float`, JavaScript's Number and BigInt.
//!
//! An `int` is a Number as long as every nearby integer is one too (strictly below 2^53 - 1), else a BigInt. A Number comes
//! back as an `int` if it is a safe integer, else as a `float`; a BigInt is always an `int`, since Pyodide 314 a `JsBigInt`.

use std::ffi::c_int;

use hognose_engine::raw;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyInt;

use crate::bridge::{Object, ObjectRef, bridge, python};
use crate::errors::Raised;
use crate::js::{self, JSValue, Js, context};

/// `Number.MAX_SAFE_INTEGER`.
const MAX_SAFE_INTEGER: i64 = (1 << 53) - 1;

/// An `int` as a Number or a BigInt.
pub(crate) fn int_to_js(number: ObjectRef<'_>) -> Result<Js, Raised> {
    let mut overflow: c_int = 0;
    // SAFETY: `number` is an `int`.
    let small = unsafe { ffi::PyLong_AsLongLongAndOverflow(number.as_ptr(), &raw mut overflow) };
    if overflow != 0 {
        return int_to_big_int(number);
    }
    if let Ok(small) = i32::try_from(small) {
        return Ok(Js::integer(small));
    }
    if small.abs() < MAX_SAFE_INTEGER {
        return Ok(Js::number(small as f64));
    }
    // SAFETY: the bridge's invariant.
    Ok(js::check(unsafe { raw::JS_NewBigInt64(context(), small) })?)
}

/// An `int` as a BigInt, whatever its size.
#[cold]
pub(crate) fn int_to_big_int(number: ObjectRef<'_>) -> Result<Js, Raised> {
    let negative = number.lt(0)?;
    let digits = number.call_method0(intern!(python(), "__abs__"))?;
    let digits = digits.call_method1(intern!(python(), "__format__"), (intern!(python(), "#x"),))?;
    let class = js::get_named(js::global().raw(), c"BigInt")?;
    let digits = js::string(&digits.extract::<String>()?)?;
    let magnitude = js::call(class.raw(), js::UNDEFINED, &[digits.raw()])?;
    if !negative {
        return Ok(magnitude);
    }
    let negate = bridge().prelude().negate.raw();
    Ok(js::call(negate, js::UNDEFINED, &[magnitude.raw()])?)
}

/// A Number as `int` or `float`.
pub(crate) fn number_to_python(number: f64) -> Object {
    // A comparison with NaN is false, and the range leaves no room for infinities.
    let whole = number.abs() <= MAX_SAFE_INTEGER as f64 && number.fract() == 0.0;
    // SAFETY: makes a new object; a small integer can't fail but for memory, which PyO3 then reports by panicking.
    unsafe {
        let made =
            if whole { ffi::PyLong_FromLongLong(number as i64) } else { ffi::PyFloat_FromDouble(number) };
        Bound::from_owned_ptr(python(), made)
    }
}

/// A 32-bit integer as `int`.
pub(crate) fn integer_to_python(number: i32) -> Object {
    // SAFETY: as in `number_to_python`.
    unsafe { Bound::from_owned_ptr(python(), ffi::PyLong_FromLong(number.into())) }
}

/// A BigInt as `int`, or as the subclass that remembers what it was.
#[cold]
pub(crate) fn big_int_to_python(value: JSValue) -> Result<Object, Raised> {
    let radix = Js::integer(16);
    let digits = js::invoke(value, &bridge().keys.to_string, &[radix.raw()])?;
    let digits = js::text(digits.raw());
    match &bridge().dialect().big_int {
        Some(class) => Ok(class.call1((digits, 16))?),
        None => Ok(python().get_type::<PyInt>().call1((digits, 16))?),
    }
}

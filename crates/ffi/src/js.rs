//! QuickJS as this crate calls it: thin, safe names for the raw calls, without the engine crate's handles.
//!
//! The engine's `Value` carries its context, so that several can be told apart; here there is one context for the whole
//! process and a value is sixteen bytes. [`Js`] owns one reference; a plain [`JSValue`] is a borrowed one, alive as long
//! as somebody else holds it: an argument, or the value behind a `Js` that is still in scope.
//!
//! # The invariant
//!
//! Every `SAFETY` comment of this crate that says *the bridge's invariant* means: the bridge is installed, so the context
//! is live and stays so until the process ends; this is its thread; and the GIL is held, because JavaScript only ever runs
//! below Python code or below the event loop, which both hold it.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};

use hognose_engine::layout::{self, Found, class};
use hognose_engine::raw;
pub(crate) use raw::{JSAtom, JSValue};

use crate::atoms::Atom;
use crate::bridge::bridge;
use crate::errors::Pending;

static CONTEXT: AtomicPtr<raw::JSContext> = AtomicPtr::new(null_mut());

/// What most calls into JavaScript give: an owned value, or the news that an exception is pending in the context.
pub(crate) type JsResult = Result<Js, Pending>;

/// Names the context that every function of this module uses.
pub(crate) fn set_context(context: *mut raw::JSContext) {
    CONTEXT.store(context, Ordering::Relaxed);
}

/// The process's one JavaScript context.
#[inline]
pub(crate) fn context() -> *mut raw::JSContext {
    CONTEXT.load(Ordering::Relaxed)
}

pub(crate) const UNDEFINED: JSValue = raw::JS_UNDEFINED;
pub(crate) const NULL: JSValue = raw::JS_NULL;
pub(crate) const EXCEPTION: JSValue = raw::JS_EXCEPTION;
/// Configurable, writable and enumerable: what a plain assignment makes.
pub(crate) const ORDINARY: c_int = raw::JS_PROP_C_W_E as c_int;

/// One owned reference to a JavaScript value. It is laid out as a [`JSValue`], but is a pair of numbers to the compiler, which
/// goes in registers.
#[repr(C)]
pub(crate) struct Js {
    /// An integer's upper half is not set.
    payload: MaybeUninit<u64>,
    tag: i64,
}

const _: () = assert!(size_of::<Js>() == size_of::<JSValue>());

impl Js {
    pub(crate) const UNDEFINED: Js = Js::own(UNDEFINED);
    pub(crate) const NULL: Js = Js::own(NULL);

    /// Takes over a reference that a raw call returned.
    #[inline]
    pub(crate) const fn own(value: JSValue) -> Js {
        // SAFETY: the same two numbers.
        unsafe { std::mem::transmute::<JSValue, Js>(value) }
    }

    /// A new reference to a value that somebody else owns.
    #[inline]
    pub(crate) fn dup(value: JSValue) -> Js {
        // SAFETY: `value` is alive, as its owner is still there.
        unsafe {
            if raw::JS_VALUE_HAS_REF_COUNT(value) {
                *layout::references(value) += 1;
            }
        }
        Js::own(value)
    }

    pub(crate) fn boolean(value: bool) -> Js {
        Js::integer_tagged(raw::JS_TAG_BOOL, value.into())
    }

    pub(crate) fn integer(value: i32) -> Js {
        Js::integer_tagged(raw::JS_TAG_INT, value)
    }

    fn integer_tagged(tag: i32, value: i32) -> Js {
        Js { payload: MaybeUninit::new((value as u32).into()), tag: tag.into() }
    }

    pub(crate) fn number(value: f64) -> Js {
        Js { payload: MaybeUninit::new(value.to_bits()), tag: raw::JS_TAG_FLOAT64.into() }
    }

    /// The value, still owned here.
    #[inline]
    pub(crate) fn raw(&self) -> JSValue {
        // SAFETY: the same two numbers.
        unsafe { std::mem::transmute_copy::<Js, JSValue>(self) }
    }

    /// Gives the reference away.
    #[inline]
    pub(crate) fn into_raw(self) -> JSValue {
        ManuallyDrop::new(self).raw()
    }

    pub(crate) fn tag(&self) -> i32 {
        self.tag as i32
    }
}

impl Clone for Js {
    fn clone(&self) -> Js {
        Js::dup(self.raw())
    }
}

impl Drop for Js {
    #[inline]
    fn drop(&mut self) {
        free(self.raw());
    }
}

/// How many references there are to a value, 0 if they are not counted.
pub(crate) fn references(value: &Js) -> i32 {
    // SAFETY: the value is alive.
    unsafe { if raw::JS_VALUE_HAS_REF_COUNT(value.raw()) { *layout::references(value.raw()) } else { 0 } }
}

/// Gives one reference back. Only the last one is QuickJS's business.
#[inline]
pub(crate) fn free(value: JSValue) {
    // SAFETY: the caller owns the reference and forgets it.
    unsafe {
        if raw::JS_VALUE_HAS_REF_COUNT(value) {
            let references = layout::references(value);
            if *references > 1 {
                *references -= 1;
            } else {
                raw::JS_FreeValue(context(), value);
            }
        }
    }
}

/// The value a raw call returned, or the exception it left pending.
#[inline]
pub(crate) fn check(value: JSValue) -> JsResult {
    if tag(value) == raw::JS_TAG_EXCEPTION { Err(Pending) } else { Ok(Js::own(value)) }
}

/// What a raw call with a three-way answer said: true, false, or an exception (-1).
pub(crate) fn check_flag(status: c_int) -> Result<bool, Pending> {
    if status < 0 { Err(Pending) } else { Ok(status != 0) }
}

#[inline]
pub(crate) fn tag(value: JSValue) -> i32 {
    value.tag as i32
}

#[inline]
pub(crate) fn is_undefined(value: JSValue) -> bool {
    tag(value) == raw::JS_TAG_UNDEFINED
}

pub(crate) fn is_null(value: JSValue) -> bool {
    tag(value) == raw::JS_TAG_NULL
}

#[inline]
pub(crate) fn is_object(value: JSValue) -> bool {
    tag(value) == raw::JS_TAG_OBJECT
}

pub(crate) fn is_string(value: JSValue) -> bool {
    matches!(tag(value), raw::JS_TAG_STRING | raw::JS_TAG_STRING_ROPE)
}

/// The class of an object; 0, which none has, for everything else.
#[inline]
pub(crate) fn class_of(value: JSValue) -> u16 {
    // SAFETY: an object that the caller keeps alive.
    if is_object(value) { unsafe { layout::class_of(value) } } else { 0 }
}

/// The value of a Number.
#[inline]
pub(crate) fn as_number(value: &Js) -> Option<f64> {
    // SAFETY: the tag says which part of the value is meaningful.
    unsafe {
        match value.tag() {
            raw::JS_TAG_INT => Some(raw::JS_VALUE_GET_INT(value.raw()).into()),
            raw::JS_TAG_FLOAT64 => Some(raw::JS_VALUE_GET_FLOAT64(value.raw())),
            _ => None,
        }
    }
}

#[inline]
pub(crate) fn is_function(value: JSValue) -> bool {
    match class_of(value) {
        class::SCRIPT_FUNCTION | class::NATIVE_FUNCTION => true,
        0 | class::OBJECT | class::ARRAY => false,
        // SAFETY: the bridge's invariant.
        _ => unsafe { raw::JS_IsFunction(context(), value) },
    }
}

#[inline]
pub(crate) fn is_array(value: JSValue) -> bool {
    class_of(value) == class::ARRAY
}

/// The elements of an array without holes, as long as nothing changes it; `None` where QuickJS must be asked.
#[inline]
pub(crate) fn elements<'a>(array: JSValue) -> Option<&'a [JSValue]> {
    // SAFETY: an object that the caller keeps alive.
    if is_object(array) { unsafe { layout::elements(array) } } else { None }
}

/// The address of an object: the same for two values exactly if they are the same object.
#[inline]
pub(crate) fn address(value: JSValue) -> usize {
    // SAFETY: the union holds a pointer when the value has a reference count, and any bits will do otherwise.
    unsafe { raw::JS_VALUE_GET_PTR(value) as usize }
}

/// JavaScript's `===`.
pub(crate) fn strictly_equal(left: JSValue, right: JSValue) -> bool {
    // SAFETY: the bridge's invariant.
    unsafe { raw::JS_IsStrictEqual(context(), left, right) }
}

/// JavaScript's truth of a value.
pub(crate) fn truth(value: JSValue) -> Result<bool, Pending> {
    // SAFETY: the bridge's invariant.
    check_flag(unsafe { raw::JS_ToBool(context(), value) })
}

/// Where a property is; what is found is still the object's.
#[inline]
pub(crate) fn find(object: JSValue, key: &Atom) -> Found {
    // SAFETY: an object that the caller keeps alive, as does the key its atom.
    if is_object(object) { unsafe { layout::find(object, key.raw()) } } else { Found::Elsewhere }
}

#[inline]
pub(crate) fn get(object: JSValue, key: &Atom) -> JsResult {
    match find(object, key) {
        Found::Value(value) => Ok(Js::dup(value)),
        Found::Nothing => Ok(Js::UNDEFINED),
        Found::Computed | Found::Elsewhere => {
            // SAFETY: the bridge's invariant.
            check(unsafe { raw::JS_GetProperty(context(), object, key.raw()) })
        }
    }
}

#[inline]
pub(crate) fn get_index(object: JSValue, index: u32) -> JsResult {
    if let Some(&element) = elements(object).and_then(|elements| elements.get(index as usize)) {
        return Ok(Js::dup(element));
    }
    // SAFETY: the bridge's invariant.
    check(unsafe { raw::JS_GetPropertyUint32(context(), object, index) })
}

/// Reads a property by a name known at compile time, off the hot paths.
pub(crate) fn get_named(object: JSValue, name: &CStr) -> JsResult {
    // SAFETY: the bridge's invariant; the name ends in a zero byte.
    check(unsafe { raw::JS_GetPropertyStr(context(), object, name.as_ptr()) })
}

pub(crate) fn set(object: JSValue, key: &Atom, value: Js) -> Result<(), Pending> {
    // SAFETY: the bridge's invariant; the call takes over the value's reference.
    let status = unsafe { raw::JS_SetProperty(context(), object, key.raw(), value.into_raw()) };
    settle_flag(status).map(drop)
}

pub(crate) fn set_index(object: JSValue, index: u32, value: Js) -> Result<(), Pending> {
    // SAFETY: as in `set`.
    let status = unsafe { raw::JS_SetPropertyUint32(context(), object, index, value.into_raw()) };
    settle_flag(status).map(drop)
}

/// Defines an own property, whatever the prototypes or setters say.
pub(crate) fn define(object: JSValue, key: &Atom, value: Js, flags: c_int) -> Result<(), Pending> {
    // SAFETY: as in `set`.
    let status =
        unsafe { raw::JS_DefinePropertyValue(context(), object, key.raw(), value.into_raw(), flags) };
    check_flag(status).map(drop)
}

/// Defines an own property by a name known at compile time.
pub(crate) fn define_named(object: JSValue, name: &str, value: Js) -> Result<(), Pending> {
    let flags = (raw::JS_PROP_CONFIGURABLE | raw::JS_PROP_WRITABLE) as c_int;
    define(object, &Atom::new(name), value, flags)
}

pub(crate) fn has(object: JSValue, key: &Atom) -> Result<bool, Pending> {
    match find(object, key) {
        Found::Value(_) | Found::Computed => Ok(true),
        Found::Nothing => Ok(false),
        // SAFETY: the bridge's invariant.
        Found::Elsewhere => check_flag(unsafe { raw::JS_HasProperty(context(), object, key.raw()) }),
    }
}

pub(crate) fn delete(object: JSValue, key: &Atom) -> Result<bool, Pending> {
    let flags = raw::JS_PROP_THROW as c_int;
    // SAFETY: the bridge's invariant.
    settle_flag(unsafe { raw::JS_DeleteProperty(context(), object, key.raw(), flags) })
}

/// The result of code that may have let go of Python objects, which is made known to Python.
#[inline]
fn settle(result: JsResult) -> JsResult {
    bridge().javascript_ran();
    result
}

/// As [`settle`], for a three-way answer.
fn settle_flag(status: c_int) -> Result<bool, Pending> {
    bridge().javascript_ran();
    check_flag(status)
}

/// The object behind a JavaScript proxy; an error if it was revoked.
pub(crate) fn proxy_target(proxy: JSValue) -> JsResult {
    // SAFETY: the bridge's invariant; the caller has a proxy.
    check(unsafe { raw::JS_GetProxyTarget(context(), proxy) })
}

/// Calls a function. The arguments stay the caller's.
#[inline]
pub(crate) fn call(function: JSValue, this: JSValue, arguments: &[JSValue]) -> JsResult {
    let (count, list) = (arguments.len() as c_int, arguments.as_ptr().cast_mut());
    // SAFETY: the bridge's invariant; QuickJS does not write to the arguments.
    settle(check(unsafe { raw::JS_Call(context(), function, this, count, list) }))
}

/// `new constructor(...arguments)`.
pub(crate) fn construct(constructor: JSValue, arguments: &[JSValue]) -> JsResult {
    let (count, list) = (arguments.len() as c_int, arguments.as_ptr().cast_mut());
    // SAFETY: as in `call`.
    settle(check(unsafe { raw::JS_CallConstructor(context(), constructor, count, list) }))
}

/// `object[key](...arguments)`.
pub(crate) fn invoke(object: JSValue, key: &Atom, arguments: &[JSValue]) -> JsResult {
    let method = get(object, key)?;
    if !is_function(method.raw()) {
        // QuickJS's own message does not say what is not a function.
        return Err(throw_type_error(&format!("{} is not a function", key.text())));
    }
    call(method.raw(), object, arguments)
}

pub(crate) fn object() -> JsResult {
    // SAFETY: the bridge's invariant.
    check(unsafe { raw::JS_NewObject(context()) })
}

/// A new array that takes over the values.
pub(crate) fn array(values: Vec<Js>) -> JsResult {
    let values = ManuallyDrop::new(values);
    // SAFETY: `Js` is laid out as a `JSValue`; the call takes over every reference, also when it fails. The vector's
    // memory is then freed without dropping its elements.
    unsafe {
        let made = raw::JS_NewArrayFrom(context(), values.len() as c_int, values.as_ptr().cast::<JSValue>());
        drop(Vec::from_raw_parts(
            values.as_ptr().cast_mut().cast::<ManuallyDrop<Js>>(),
            0,
            values.capacity(),
        ));
        check(made)
    }
}

/// A string from UTF-8.
pub(crate) fn string(text: &str) -> JsResult {
    // SAFETY: the bridge's invariant; the bytes are copied.
    check(unsafe { raw::JS_NewStringLen(context(), text.as_ptr().cast::<c_char>(), text.len() as _) })
}

/// A string from UTF-16, lone surrogates included.
pub(crate) fn string_utf16(units: &[u16]) -> JsResult {
    // SAFETY: the bridge's invariant; the units are copied.
    check(unsafe { raw::JS_NewStringUTF16(context(), units.as_ptr(), units.len() as _) })
}

/// `String(value)`.
pub(crate) fn to_js_string(value: JSValue) -> JsResult {
    // SAFETY: the bridge's invariant.
    check(unsafe { raw::JS_ToString(context(), value) })
}

/// The text of a value for messages; empty if it has none.
pub(crate) fn text(value: JSValue) -> String {
    let mut length: raw::size_t = 0;
    // SAFETY: the bridge's invariant; the buffer is `length` bytes long until it is freed.
    unsafe {
        let bytes = raw::JS_ToCStringLen2(context(), &raw mut length, value, false);
        if bytes.is_null() {
            discard_exception();
            return String::new();
        }
        let text =
            String::from_utf8_lossy(std::slice::from_raw_parts(bytes.cast(), length as usize)).into_owned();
        raw::JS_FreeCString(context(), bytes);
        text
    }
}

/// The value of `length` of an array or array-like.
#[inline]
pub(crate) fn length(object: JSValue) -> Result<i64, Pending> {
    if is_array(object) {
        // SAFETY: an array that the caller keeps alive.
        return Ok(unsafe { layout::array_length(object) });
    }
    let mut length = 0;
    // SAFETY: the bridge's invariant.
    check_flag(unsafe { raw::JS_GetLength(context(), object, &raw mut length) })?;
    Ok(length)
}

pub(crate) fn to_f64(value: JSValue) -> Result<f64, Pending> {
    let mut number = 0.0;
    // SAFETY: the bridge's invariant.
    check_flag(unsafe { raw::JS_ToFloat64(context(), &raw mut number, value) })?;
    Ok(number)
}

/// The prototype of an object: `Object.getPrototypeOf(object)`.
pub(crate) fn prototype(object: JSValue) -> JsResult {
    // SAFETY: the bridge's invariant.
    check(unsafe { raw::JS_GetPrototype(context(), object) })
}

/// The own string keys of an object.
pub(crate) fn own_keys(object: JSValue, enumerable_only: bool) -> Result<Vec<Atom>, Pending> {
    let enumerable = if enumerable_only { raw::JS_GPN_ENUM_ONLY } else { 0 };
    let flags = (raw::JS_GPN_STRING_MASK | enumerable) as c_int;
    let (mut table, mut count) = (null_mut(), 0);
    // SAFETY: the bridge's invariant; the table has `count` entries, whose atoms pass to us.
    unsafe {
        let status = raw::JS_GetOwnPropertyNames(context(), &raw mut table, &raw mut count, object, flags);
        check_flag(status)?;
        let keys = (0..count as usize).map(|index| Atom::dup((*table.add(index)).atom)).collect();
        raw::JS_FreePropertyEnum(context(), table, count);
        Ok(keys)
    }
}

pub(crate) fn global() -> Js {
    // SAFETY: the bridge's invariant.
    Js::own(unsafe { raw::JS_GetGlobalObject(context()) })
}

/// Runs a script in the global scope and gives its completion value.
pub(crate) fn evaluate(source: &CStr, filename: &CStr) -> JsResult {
    let (text, length) = (source.as_ptr(), source.count_bytes());
    let kind = raw::JS_EVAL_TYPE_GLOBAL as c_int;
    // SAFETY: the bridge's invariant; both texts end in a zero byte.
    check(unsafe { raw::JS_Eval(context(), text, length as _, filename.as_ptr(), kind) })
}

/// Takes the pending exception out of the context.
pub(crate) fn take_exception() -> Js {
    // SAFETY: the bridge's invariant.
    Js::own(unsafe { raw::JS_GetException(context()) })
}

/// Whether JavaScript cannot catch this error.
pub(crate) fn is_uncatchable(error: JSValue) -> bool {
    // SAFETY: reads a flag of the object.
    unsafe { raw::JS_IsUncatchableError(error) }
}

/// Forgets the pending exception, for probes that must not throw.
pub(crate) fn discard_exception() {
    drop(take_exception());
}

/// Makes a value the pending exception.
pub(crate) fn throw(value: Js) -> Pending {
    // SAFETY: the bridge's invariant; the reference passes to the context.
    unsafe { raw::JS_Throw(context(), value.into_raw()) };
    Pending
}

/// Throws a `TypeError`.
pub(crate) fn throw_type_error(message: &str) -> Pending {
    throw_error(c"TypeError", message)
}

/// Throws an error of the global class `class`.
pub(crate) fn throw_error(class: &CStr, message: &str) -> Pending {
    let made = string(message)
        .and_then(|message| construct(get_named(global().raw(), class)?.raw(), &[message.raw()]));
    match made {
        Ok(error) => throw(error),
        Err(pending) => pending,
    }
}

/// The context as the engine crate's handle.
pub(crate) fn engine_context() -> hognose_engine::Context {
    let context = NonNull::new(context()).expect("invariant: the bridge has a context");
    // SAFETY: the bridge's invariant.
    unsafe { hognose_engine::Context::from_ptr(context) }
}

/// A `RangeError` if the stack is used up. QuickJS looks before it runs bytecode, but Python and native functions can call
/// each other without any.
#[inline]
pub(crate) fn check_stack() -> Result<(), Pending> {
    engine_context().check_stack().map_err(|thrown| throw(Js::own(thrown.0.into_raw())))
}

/// What a native function of this crate looks like.
pub(crate) type Native = fn(this: JSValue, arguments: &[JSValue]) -> JsResult;

/// A JavaScript function that runs `native`.
pub(crate) fn function(name: &CStr, length: c_int, native: Native) -> JsResult {
    let mut data = pack_pointer(native as *const c_void);
    let made = unsafe {
        // SAFETY: the bridge's invariant; the data is two plain integers, copied by the call.
        raw::JS_NewCFunctionData2(context(), Some(run_native), name.as_ptr(), length, 0, 2, data.as_mut_ptr())
    };
    check(made)
}

/// A pointer as two JavaScript integers, the only plain data a function can carry.
fn pack_pointer(pointer: *const c_void) -> [JSValue; 2] {
    let bits = pointer as usize as u64;
    [raw::JS_MKVAL(raw::JS_TAG_INT, bits as i32), raw::JS_MKVAL(raw::JS_TAG_INT, (bits >> 32) as i32)]
}

unsafe extern "C" fn run_native(
    _context: *mut raw::JSContext,
    this: JSValue,
    count: c_int,
    arguments: *mut JSValue,
    _magic: c_int,
    data: *mut JSValue,
) -> JSValue {
    // SAFETY: `function` stored the two halves of a `Native`; QuickJS passes `count` arguments.
    let (native, arguments) = unsafe {
        let low = raw::JS_VALUE_GET_INT(*data) as u32;
        let high = raw::JS_VALUE_GET_INT(*data.add(1)) as u32;
        let bits = (u64::from(high) << 32 | u64::from(low)) as usize;
        let native = std::mem::transmute::<*const c_void, Native>(bits as *const c_void);
        (native, borrow_arguments(count, arguments))
    };
    give(check_stack().and_then(|()| native(this, arguments)))
}

/// The arguments of a callback as a slice.
///
/// # Safety
/// `list` points to `count` values that outlive the returned slice.
pub(crate) unsafe fn borrow_arguments<'a>(count: c_int, list: *mut JSValue) -> &'a [JSValue] {
    if count <= 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(list, count as usize) }
}

/// A result in the form in which a callback returns it.
pub(crate) fn give(result: JsResult) -> JSValue {
    match result {
        Ok(value) => value.into_raw(),
        Err(Pending) => EXCEPTION,
    }
}

/// An argument of a native function, `undefined` if it is missing.
pub(crate) fn argument(arguments: &[JSValue], index: usize) -> JSValue {
    arguments.get(index).copied().unwrap_or(UNDEFINED)
}

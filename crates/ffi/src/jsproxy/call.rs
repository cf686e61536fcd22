//! Calling JavaScript functions from Python, and how long what the call lends them lives.
//!
//! Arguments that need a PyProxy get one for the length of the call: it is destroyed when the call returns, as is a PyProxy
//! the function returns. A function that keeps such an argument asks Python for `create_proxy`. If the result says that
//! the work goes on (a promise, a generator), the arguments live until that ends.

use std::ffi::c_int;
use std::mem::MaybeUninit;

use hognose_engine::layout::class;
use hognose_engine::raw;
use pyo3::ffi;
use pyo3::prelude::*;

use super::{JsProxy, awaitable, create_with_features, features, give};
use crate::bridge::{Object, ObjectRef, bridge, python};
use crate::convert;
use crate::errors::Raised;
use crate::js::{self, JSValue, Js, context};
use crate::pyproxy;
use crate::threads::on_own_thread;

/// The signature of a Python function with fast positional and keyword arguments.
type PythonArguments<'a> = (&'a [*mut ffi::PyObject], *mut ffi::PyObject);

/// `tp_vectorcall`
pub(super) unsafe extern "C" fn vectorcall(
    callable: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: usize,
    keywords: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython passes a live proxy and as many live arguments as it says.
    unsafe {
        let arguments = python_arguments(arguments, count, keywords);
        let result = if bridge().is_own_thread() {
            call_proxy(callable, arguments)
        } else {
            call_elsewhere(callable, arguments)
        };
        give(result)
    }
}

#[cold]
fn call_elsewhere(callable: *mut ffi::PyObject, arguments: PythonArguments<'_>) -> Result<Object, Raised> {
    on_own_thread(|| call_proxy(callable, arguments))
}

#[expect(
    clippy::inline_always,
    reason = "it is called at one hot place, and at a cold one for other threads"
)]
#[inline(always)]
fn call_proxy(callable: *mut ffi::PyObject, arguments: PythonArguments<'_>) -> Result<Object, Raised> {
    // SAFETY: the caller has a live proxy.
    let proxy = unsafe { JsProxy::of(callable) };
    let (value, this) = (proxy.value, proxy.this);
    if !js::is_function(value) {
        return Err(crate::errors::raised::<pyo3::exceptions::PyTypeError>("Expected callable"));
    }
    if !proxy.signature.is_null() {
        return call_with_signature(callable, proxy.signature, arguments);
    }
    let mut lent = Lent::new();
    lent.translate(arguments)?;
    match js::call(value, this, lent.list()) {
        Ok(result) => finish(result, &mut lent),
        Err(pending) => {
            // The exception moves out first: destroying a proxy may run Python code.
            let raised = Raised::from(pending);
            lent.end();
            Err(raised)
        }
    }
}

/// Calls a function that has a signature, which converts its arguments and its result.
#[cold]
fn call_with_signature(
    callable: *mut ffi::PyObject,
    signature: *mut ffi::PyObject,
    (values, keywords): PythonArguments<'_>,
) -> Result<Object, Raised> {
    let call = bridge().signatures().get_item("call")?;
    let mut list = vec![callable, signature];
    list.extend_from_slice(values);
    // SAFETY: the caller holds all of these; keyword names come as a tuple, their values last in the list.
    unsafe {
        let named = if keywords.is_null() { 0 } else { ffi::PyTuple_GET_SIZE(keywords) as usize };
        let result = ffi::PyObject_Vectorcall(call.as_ptr(), list.as_ptr(), list.len() - named, keywords);
        Bound::from_owned_ptr_or_opt(python(), result).ok_or(Raised)
    }
}

/// Calls the function of a proxy, or constructs with it, and gives the result *raw*: as a proxy that is not unwrapped.
pub(super) fn call_raw(proxy: &Object, arguments: &[Js], construct: bool) -> Result<Object, Raised> {
    // SAFETY: the caller made sure that this is a proxy.
    let proxy = unsafe { JsProxy::of(proxy.as_ptr()) };
    let list: Vec<JSValue> = arguments.iter().map(Js::raw).collect();
    let result = if construct {
        js::construct(proxy.value, &list)?
    } else {
        js::call(proxy.value, proxy.this, &list)?
    };
    super::create_raw(result, js::UNDEFINED)
}

/// Translates the result of [`call_raw`] as that of an ordinary call, which lent these proxies.
pub(super) fn finish_call(result: Js, proxies: Vec<Js>) -> Result<Object, Raised> {
    let mut lent = Lent::new();
    lent.proxies = proxies;
    finish(result, &mut lent)
}

/// `new`: constructs an object of the JavaScript class.
pub(super) unsafe extern "C" fn construct(
    object: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    keywords: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython passes a live proxy and as many live arguments as it says.
    unsafe {
        let arguments = python_arguments(arguments, count as usize, keywords);
        give(super::slot_value(object).with(|class| {
            let mut lent = Lent::new();
            lent.translate(arguments)?;
            let made = js::construct(class, lent.list());
            lent.end();
            convert::to_python(made?)
        }))
    }
}

/// # Safety
/// The pointers are those of a vector call.
unsafe fn python_arguments<'a>(
    arguments: *const *mut ffi::PyObject,
    count: usize,
    keywords: *mut ffi::PyObject,
) -> PythonArguments<'a> {
    // SAFETY: the caller's promise; keyword values follow the positional ones.
    unsafe {
        let named = if keywords.is_null() { 0 } else { ffi::PyTuple_GET_SIZE(keywords) as usize };
        let total = ffi::PyVectorcall_NARGS(count) as usize + named;
        let list = if total == 0 { &[] } else { std::slice::from_raw_parts(arguments, total) };
        (list, keywords)
    }
}

/// Translates a call's result and decides how long its arguments live.
#[inline]
fn finish(result: Js, lent: &mut Lent) -> Result<Object, Raised> {
    if !js::is_object(result.raw()) {
        lent.end();
        return convert::primitive_to_python(result.raw());
    }
    if let Some(promise) = pyproxy::scheduled_promise(result.raw()) {
        return awaitable::future_of(promise.raw(), lent.take_proxies());
    }
    if let Some(object) = pyproxy::unwrap(result.raw())? {
        pyproxy::destroy_borrowed(result.raw());
        lent.end();
        return Ok(object);
    }
    let is_promise = js::class_of(result.raw()) == class::PROMISE;
    if is_promise && features::has_method(result.raw(), &bridge().keys.then) {
        return awaitable::future_of(result.raw(), lent.take_proxies());
    }
    let flags = features::detect(result.raw());
    if flags & features::IS_AWAITABLE != 0 && flags & features::IS_DOUBLE_PROXY == 0 {
        return awaitable::future_of(result.raw(), lent.take_proxies());
    }
    if flags & (features::IS_GENERATOR | features::IS_ASYNC_GENERATOR) != 0 && lent.has_proxies() {
        let proxies = js::array(lent.take_proxies())?;
        let wrap = bridge().prelude().keep_for_generator.raw();
        return convert::to_python(js::call(wrap, js::UNDEFINED, &[result.raw(), proxies.raw()])?);
    }
    lent.end();
    create_with_features(result, js::UNDEFINED, flags)
}

const INLINE_ARGUMENTS: usize = 8;

/// The translated arguments of one call, and the proxies made for them.
struct Lent {
    /// The first of them, as many as there are up to eight, unless all have spilled.
    inline: [MaybeUninit<JSValue>; INLINE_ARGUMENTS],
    /// Used instead when there are too many for `inline`.
    spilled: Vec<JSValue>,
    count: usize,
    proxies: Vec<Js>,
}

impl Lent {
    #[inline]
    fn new() -> Lent {
        let inline = [const { MaybeUninit::uninit() }; INLINE_ARGUMENTS];
        Lent { inline, spilled: Vec::new(), count: 0, proxies: Vec::new() }
    }

    /// Translates all arguments. What was translated before one failed is given back when this is dropped.
    #[inline]
    fn translate(&mut self, (values, keywords): PythonArguments<'_>) -> Result<(), Raised> {
        let named = if keywords.is_null() {
            0
        } else {
            // SAFETY: keyword names come as a tuple.
            unsafe { ffi::PyTuple_GET_SIZE(keywords) as usize }
        };
        let (positional, named) = values.split_at(values.len() - named);
        for &value in positional {
            let value = self.translate_one(value)?;
            self.push(value);
        }
        if !named.is_empty() {
            let object = self.keywords_object(keywords, named)?;
            self.push(object);
        }
        Ok(())
    }

    #[inline]
    fn translate_one(&mut self, value: *mut ffi::PyObject) -> Result<Js, Raised> {
        // SAFETY: the call holds a reference to each argument.
        let value: ObjectRef<'_> = unsafe { Borrowed::from_ptr(python(), value) };
        if let Some(value) = convert::immutable_to_js(value)? {
            return Ok(value);
        }
        let proxy = pyproxy::create(value)?;
        self.proxies.push(proxy.clone());
        Ok(proxy)
    }

    /// The keyword arguments as one plain object, the last argument.
    #[cold]
    fn keywords_object(
        &mut self,
        names: *mut ffi::PyObject,
        values: &[*mut ffi::PyObject],
    ) -> Result<Js, Raised> {
        let object = js::object()?;
        for (index, &value) in values.iter().enumerate() {
            let value = self.translate_one(value)?;
            // SAFETY: there is one name, a `str`, for each value.
            let name = unsafe { ffi::PyTuple_GET_ITEM(names, index as ffi::Py_ssize_t) };
            bridge()
                .caches
                .with_keyword(name, |key| Ok(js::define(object.raw(), key, value, js::ORDINARY)?))?;
        }
        Ok(object)
    }

    #[inline]
    fn push(&mut self, value: Js) {
        if self.count < INLINE_ARGUMENTS {
            self.inline[self.count].write(value.into_raw());
        } else {
            self.spill(value);
        }
        self.count += 1;
    }

    #[cold]
    fn spill(&mut self, value: Js) {
        if self.spilled.is_empty() {
            let inline = self.inlined().to_vec();
            self.spilled = inline;
        }
        self.spilled.push(value.into_raw());
    }

    #[inline]
    fn inlined(&self) -> &[JSValue] {
        let count = self.count.min(INLINE_ARGUMENTS);
        // SAFETY: as many were written.
        unsafe { std::slice::from_raw_parts(self.inline.as_ptr().cast(), count) }
    }

    #[inline]
    fn list(&self) -> &[JSValue] {
        if self.spilled.is_empty() { self.inlined() } else { &self.spilled }
    }

    fn has_proxies(&self) -> bool {
        !self.proxies.is_empty()
    }

    /// The call is over: what was made for it is destroyed.
    #[inline]
    fn end(&mut self) {
        if self.has_proxies() {
            self.destroy_proxies();
        }
    }

    #[cold]
    fn destroy_proxies(&mut self) {
        for proxy in self.proxies.drain(..) {
            pyproxy::destroy_borrowed(proxy.raw());
        }
    }

    /// Leaves the destruction to somebody else.
    fn take_proxies(&mut self) -> Vec<Js> {
        std::mem::take(&mut self.proxies)
    }
}

impl Drop for Lent {
    #[inline]
    fn drop(&mut self) {
        self.end();
        self.list().iter().copied().for_each(js::free);
    }
}

/// `tp_descr_get`: a JavaScript function on a Python class is a method, with the instance as `this`.
pub(super) unsafe extern "C" fn bind(
    function: *mut ffi::PyObject,
    instance: *mut ffi::PyObject,
    _class: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython passes a live proxy, and a live instance or null.
    unsafe {
        if instance.is_null() || instance == ffi::Py_None() {
            return ffi::Py_NewRef(function);
        }
        give(super::slot_value(function).with(|value| {
            let this = convert::to_js(Borrowed::from_ptr(python(), instance))?;
            super::create(Js::dup(value), this.raw())
        }))
    }
}

/// Calls `function` with arguments that stay alive after the call, and translates the result as it is: for methods that
/// store what they are given, such as `append`.
pub(super) fn call_keeping(function: JSValue, arguments: &[ObjectRef<'_>]) -> Result<Object, Raised> {
    let list = arguments.iter().map(|&argument| convert::to_js(argument)).collect::<Result<Vec<_>, _>>()?;
    let raw_list: Vec<JSValue> = list.iter().map(Js::raw).collect();
    // SAFETY: the bridge's invariant; `list` owns the arguments.
    let result = js::check(unsafe {
        raw::JS_Call(
            context(),
            function,
            js::UNDEFINED,
            raw_list.len() as c_int,
            raw_list.as_ptr().cast_mut(),
        )
    })?;
    convert::to_python(result)
}

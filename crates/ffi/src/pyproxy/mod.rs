//! PyProxy: a Python object as JavaScript sees it.
//!
//! Two QuickJS classes, one for callable objects and one for the others, both *exotic*: property access is answered from
//! Python ([`traps`]). What a proxy can do besides depends on what the object can do; its prototype, made in `prelude.js`
//! once per set of [abilities](abilities), has the methods and is what `instanceof` asks about.
//!
//! A proxy holds one reference to its Python object until it is destroyed or collected. A destroyed proxy remembers why,
//! and says so when it is used.

pub(crate) mod abilities;
mod call;
mod class;
mod items;
mod native;
mod own;
mod promise;
mod traps;

pub(crate) use class::Classes;
pub(crate) use native::{double_proxy, once_callable, table as native_table};
pub(crate) use promise::{of_awaitable as schedule, owned_values};

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::ffi::CStr;
use std::ptr::null_mut;
use std::rc::Rc;

use hognose_engine::layout::{self, class::PROXY};
use hognose_engine::{Phase, Tracer, raw};
use pyo3::ffi;
use pyo3::prelude::*;

use crate::atoms::Atom;
use crate::bridge::{Object, ObjectRef, bridge, python};
use crate::cycles::{self, Birth};
use crate::errors::{Pending, Raised};
use crate::js::{self, JSAtom, JSValue, Js, JsResult, context};
use crate::release::Held;

unsafe extern "C" {
    // Exported by CPython, not declared by PyO3.
    static mut PyMethod_Type: ffi::PyTypeObject;
    fn PyMethod_Function(method: *mut ffi::PyObject) -> *mut ffi::PyObject;
    fn PyMethod_Self(method: *mut ffi::PyObject) -> *mut ffi::PyObject;
}

const DESTROYED: &str = "Object has already been destroyed";
const DESTROYED_AT_END_OF_CALL: &str = "This borrowed proxy was automatically destroyed at the end of a function call. \
    Try using create_proxy or create_once_callable.";
const DESTROYED_WITH_PARENT: &str = "This borrowed attribute proxy was automatically destroyed in the process of \
    destroying the proxy it was borrowed from. Try using the 'copy' method.";

/// What lies behind the JavaScript object.
pub(crate) struct PyProxy {
    shared: Rc<Shared>,
    options: Options,
    own: own::OwnProperties,
    /// What `cycles` notes in a survey.
    pub(crate) reached: Cell<bool>,
}

/// How a proxy behaves; the aliases of one proxy differ in this.
#[derive(Clone, Default)]
pub(crate) struct Options {
    /// Comes back to Python as a double proxy rather than as the object.
    pub(crate) roundtrip: bool,
    /// Passes `this` as the first argument.
    pub(crate) capture_this: bool,
    /// What `bind` bound, instead of the caller's `this`.
    pub(crate) bound_this: Option<Js>,
    pub(crate) bound_arguments: Vec<Js>,
}

/// Why a proxy was destroyed, and what its object was, which is noted down in debug mode only.
#[derive(Default)]
struct Reason {
    text: Cow<'static, str>,
    description: Option<String>,
}

/// What the aliases of one proxy share.
struct Shared {
    /// One reference, or null when destroyed.
    object: Cell<*mut ffi::PyObject>,
    /// Why it was destroyed.
    reason: RefCell<Reason>,
    /// Proxies of attributes, which live as long as this proxy, by name.
    attributes: RefCell<Vec<(JSAtom, Js)>>,
    /// The promise of an awaitable that has been scheduled.
    promise: RefCell<Option<Js>>,
    birth: Birth,
    /// Whether the collector that is at work has subtracted what the aliases share, and not yet restored it.
    subtracted: Cell<bool>,
}

/// A new proxy of an object.
pub(crate) fn create(object: ObjectRef<'_>) -> Result<Js, Raised> {
    create_with(object, Options::default())
}

/// A new proxy with options.
pub(crate) fn create_with(object: ObjectRef<'_>, options: Options) -> Result<Js, Raised> {
    let shared = Shared {
        object: Cell::new(object.to_owned().into_ptr()),
        reason: RefCell::default(),
        attributes: RefCell::default(),
        promise: RefCell::default(),
        birth: bridge().cycles.count_birth(),
        subtracted: Cell::new(false),
    };
    let abilities = abilities::of(object)?;
    Ok(class::instantiate(abilities, PyProxy::new(Rc::new(shared), options))?)
}

/// Another proxy of the same object that dies with this one.
fn alias(value: JSValue, options: Options) -> JsResult {
    let proxy = of(value)?;
    let abilities = abilities::of(proxy.object()?.as_borrowed())?;
    class::instantiate(abilities, PyProxy::new(Rc::clone(&proxy.shared), options))
}

/// Whether a value is a PyProxy, alive or not.
#[inline]
pub(crate) fn is_pyproxy(value: JSValue) -> bool {
    find(value).is_some()
}

/// Whether a PyProxy still has its object.
pub(crate) fn is_alive(value: JSValue) -> bool {
    find(value).is_some_and(|proxy| !proxy.shared.object.get().is_null())
}

/// The proxy behind a value.
#[inline]
pub(crate) fn find<'a>(value: JSValue) -> Option<&'a PyProxy> {
    if !bridge().classes().is_ours(js::class_of(value).into()) {
        return None;
    }
    // SAFETY: our two classes carry a `PyProxy`, which lives as long as its object does.
    unsafe { layout::opaque(value).cast::<PyProxy>().as_ref() }
}

/// The proxy that JavaScript uses in a call or a trap, with stack left to serve it.
fn of<'a>(value: JSValue) -> Result<&'a PyProxy, Pending> {
    js::check_stack()?;
    find(value).ok_or_else(|| js::throw_type_error("Expected a PyProxy"))
}

/// The Python object of a value that is a PyProxy, unless that is to stay one; an error if it was destroyed.
#[inline]
pub(crate) fn unwrap(value: JSValue) -> Result<Option<Object>, Raised> {
    match find(value) {
        Some(proxy) => {
            let object = proxy.object()?;
            Ok((!proxy.options.roundtrip).then_some(object))
        }
        None => viewed(value),
    }
}

/// The Python object that a JSON view shows.
#[inline]
fn viewed(value: JSValue) -> Result<Option<Object>, Raised> {
    if js::class_of(value) != PROXY {
        return Ok(None);
    }
    viewed_by(value)
}

#[cold]
fn viewed_by(value: JSValue) -> Result<Option<Object>, Raised> {
    let Ok(target) = js::proxy_target(value) else {
        // Revoked.
        js::discard_exception();
        return Ok(None);
    };
    // A view's target is no proxy itself, so looking at it runs nobody's code.
    if js::class_of(target.raw()) == PROXY {
        return Ok(None);
    }
    let key = Atom::from_value(bridge().prelude().viewed.raw())?;
    // SAFETY: the bridge's invariant.
    if unsafe { raw::JS_GetOwnProperty(context(), null_mut(), target.raw(), key.raw()) } != 1 {
        return Ok(None);
    }
    unwrap_any(js::get(target.raw(), &key)?.raw())
}

/// The Python object of a value that is a PyProxy, whatever its options.
pub(crate) fn unwrap_any(value: JSValue) -> Result<Option<Object>, Raised> {
    find(value).map(PyProxy::object).transpose().map_err(Raised::from)
}

/// The promise of a coroutine that was scheduled, which took the place of its proxy.
pub(crate) fn scheduled_promise(value: JSValue) -> Option<Js> {
    find(value)?.shared.promise.borrow().clone()
}

/// Destroys a proxy that was lent to a call. One that is to come back as a proxy is nobody's loan.
pub(crate) fn destroy_borrowed(value: JSValue) {
    if let Some(proxy) = find(value)
        && !proxy.options.roundtrip
    {
        proxy.shared.destroy(DESTROYED_AT_END_OF_CALL.into());
    }
}

/// Destroys a proxy, as `destroy()` does.
pub(crate) fn destroy(value: JSValue) {
    if let Some(proxy) = find(value) {
        proxy.shared.destroy(DESTROYED.into());
    }
}

/// What an object was, for the error of its destroyed proxy.
fn describe(object: ObjectRef<'_>) -> String {
    let class = class_name(object);
    match object.repr() {
        Ok(text) => format!("The object was of type \"{class}\" and had repr \"{text}\""),
        Err(_) => {
            format!(
                "The object was of type \"{class}\" and an error was raised when trying to generate its repr"
            )
        }
    }
}

/// The type's name, with its module unless that is obvious.
fn class_name(object: ObjectRef<'_>) -> String {
    // SAFETY: the name of a type is a C string that lives as long as the type.
    let name = unsafe { CStr::from_ptr((*ffi::Py_TYPE(object.as_ptr())).tp_name) };
    name.to_string_lossy().into_owned()
}

/// The Python object of a PyProxy, or nothing if it was destroyed.
pub(crate) fn target(value: JSValue) -> Option<Object> {
    let object = find(value)?.pointer();
    // SAFETY: the proxy owns a reference.
    unsafe { Bound::from_borrowed_ptr_or_opt(python(), object) }
}

/// Takes the object away from a proxy that is garbage.
pub(crate) fn cut(value: JSValue) -> Option<Object> {
    find(value)?.shared.take()
}

impl PyProxy {
    fn new(shared: Rc<Shared>, options: Options) -> PyProxy {
        PyProxy { shared, options, own: own::OwnProperties::default(), reached: Cell::new(false) }
    }

    /// The object's address, null if the proxy was destroyed.
    pub(crate) fn pointer(&self) -> *mut ffi::PyObject {
        self.shared.object.get()
    }

    /// Tells a collector what the proxy owns.
    fn trace(&self, value: JSValue, tracer: &mut Tracer<'_>) {
        let is_first = self.shared.takes_turn(tracer.phase());
        let own = self
            .own
            .object()
            .into_iter()
            .chain(&self.options.bound_this)
            .chain(&self.options.bound_arguments);
        // SAFETY: the proxy owns each of these once.
        own.for_each(|value| unsafe { tracer.mark_raw(value.raw()) });
        if is_first {
            self.shared.trace(tracer);
        }
        cycles::visit(value, self, is_first, tracer);
    }

    /// The object, or the error of a destroyed proxy.
    #[inline]
    fn object(&self) -> Result<Object, Pending> {
        let object = self.shared.object.get();
        if object.is_null() {
            return Err(self.shared.throw_destroyed());
        }
        // SAFETY: the proxy owns a reference.
        Ok(unsafe { Bound::from_borrowed_ptr(python(), object) })
    }
}

impl Shared {
    #[cold]
    fn throw_destroyed(&self) -> Pending {
        let reason = self.reason.borrow();
        let hint = "For more information about the cause of this error, use `pyodide.setDebug(true)`";
        let message = format!("{}\n{}", reason.text, reason.description.as_deref().unwrap_or(hint));
        js::throw_error(c"Error", &message)
    }

    /// Lets go of the object and of everything borrowed from it. Destroying twice is silent.
    fn destroy(&self, reason: Cow<'static, str>) {
        let Some(object) = self.take() else { return };
        let description = bridge().debug.get().then(|| describe(object.as_borrowed()));
        self.reason.replace(Reason { text: reason, description });
        for (name, attribute) in self.attributes.take() {
            release_atom(name);
            if let Some(proxy) = find(attribute.raw()) {
                proxy.shared.destroy(DESTROYED_WITH_PARENT.into());
            }
        }
        drop(object);
    }

    /// Takes the object away.
    fn take(&self) -> Option<Object> {
        let object = self.object.replace(null_mut());
        if object.is_null() {
            return None;
        }
        bridge().cycles.count_end(self.birth);
        // SAFETY: the proxy owned this reference, which now passes to the caller.
        Some(unsafe { Bound::from_owned_ptr(python(), object) })
    }

    /// Whether this alias is the one that a collector counts what they share for: the first that it asks, and when it
    /// restores, the first that is alive.
    fn takes_turn(&self, phase: Phase) -> bool {
        match phase {
            Phase::Subtract => !self.subtracted.replace(true),
            Phase::Restore => self.subtracted.replace(false),
        }
    }

    fn trace(&self, tracer: &mut Tracer<'_>) {
        let (attributes, promise) = (self.attributes.borrow(), self.promise.borrow());
        let owned = attributes.iter().map(|(_, attribute)| attribute).chain(promise.as_ref());
        // SAFETY: the aliases own each of these once, together.
        owned.for_each(|value| unsafe { tracer.mark_raw(value.raw()) });
    }

    /// The cached proxy of an attribute, if it is still of the same value.
    fn attribute(&self, name: JSAtom, value: &Object) -> Option<Js> {
        let attributes = self.attributes.borrow();
        let (_, cached) = attributes.iter().find(|(cached, _)| *cached == name)?;
        let object = find(cached.raw())?.shared.object.get();
        same_attribute(object, value.as_ptr()).then(|| cached.clone())
    }

    fn remember_attribute(&self, name: JSAtom, proxy: Js) {
        let mut attributes = self.attributes.borrow_mut();
        match attributes.iter_mut().find(|(cached, _)| *cached == name) {
            Some((_, cached)) => *cached = proxy,
            None => attributes.push((Atom::dup(name).into_raw(), proxy)),
        }
    }
}

fn release_atom(atom: JSAtom) {
    // SAFETY: the bridge's invariant; `remember_attribute` took the reference.
    unsafe { raw::JS_FreeAtom(context(), atom) };
}

/// Whether two attribute values are the same, also if Python made a new bound method for each access.
fn same_attribute(cached: *mut ffi::PyObject, value: *mut ffi::PyObject) -> bool {
    if cached == value {
        return true;
    }
    if cached.is_null() {
        return false;
    }
    // SAFETY: both are live; the checks precede the reads.
    unsafe {
        let is_method = |object| ffi::Py_IS_TYPE(object, &raw mut PyMethod_Type) != 0;
        if is_method(cached) && is_method(value) {
            return PyMethod_Function(cached) == PyMethod_Function(value)
                && PyMethod_Self(cached) == PyMethod_Self(value);
        }
        ffi::PyCFunction_CheckExact(cached) != 0
            && ffi::PyCFunction_CheckExact(value) != 0
            && ffi::PyCFunction_GetSelf(cached) == ffi::PyCFunction_GetSelf(value)
            && (*cached.cast::<ffi::PyCFunctionObject>()).m_ml
                == (*value.cast::<ffi::PyCFunctionObject>()).m_ml
    }
}

impl Drop for Shared {
    /// A collected proxy lets go of its object and its attributes; these live on if JavaScript still has them, which
    /// saw no end of their parent.
    fn drop(&mut self) {
        for (name, _) in self.attributes.take() {
            release_atom(name);
        }
        if let Some(object) = self.take() {
            bridge().released().push(Held::Object(object));
        }
    }
}

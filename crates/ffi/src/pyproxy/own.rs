//! Properties that JavaScript gave a proxy itself, by `Object.defineProperty` or under a name that is not Python's.
//!
//! They live on an ordinary object beside the proxy, made when the first is defined, that has the proxy's prototype: setting
//! what the prototype defines then means what it means everywhere in JavaScript. This is the target object of Pyodide's
//! proxies.

use std::cell::OnceCell;
use std::ffi::c_int;

use hognose_engine::raw;

use crate::atoms::Atom;
use crate::errors::Pending;
use crate::js::{self, JSAtom, JSValue, Js, context};

/// The own properties of one proxy.
#[derive(Default)]
pub(super) struct OwnProperties(OnceCell<Js>);

impl OwnProperties {
    /// The object that has them, if there are any.
    pub(super) fn object(&self) -> Option<&Js> {
        self.0.get()
    }

    fn make(&self, proxy: JSValue) -> Result<JSValue, Pending> {
        if let Some(object) = self.0.get() {
            return Ok(object.raw());
        }
        let prototype = js::prototype(proxy)?;
        // SAFETY: the bridge's invariant; the prototype is live.
        let object = js::check(unsafe { raw::JS_NewObjectProto(context(), prototype.raw()) })?;
        Ok(self.0.get_or_init(|| object).raw())
    }

    /// Whether there is such a property; `descriptor`, a place to describe it in, may be null.
    pub(super) fn describe(
        &self,
        key: JSAtom,
        descriptor: *mut raw::JSPropertyDescriptor,
    ) -> Result<bool, Pending> {
        let Some(object) = self.0.get() else { return Ok(false) };
        // SAFETY: the bridge's invariant; the engine fills the place, if there is one.
        js::check_flag(unsafe { raw::JS_GetOwnProperty(context(), descriptor, object.raw(), key) })
    }

    /// Defines a property as JavaScript describes it.
    pub(super) fn define(
        &self,
        proxy: JSValue,
        key: JSAtom,
        [value, getter, setter]: [JSValue; 3],
        flags: c_int,
    ) -> Result<bool, Pending> {
        let object = self.make(proxy)?;
        // SAFETY: the bridge's invariant; the engine takes references of its own to the three values.
        js::check_flag(unsafe {
            raw::JS_DefineProperty(context(), object, key, value, getter, setter, flags)
        })
    }

    /// Sets a property that is own or the prototype's, as on an ordinary object. `receiver` is what a setter finds as `this`.
    pub(super) fn set(
        &self,
        proxy: JSValue,
        key: JSAtom,
        value: JSValue,
        receiver: JSValue,
    ) -> Result<(), Pending> {
        let object = self.make(proxy)?;
        let mut descriptor = raw::JSPropertyDescriptor {
            flags: 0,
            value: js::UNDEFINED,
            getter: js::UNDEFINED,
            setter: js::UNDEFINED,
        };
        if self.describe(key, &raw mut descriptor)? {
            let [_value, _getter, setter] =
                [descriptor.value, descriptor.getter, descriptor.setter].map(Js::own);
            if js::is_function(setter.raw()) {
                return js::call(setter.raw(), receiver, &[value]).map(drop);
            }
            if descriptor.flags as u32 & raw::JS_PROP_WRITABLE == 0 {
                return Err(refused("set", key));
            }
        }
        js::set(object, &Atom::dup(key), Js::dup(value))
    }

    /// Deletes an own property; `false` if there is none of that name.
    pub(super) fn delete(&self, key: JSAtom) -> Result<bool, Pending> {
        let Some(object) = self.0.get() else { return Ok(false) };
        if !self.describe(key, std::ptr::null_mut())? {
            return Ok(false);
        }
        // SAFETY: the bridge's invariant; without a flag that says otherwise, a refusal is an answer, not an exception.
        let deleted = unsafe { raw::JS_DeleteProperty(context(), object.raw(), key, 0) };
        if js::check_flag(deleted)? { Ok(true) } else { Err(refused("deleteProperty", key)) }
    }
}

/// The error for a property that may not be changed, in V8's words.
pub(super) fn refused(trap: &str, key: JSAtom) -> Pending {
    let name = Atom::dup(key).text();
    js::throw_type_error(&format!("'{trap}' on proxy: trap returned falsish for property '{name}'"))
}

//! Objects that are nothing special: plain ones and functions, of which most proxies are.
//!
//! What an object can do is looked up in it and in its prototypes. Right below `Object.prototype` or `Function.prototype`,
//! which by themselves give nothing that [`features`](super::features) looks for, only the object's own properties are left
//! to ask for. A script may change those two prototypes, so they are looked at again whenever JavaScript may have run since.
//! Not noticed is a getter that changes them while Python reads it, until Python calls JavaScript the next time.

use std::cell::Cell;
use std::ptr::null_mut;

use hognose_engine::raw;

use super::features::IS_CALLABLE;
use crate::atoms::Atom;
use crate::bridge::bridge;
use crate::errors::Pending;
use crate::js::{self, JSValue, Js, context};

/// The prototypes of ordinary objects, and whether they are known to be as they should.
pub(crate) struct Ordinary {
    object: JSValue,
    function: JSValue,
    object_class: raw::JSClassID,
    /// Those of functions in JavaScript and of built-in ones.
    function_classes: [raw::JSClassID; 2],
    is_object_clean: Cell<bool>,
    is_function_clean: Cell<bool>,
}

impl Ordinary {
    /// Learns how ordinary objects look from a plain one, a function of a script and a built-in one.
    pub(crate) fn new(plain: &Js, function: &Js, built_in: &Js) -> Result<Ordinary, Pending> {
        // SAFETY: reads the objects' classes.
        let class_of = |value: &Js| unsafe { raw::JS_GetClassID(value.raw()) };
        Ok(Ordinary {
            // Kept for good, as the context keeps them.
            object: js::prototype(plain.raw())?.into_raw(),
            function: js::prototype(function.raw())?.into_raw(),
            object_class: class_of(plain),
            function_classes: [class_of(function), class_of(built_in)],
            is_object_clean: Cell::new(false),
            is_function_clean: Cell::new(false),
        })
    }

    /// JavaScript may have run: what was known of the prototypes is so no more.
    #[inline]
    pub(crate) fn forget(&self) {
        self.is_object_clean.set(false);
        self.is_function_clean.set(false);
    }

    /// The features of an object that has none but by its class; `None` where one must look closer.
    pub(super) fn features(&self, value: JSValue) -> Option<u32> {
        // SAFETY: reads the object's class.
        let class = unsafe { raw::JS_GetClassID(value) };
        let (prototype, flags) = if class == self.object_class {
            (self.object, 0)
        } else if self.function_classes.contains(&class) {
            (self.function, IS_CALLABLE)
        } else {
            return None;
        };
        let is_ordinary = is_prototype_of(prototype, value) && self.is_clean(flags) && lacks(value, flags);
        is_ordinary.then_some(flags)
    }

    /// Whether the prototype gives no features, nor does what is above it.
    fn is_clean(&self, flags: u32) -> bool {
        if flags & IS_CALLABLE == 0 {
            return recall(&self.is_object_clean, || lacks(self.object, 0));
        }
        recall(&self.is_function_clean, || {
            is_prototype_of(self.object, self.function)
                && lacks(self.function, IS_CALLABLE)
                && self.is_clean(0)
        })
    }
}

/// What was found out before, if it was true, or is found out now.
fn recall(known: &Cell<bool>, find_out: impl FnOnce() -> bool) -> bool {
    if !known.get() {
        known.set(find_out());
    }
    known.get()
}

fn is_prototype_of(prototype: JSValue, value: JSValue) -> bool {
    js::prototype(value).is_ok_and(|found| js::address(found.raw()) == js::address(prototype))
}

/// Whether an object that is not exotic has no property of its own that makes a feature. Without a `message`, for one, it
/// is no error; of a function neither that counts nor its length.
fn lacks(object: JSValue, flags: u32) -> bool {
    let keys = &bridge().keys;
    let of_all: [&Atom; 10] = [
        &keys.then,
        &keys.iterator,
        &keys.async_iterator,
        &keys.get,
        &keys.set,
        &keys.has,
        &keys.includes,
        &keys.next,
        &keys.size,
        &keys.to_string_tag,
    ];
    let lacks_all = |keys: &[&Atom]| !keys.iter().any(|key| has_own(object, key));
    lacks_all(&of_all)
        && (flags & IS_CALLABLE != 0 || lacks_all(&[&keys.length, &keys.message]))
        && (!bridge().dialect().is_314() || lacks_all(&[&keys.dispose, &keys.async_dispose]))
}

fn has_own(object: JSValue, key: &Atom) -> bool {
    // SAFETY: the bridge's invariant; no description is wanted. Of what is not exotic the answer runs no code.
    unsafe { raw::JS_GetOwnProperty(context(), null_mut(), object, key.raw()) != 0 }
}

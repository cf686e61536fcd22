//! Objects that are nothing special: plain ones and functions, of which most proxies are.
//!
//! What an object can do is looked up in it and in its prototypes. Right below `Object.prototype` or `Function.prototype`,
//! which by themselves give nothing that [`features`](super::features) looks for, only the object's own properties are left
//! to ask for. A script may change those two prototypes, so they are looked at again whenever JavaScript may have run since.
//! Not noticed is a getter that changes them while Python reads it, until Python calls JavaScript the next time.

use std::cell::Cell;

use hognose_engine::layout::{self, class};

use super::features::IS_CALLABLE;
use crate::atoms::Atom;
use crate::bridge::bridge;
use crate::errors::Pending;
use crate::js::{self, JSAtom, JSValue, Js};

/// The prototypes of ordinary objects, and whether they are known to be as they should.
pub(crate) struct Ordinary {
    object: JSValue,
    function: JSValue,
    telling: Telling,
    is_object_clean: Cell<bool>,
    is_function_clean: Cell<bool>,
}

/// How many names tell a feature, at most.
const TELLING: usize = 14;

/// The names of the properties that make a feature. Some may stand there twice.
struct Telling {
    of_objects: [JSAtom; TELLING],
    of_functions: [JSAtom; TELLING],
}

impl Ordinary {
    /// Learns how ordinary objects look from a plain one and a function.
    pub(crate) fn new(plain: &Js, function: &Js) -> Result<Ordinary, Pending> {
        Ok(Ordinary {
            // Kept for good, as the context keeps them.
            object: js::prototype(plain.raw())?.into_raw(),
            function: js::prototype(function.raw())?.into_raw(),
            telling: Telling::new(),
            is_object_clean: Cell::new(false),
            is_function_clean: Cell::new(false),
        })
    }

    /// `Object.prototype`.
    #[inline]
    pub(crate) fn object_prototype(&self) -> JSValue {
        self.object
    }

    /// JavaScript may have run: what was known of the prototypes is so no more.
    #[inline]
    pub(crate) fn forget(&self) {
        self.is_object_clean.set(false);
        self.is_function_clean.set(false);
    }

    /// The features of an object that has none but by its class; `None` where one must look closer.
    #[inline]
    pub(super) fn features(&self, value: JSValue) -> Option<u32> {
        let (prototype, flags) = match js::class_of(value) {
            class::OBJECT => (self.object, 0),
            class::SCRIPT_FUNCTION | class::NATIVE_FUNCTION => (self.function, IS_CALLABLE),
            _ => return None,
        };
        let is_ordinary =
            is_prototype_of(prototype, value) && self.is_clean(flags) && self.lacks(value, flags);
        is_ordinary.then_some(flags)
    }

    /// Whether the prototype gives no features, nor does what is above it.
    fn is_clean(&self, flags: u32) -> bool {
        if flags & IS_CALLABLE == 0 {
            return recall(&self.is_object_clean, || self.lacks(self.object, 0));
        }
        recall(&self.is_function_clean, || {
            is_prototype_of(self.object, self.function)
                && self.lacks(self.function, IS_CALLABLE)
                && self.is_clean(0)
        })
    }

    /// Whether an object that is not exotic has no property of its own that makes a feature.
    fn lacks(&self, object: JSValue, flags: u32) -> bool {
        let telling =
            if flags & IS_CALLABLE == 0 { &self.telling.of_objects } else { &self.telling.of_functions };
        // SAFETY: a live object that is not exotic; nothing runs meanwhile.
        unsafe {
            let mut names = layout::own_names(object);
            if names.len() > TELLING {
                return !telling.iter().any(|&name| layout::has_own(object, name));
            }
            // All are compared, which is done with several at once.
            !names.any(|own| telling.iter().fold(0, |found, &name| found | u32::from(own == name)) != 0)
        }
    }
}

impl Telling {
    fn new() -> Telling {
        let keys = &bridge().keys;
        let mut names = vec![
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
        if bridge().dialect().is_314() {
            names.extend([&keys.dispose, &keys.async_dispose]);
        }
        let of_functions = padded(&names);
        // Without a `message`, for one, it is no error; of a function neither that counts nor its length.
        names.extend([&keys.length, &keys.message]);
        Telling { of_objects: padded(&names), of_functions }
    }
}

fn padded(names: &[&Atom]) -> [JSAtom; TELLING] {
    std::array::from_fn(|place| names.get(place).unwrap_or(&names[0]).raw())
}

/// What was found out before, if it was true, or is found out now.
fn recall(known: &Cell<bool>, find_out: impl FnOnce() -> bool) -> bool {
    if !known.get() {
        known.set(find_out());
    }
    known.get()
}

fn is_prototype_of(prototype: JSValue, value: JSValue) -> bool {
    // SAFETY: a live object.
    unsafe { layout::prototype(value) }.is_some_and(|found| found.addr() == js::address(prototype))
}

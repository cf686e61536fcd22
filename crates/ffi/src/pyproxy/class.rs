//! The QuickJS classes behind the proxies, and the prototypes their instances have.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;

use hognose_engine::{Tracer, raw};

use super::{PyProxy, abilities, call, traps};
use crate::bridge::bridge;
use crate::errors::Pending;
use crate::js::{self, JSValue, Js, JsResult, context};

/// The ids of the classes, which belong to the one runtime.
pub(crate) struct Classes {
    plain: raw::JSClassID,
    callable: raw::JSClassID,
    prototypes: RefCell<HashMap<u32, Js>>,
    last_prototype: Cell<(u32, JSValue)>,
}

/// The table of traps, which QuickJS reads as long as the runtime lives.
#[repr(transparent)]
struct Traps(raw::JSClassExoticMethods);

// SAFETY: the table holds functions only and is never written.
unsafe impl Sync for Traps {}

static TRAPS: Traps = Traps(raw::JSClassExoticMethods {
    get_own_property: Some(traps::get_own_property),
    get_own_property_names: Some(traps::own_keys),
    delete_property: Some(traps::delete),
    define_own_property: Some(traps::define),
    has_property: Some(traps::has),
    get_property: None,
    set_property: Some(traps::set),
});

impl Classes {
    /// Registers the classes with the runtime.
    pub(crate) fn new() -> Classes {
        let exotic = (&raw const TRAPS.0).cast_mut();
        let proxy = raw::JSClassDef {
            class_name: c"PyProxy".as_ptr(),
            finalizer: Some(finalize),
            gc_mark: Some(mark),
            call: None,
            exotic,
        };
        let callable = raw::JSClassDef { call: Some(call::call), ..proxy };
        Classes {
            plain: register(&proxy),
            callable: register(&callable),
            prototypes: RefCell::default(),
            last_prototype: Cell::new((u32::MAX, js::NULL)),
        }
    }

    #[inline]
    pub(super) fn is_ours(&self, class: raw::JSClassID) -> bool {
        class == self.plain || class == self.callable
    }

    pub(super) fn is_callable(&self, class: raw::JSClassID) -> bool {
        class == self.callable
    }

    /// The prototype for a set of abilities; it lives as long as the process.
    #[inline]
    fn prototype(&self, abilities: u32) -> Result<JSValue, Pending> {
        let (last, prototype) = self.last_prototype.get();
        if last == abilities {
            return Ok(prototype);
        }
        let prototype = self.find_prototype(abilities)?;
        self.last_prototype.set((abilities, prototype));
        Ok(prototype)
    }

    fn find_prototype(&self, abilities: u32) -> Result<JSValue, Pending> {
        if let Some(prototype) = self.prototypes.borrow().get(&abilities) {
            return Ok(prototype.raw());
        }
        let flags = Js::integer(abilities as i32);
        let prototype = js::call(bridge().prelude().make_prototype.raw(), js::UNDEFINED, &[flags.raw()])?;
        let value = prototype.raw();
        self.prototypes.borrow_mut().insert(abilities, prototype);
        Ok(value)
    }
}

fn register(definition: &raw::JSClassDef) -> raw::JSClassID {
    let mut id = 0;
    // SAFETY: the bridge's invariant; the name and the table are static.
    unsafe {
        let runtime = raw::JS_GetRuntime(context());
        raw::JS_NewClassID(runtime, &raw mut id);
        raw::JS_NewClass(runtime, id, definition);
    }
    id
}

/// Makes the JavaScript object of a proxy.
pub(super) fn instantiate(abilities: u32, proxy: PyProxy) -> JsResult {
    let classes = bridge().classes();
    let class = if abilities & abilities::CALLABLE != 0 { classes.callable } else { classes.plain };
    let prototype = classes.prototype(abilities)?;
    // SAFETY: the bridge's invariant; the object owns the box from here to its finalizer.
    unsafe {
        let object = js::check(raw::JS_NewObjectProtoClass(context(), prototype, class))?;
        raw::JS_SetOpaque(object.raw(), Box::into_raw(Box::new(proxy)).cast::<c_void>());
        Ok(object)
    }
}

/// The finalizer of both proxy classes.
unsafe extern "C" fn finalize(_runtime: *mut raw::JSRuntime, object: JSValue) {
    let mut class = 0;
    // SAFETY: QuickJS finalizes each proxy once.
    unsafe {
        let proxy = raw::JS_GetAnyOpaque(object, &raw mut class).cast::<PyProxy>();
        if !proxy.is_null() {
            drop(Box::from_raw(proxy));
        }
    }
}

/// Tells QuickJS's collector what JavaScript values a proxy holds.
unsafe extern "C" fn mark(runtime: *mut raw::JSRuntime, object: JSValue, mark: raw::JS_MarkFunc) {
    // SAFETY: the collector passes a live proxy.
    if let (Some(proxy), mut tracer) = unsafe { (super::find(object), Tracer::from_raw(runtime, mark)) } {
        proxy.trace(object, &mut tracer);
    }
}

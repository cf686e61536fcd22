//! What a JavaScript object can do, as a set of flags found by looking at it.
//!
//! The flags and their values are Pyodide's: the classes of `pyodide.ffi` find them by name in `js_flags` to answer
//! `isinstance`. A probe never throws; a revoked proxy, on which every operation does, has no features.

use hognose_engine::layout::{self, Units};
use hognose_engine::raw;

use crate::atoms::Atom;
use crate::bridge::bridge;
use crate::js::{self, JSValue};
use crate::pyproxy;

macro_rules! flags {
    ($($(#[$meta:meta])* $name:ident = $bit:literal,)*) => {
        $($(#[$meta])* pub(crate) const $name: u32 = 1 << $bit;)*
        /// Every flag with its name.
        pub(crate) const ALL: &[(&str, u32)] = &[$((stringify!($name), $name),)*];
    };
}

flags! {
    IS_ITERABLE = 0,
    IS_ITERATOR = 1,
    HAS_LENGTH = 2,
    HAS_GET = 3,
    HAS_SET = 4,
    HAS_HAS = 5,
    HAS_INCLUDES = 6,
    IS_AWAITABLE = 7,
    IS_BUFFER = 8,
    IS_CALLABLE = 9,
    IS_ARRAY = 10,
    /// Indexed and measured, but not an Array.
    IS_ARRAY_LIKE = 11,
    IS_TYPEDARRAY = 12,
    IS_DOUBLE_PROXY = 13,
    /// Shown as a mapping of its properties, by `as_object_map`.
    IS_OBJECT_MAP = 14,
    IS_ASYNC_ITERABLE = 15,
    IS_GENERATOR = 16,
    IS_ASYNC_GENERATOR = 17,
    IS_ASYNC_ITERATOR = 18,
    IS_ERROR = 19,
    /// A dict or list of Python's JSON, by `as_py_json`.
    IS_PY_JSON_DICT = 20,
    IS_PY_JSON_SEQUENCE = 21,
    /// A mapping view that its values inherit. Pyodide marks it on the proxy; here it is part of the type.
    IS_HEREDITARY = 22,
    HAS_DISPOSE = 23,
    HAS_ASYNC_DISPOSE = 24,
}

/// What rules out the views of an object as a mapping.
const NO_OBJECT_MAP: u32 = IS_ARRAY
    | IS_TYPEDARRAY
    | IS_ARRAY_LIKE
    | IS_BUFFER
    | IS_DOUBLE_PROXY
    | IS_ITERATOR
    | IS_CALLABLE
    | IS_ERROR;

/// Whether an object with these features may be shown as a mapping of its properties.
pub(crate) fn allows_object_map(flags: u32) -> bool {
    flags & NO_OBJECT_MAP == 0
}

/// What `get`, a length and iteration make together.
pub(crate) const MAPPING: u32 = HAS_GET | HAS_LENGTH | IS_ITERABLE;

/// The features of a value.
pub(crate) fn detect(value: JSValue) -> u32 {
    if !js::is_object(value) {
        return 0;
    }
    if let Some(flags) = bridge().ordinary().features(value) {
        return flags;
    }
    let is_double_proxy = pyproxy::is_pyproxy(value);
    if is_double_proxy && !pyproxy::is_alive(value) {
        return 0;
    }
    let mut flags = methods(value) | container(value);
    if is_double_proxy {
        flags |= IS_DOUBLE_PROXY;
    }
    if flags & (IS_CALLABLE | IS_BUFFER) == 0 && is_error(value) {
        flags |= IS_ERROR;
    }
    if bridge().dialect().is_314() && looks_like_an_array(value, flags) {
        flags |= IS_ARRAY_LIKE;
    }
    flags
}

/// The features that are methods.
fn methods(value: JSValue) -> u32 {
    /// How many of the probes below older versions of Pyodide make.
    const BEFORE_314: usize = 7;
    let keys = &bridge().keys;
    let mut flags = 0;
    let probes = [
        (&keys.then, IS_AWAITABLE),
        (&keys.iterator, IS_ITERABLE),
        (&keys.async_iterator, IS_ASYNC_ITERABLE),
        (&keys.get, HAS_GET),
        (&keys.set, HAS_SET),
        (&keys.has, HAS_HAS),
        (&keys.includes, HAS_INCLUDES),
        (&keys.dispose, HAS_DISPOSE),
        (&keys.async_dispose, HAS_ASYNC_DISPOSE),
    ];
    let known = if bridge().dialect().is_314() { &probes[..] } else { &probes[..BEFORE_314] };
    for &(key, flag) in known {
        if has_method(value, key) {
            flags |= flag;
        }
    }
    if has_method(value, &keys.next) {
        // Both kinds of iterator have `next`; which one this is shows in what it gives when asked for an iterator.
        let (sync, asynchronous) = (flags & IS_ITERABLE != 0, flags & IS_ASYNC_ITERABLE != 0);
        if sync || !asynchronous {
            flags |= IS_ITERATOR;
        }
        if asynchronous || !sync {
            flags |= IS_ASYNC_ITERATOR;
        }
    }
    flags
}

/// The features that say what kind of container this is.
fn container(value: JSValue) -> u32 {
    let mut flags = 0;
    if js::is_function(value) {
        flags |= IS_CALLABLE;
    }
    let keys = &bridge().keys;
    if js::is_array(value) {
        return flags | IS_ARRAY | HAS_LENGTH;
    }
    if has_property(value, &keys.size) || (flags & IS_CALLABLE == 0 && has_property(value, &keys.length)) {
        flags |= HAS_LENGTH;
    }
    if flags & IS_CALLABLE == 0 {
        flags |= buffer_kind(value);
    }
    flags | tagged(value)
}

/// Whether this has a length and can be iterated over again and again: what Pyodide 314 calls array-like.
fn looks_like_an_array(value: JSValue, flags: u32) -> bool {
    flags & IS_ITERABLE != 0
        && flags & (IS_ARRAY | IS_TYPEDARRAY | IS_ITERATOR | IS_CALLABLE) == 0
        && has_property(value, &bridge().keys.length)
}

/// Whether the value is a buffer or a view of one.
fn buffer_kind(value: JSValue) -> u32 {
    // SAFETY: these look at the object's class only.
    unsafe {
        if raw::JS_IsArrayBuffer(value) || raw::JS_IsDataView(value) {
            return IS_BUFFER;
        }
        if raw::JS_GetTypedArrayType(value) >= 0 { IS_BUFFER | IS_TYPEDARRAY } else { 0 }
    }
}

/// The features that only the tag of `Object.prototype.toString` tells.
fn tagged(value: JSValue) -> u32 {
    /// Those of the DOM were all that was array-like before Pyodide 314.
    const TAGS: &[(&[u8], u32)] = &[
        (b"Generator", IS_GENERATOR),
        (b"AsyncGenerator", IS_ASYNC_GENERATOR),
        (b"HTMLCollection", IS_ARRAY_LIKE),
        (b"NodeList", IS_ARRAY_LIKE),
    ];
    let Ok(tag) = js::get(value, &bridge().keys.to_string_tag) else {
        js::discard_exception();
        return 0;
    };
    if tag.tag() != raw::JS_TAG_STRING {
        return 0;
    }
    // SAFETY: a string that is alive.
    let Units::Narrow(tag) = (unsafe { layout::units(tag.raw()) }) else { return 0 };
    TAGS.iter().find(|(name, _)| *name == tag).map_or(0, |(_, flag)| *flag)
}

fn is_error(value: JSValue) -> bool {
    let keys = &bridge().keys;
    has_property(value, &keys.name)
        && has_property(value, &keys.message)
        && (has_property(value, &keys.stack) || constructor_name(value) == "DOMException")
}

/// `value.constructor.name`, or nothing.
pub(crate) fn constructor_name(value: JSValue) -> String {
    let keys = &bridge().keys;
    let name =
        js::get(value, &keys.constructor).and_then(|constructor| js::get(constructor.raw(), &keys.name));
    match name {
        Ok(name) if js::is_string(name.raw()) => js::text(name.raw()),
        Ok(_) => String::new(),
        Err(_) => {
            js::discard_exception();
            String::new()
        }
    }
}

/// Whether reading the property gives a function.
pub(crate) fn has_method(value: JSValue, key: &Atom) -> bool {
    js::get(value, key).map_or_else(
        |_| {
            js::discard_exception();
            false
        },
        |method| js::is_function(method.raw()),
    )
}

fn has_property(value: JSValue, key: &Atom) -> bool {
    js::has(value, key).unwrap_or_else(|_| {
        js::discard_exception();
        false
    })
}

//! Property names on both sides: Python strings and JavaScript atoms, and the caches that join them.
//!
//! Looking a name up by its text on every attribute access would cost more than the access itself. Names of attributes are
//! nearly always the same few string objects, so two small direct-mapped caches, keyed by identity, answer most of the
//! time. They hold references to their keys and belong to the one context, so that neither side can reuse an address or a
//! number while it is in a cache.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::ffi::{c_char, c_uint, c_void};
use std::mem::ManuallyDrop;
use std::ptr::null_mut;

use hognose_engine::raw;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::bridge::{ObjectRef, bridge, python};
use crate::convert::{strings, text_state};
use crate::errors::Raised;
use crate::js::{self, JSAtom, context};

const CACHE_SLOTS: usize = 2048;

/// One owned reference to an atom, QuickJS's interned property key.
#[derive(Debug)]
pub(crate) struct Atom(JSAtom);

impl Atom {
    pub(crate) fn new(text: &str) -> Atom {
        // SAFETY: the bridge's invariant; the text is copied.
        Atom(unsafe { raw::JS_NewAtomLen(context(), text.as_ptr().cast::<c_char>(), text.len() as _) })
    }

    /// A new reference to an atom that somebody else owns.
    pub(crate) fn dup(atom: JSAtom) -> Atom {
        // SAFETY: the bridge's invariant.
        Atom(unsafe { raw::JS_DupAtom(context(), atom) })
    }

    pub(crate) fn from_index(index: u32) -> Atom {
        // SAFETY: the bridge's invariant.
        Atom(unsafe { raw::JS_NewAtomUInt32(context(), index) })
    }

    /// The atom of a property key: `ToPropertyKey(value)`.
    pub(crate) fn from_value(value: js::JSValue) -> Result<Atom, crate::errors::Pending> {
        // SAFETY: the bridge's invariant.
        let atom = unsafe { raw::JS_ValueToAtom(context(), value) };
        if atom == raw::JS_ATOM_NULL as JSAtom { Err(crate::errors::Pending) } else { Ok(Atom(atom)) }
    }

    /// The atom of a Python name, used as it stands.
    pub(crate) fn from_python(name: &Bound<'static, PyString>) -> Result<Atom, Raised> {
        Ok(Atom::from_value(strings::copy_to_js(name.as_any().as_borrowed())?.raw())?)
    }

    /// The atom of a text in ASCII, which need not become a string of JavaScript if it is interned there; `None` for any other
    /// object.
    pub(crate) fn of_ascii(text: ObjectRef<'_>) -> Result<Option<Atom>, Raised> {
        let text = text.as_ptr();
        // SAFETY: the bridge's invariant; a `str` of ASCII has that many bytes.
        unsafe {
            if ffi::PyUnicode_CheckExact(text) == 0 || !text_state::is_ascii(text) {
                return Ok(None);
            }
            let (bytes, length) = (ffi::PyUnicode_DATA(text).cast(), ffi::PyUnicode_GET_LENGTH(text));
            let atom = raw::JS_NewAtomLen(context(), bytes, length as _);
            if atom == raw::JS_ATOM_NULL as JSAtom {
                Err(crate::errors::Pending.into())
            } else {
                Ok(Some(Atom(atom)))
            }
        }
    }

    #[inline]
    pub(crate) fn raw(&self) -> JSAtom {
        self.0
    }

    /// Gives the reference away.
    pub(crate) fn into_raw(self) -> JSAtom {
        ManuallyDrop::new(self).0
    }

    /// The name, or a symbol's description, for messages.
    pub(crate) fn text(&self) -> String {
        // SAFETY: the bridge's invariant; the text ends in a zero byte and lives until it is freed.
        unsafe {
            let text = raw::JS_AtomToCStringLen(context(), null_mut(), self.0);
            if text.is_null() {
                js::discard_exception();
                return String::new();
            }
            let copy = std::ffi::CStr::from_ptr(text).to_string_lossy().into_owned();
            raw::JS_FreeCString(context(), text);
            copy
        }
    }

    /// The string that the atom itself is, which lives as long; null if it is none.
    fn text_of_its_own(&self) -> Result<*mut c_void, crate::errors::Pending> {
        if index_of(self.0).is_some() {
            return Ok(null_mut());
        }
        let value = self.to_value()?;
        let is_own = js::tag(value.raw()) == raw::JS_TAG_STRING && js::references(&value) > 1;
        Ok(if is_own { js::address(value.raw()) as *mut c_void } else { null_mut() })
    }

    /// The key as a JavaScript value: a string or a symbol.
    pub(crate) fn to_value(&self) -> js::JsResult {
        // SAFETY: the bridge's invariant.
        js::check(unsafe { raw::JS_AtomToValue(context(), self.0) })
    }
}

impl Clone for Atom {
    fn clone(&self) -> Atom {
        Atom::dup(self.0)
    }
}

impl Drop for Atom {
    fn drop(&mut self) {
        // SAFETY: the bridge's invariant; this is our own reference.
        unsafe { raw::JS_FreeAtom(context(), self.0) };
    }
}

/// A small integer key is stored in the atom itself; this gives it back.
pub(crate) fn index_of(atom: JSAtom) -> Option<u32> {
    const INTEGER_BIT: JSAtom = 1 << 31;
    (atom & INTEGER_BIT != 0).then_some(atom & !INTEGER_BIT)
}

/// What a PyProxy does with a property key.
pub(crate) enum Name {
    /// A symbol: only JavaScript has those.
    Symbol,
    /// A name that some prototype of a PyProxy may answer itself.
    Reserved(Bound<'static, PyString>),
    /// A name for Python alone.
    Plain(Bound<'static, PyString>),
}

#[derive(Clone, Copy)]
struct AtomSlot {
    name: *mut ffi::PyObject,
    atom: JSAtom,
    /// The name as a string of JavaScript, which the atom owns; null if the atom has none or is another name's.
    text: *mut c_void,
    /// The version of a type that does not define the name, 0 for none.
    undefined_in: c_uint,
}

#[derive(Clone, Copy)]
struct NameSlot {
    atom: JSAtom,
    /// Null for a symbol.
    name: *mut ffi::PyObject,
    reserved: bool,
}

/// Both caches.
pub(crate) struct Caches {
    atoms: Box<[Cell<AtomSlot>]>,
    names: Box<[Cell<NameSlot>]>,
    /// How many atoms are lent now; none may be freed meanwhile.
    lent: Cell<usize>,
    /// What lost its slot meanwhile.
    evicted: RefCell<Vec<Atom>>,
}

impl Caches {
    pub(crate) fn new() -> Caches {
        let atom = AtomSlot { name: null_mut(), atom: 0, text: null_mut(), undefined_in: 0 };
        let name = NameSlot { atom: 0, name: null_mut(), reserved: false };
        Caches {
            atoms: vec![Cell::new(atom); CACHE_SLOTS].into(),
            names: vec![Cell::new(name); CACHE_SLOTS].into(),
            lent: Cell::new(0),
            evicted: RefCell::default(),
        }
    }

    /// Lends the key that a Python attribute name stands for: itself, or without one underscore if it is a Python keyword
    /// followed by underscores (`from_` is `from`, `from__` is `from_`).
    #[inline]
    pub(crate) fn with_atom<T>(
        &self,
        name: *mut ffi::PyObject,
        work: impl FnOnce(&Atom) -> Result<T, Raised>,
    ) -> Result<T, Raised> {
        let slot = self.slot(name);
        if slot.get().name != name {
            self.fill_atom(slot, name)?;
        }
        // Counting lenders is cheaper than counting a reference to the atom, for which QuickJS must be called twice.
        let atom = ManuallyDrop::new(Atom(slot.get().atom));
        self.lent.set(self.lent.get() + 1);
        let done = work(&atom);
        self.lent.set(self.lent.get() - 1);
        done
    }

    /// The JavaScript string of a `str` that Python has once only, as those of a program's text, which comes again and again.
    #[inline]
    pub(crate) fn text(&self, name: *mut ffi::PyObject) -> Result<Option<js::Js>, Raised> {
        let slot = self.slot(name);
        if slot.get().name != name {
            self.fill_atom(slot, name)?;
        }
        let text = slot.get().text;
        Ok((!text.is_null()).then(|| js::Js::dup(raw::JS_MKPTR(raw::JS_TAG_STRING, text))))
    }

    /// Lends the key of a keyword argument, which is the name as it stands.
    pub(crate) fn with_keyword<T>(
        &self,
        name: *mut ffi::PyObject,
        work: impl FnOnce(&Atom) -> Result<T, Raised>,
    ) -> Result<T, Raised> {
        // SAFETY: CPython passes a `str` as the name of an argument.
        let text = unsafe { Bound::from_borrowed_ptr(python(), name).cast_into_unchecked::<PyString>() };
        if text.to_str().is_ok_and(|text| text.ends_with('_')) {
            return work(&Atom::from_python(&text)?);
        }
        self.with_atom(name, work)
    }

    fn slot(&self, name: *mut ffi::PyObject) -> &Cell<AtomSlot> {
        &self.atoms[(name as usize >> 4) % CACHE_SLOTS]
    }

    /// Whether [`note_undefined`](Self::note_undefined) was told this of the type as it is now.
    ///
    /// # Safety
    /// `class` is a live type.
    #[inline]
    pub(crate) unsafe fn is_undefined(
        &self,
        name: *mut ffi::PyObject,
        class: *mut ffi::PyTypeObject,
    ) -> bool {
        let slot = self.slot(name).get();
        // SAFETY: the caller's promise. A type that changes, itself or a base, gets another version, and has 0 until then.
        let version = unsafe { (*class).tp_version_tag };
        slot.name == name && slot.undefined_in == version && version != 0
    }

    /// Remembers that neither the type nor a base of it defines the name.
    ///
    /// # Safety
    /// `class` is a live type.
    pub(crate) unsafe fn note_undefined(&self, name: *mut ffi::PyObject, class: *mut ffi::PyTypeObject) {
        let slot = self.slot(name);
        if slot.get().name == name {
            // SAFETY: the caller's promise.
            slot.set(AtomSlot { undefined_in: unsafe { (*class).tp_version_tag }, ..slot.get() });
        }
    }

    #[cold]
    fn fill_atom(&self, slot: &Cell<AtomSlot>, name: *mut ffi::PyObject) -> Result<(), Raised> {
        // SAFETY: CPython passes a `str` as the name of an attribute.
        let name = unsafe { Bound::from_borrowed_ptr(python(), name).cast_into_unchecked::<PyString>() };
        let key = unmangle(&name);
        let atom = Atom::from_python(&key)?;
        let text = if key.is(&name) { atom.text_of_its_own()? } else { null_mut() };
        let old =
            slot.replace(AtomSlot { name: name.into_ptr(), atom: atom.into_raw(), text, undefined_in: 0 });
        if !old.name.is_null() {
            self.evict(Atom(old.atom));
            // SAFETY: the slot owned one reference.
            unsafe { ffi::Py_DECREF(old.name) };
        }
        Ok(())
    }

    /// Gives an atom back as soon as it cannot be lent any more.
    fn evict(&self, atom: Atom) {
        let mut evicted = self.evicted.borrow_mut();
        evicted.push(atom);
        if self.lent.get() == 0 {
            evicted.clear();
        }
    }

    /// The Python name that a property key stands for.
    pub(crate) fn name(&self, atom: JSAtom) -> Result<Name, Raised> {
        let slot = &self.names[atom as usize % CACHE_SLOTS];
        if slot.get().atom != atom {
            fill_name(slot, atom)?;
        }
        let NameSlot { name, reserved, .. } = slot.get();
        if name.is_null() {
            return Ok(Name::Symbol);
        }
        // SAFETY: the slot owns a reference to an exact `str`.
        let name = unsafe { Bound::from_borrowed_ptr(python(), name).cast_into_unchecked() };
        Ok(if reserved { Name::Reserved(name) } else { Name::Plain(name) })
    }
}

#[cold]
fn fill_name(slot: &Cell<NameSlot>, atom: JSAtom) -> Result<(), Raised> {
    let key = Atom::dup(atom);
    let value = key.to_value()?;
    let reserved = bridge().reserved.contains(atom);
    let name = if js::tag(value.raw()) == raw::JS_TAG_SYMBOL {
        null_mut()
    } else {
        strings::to_python(js::to_js_string(value.raw())?.raw())?.into_ptr()
    };
    let old = slot.replace(NameSlot { atom: key.into_raw(), name, reserved });
    if old.atom != 0 {
        drop(Atom(old.atom));
        // SAFETY: the slot owned one reference, or null.
        unsafe { ffi::Py_XDECREF(old.name) };
    }
    Ok(())
}

/// Takes one underscore off a Python keyword that was made an identifier by adding some.
fn unmangle(name: &Bound<'static, PyString>) -> Bound<'static, PyString> {
    let Ok(text) = name.to_str() else { return name.clone() };
    let word = text.trim_end_matches('_');
    if word.len() == text.len() || !bridge().keywords.contains(word) {
        return name.clone();
    }
    PyString::new(python(), &text[..text.len() - 1])
}

/// The names that the prototypes of PyProxies define, so that every other name goes straight to Python.
#[derive(Default)]
pub(crate) struct Reserved(RefCell<HashSet<JSAtom>>);

impl Reserved {
    /// Reserves a name for good; its atom is kept alive.
    pub(crate) fn insert(&self, atom: Atom) {
        self.0.borrow_mut().insert(atom.into_raw());
    }

    fn contains(&self, atom: JSAtom) -> bool {
        self.0.borrow().contains(&atom)
    }
}

macro_rules! well_known {
    (strings { $($name:ident = $text:literal,)* } symbols { $($symbol:ident = $key:literal,)* }) => {
        /// Keys that the bridge itself looks up, made once.
        pub(crate) struct WellKnown { $(pub(crate) $name: Atom,)* $(pub(crate) $symbol: Atom,)* }

        impl WellKnown {
            pub(crate) fn new() -> WellKnown {
                WellKnown { $($name: Atom::new($text),)* $($symbol: symbol($key),)* }
            }
        }
    };
}

well_known! {
    strings {
        add = "add", buffer = "buffer", constructor = "constructor", delete = "delete", done = "done",
        error_address = "__error_address", get = "get", has = "has", includes = "includes", keys = "keys",
        length = "length", message = "message", name = "name", next = "next", set = "set", size = "size",
        stack = "stack", immediate = "hognose.immediate", then = "then", to_string = "toString", value = "value",
    }
    symbols {
        async_dispose = "asyncDispose", async_iterator = "asyncIterator", dispose = "dispose", iterator = "iterator",
        to_string_tag = "toStringTag",
    }
}

fn symbol(name: &str) -> Atom {
    let value = js::get_named(js::global().raw(), c"Symbol")
        .and_then(|symbol| js::get(symbol.raw(), &Atom::new(name)))
        .and_then(|symbol| Atom::from_value(symbol.raw()));
    value.expect("invariant: a fresh context has the well-known symbols")
}

//! Property keys. QuickJS interns each key as an *atom*; whoever uses one often keeps it interned.

use crate::{Context, Result, Value, raw};

/// An interned property key, a string or a symbol. Looking a property up by one spares the interning.
#[derive(Debug)]
pub struct Atom {
    atom: raw::JSAtom,
    context: Context,
}

impl Context {
    /// Interns a property name.
    pub fn atom(self, name: &str) -> Result<Atom> {
        // SAFETY: the crate's invariant; pointer and length are those of `name`, which is copied.
        let atom =
            unsafe { raw::JS_NewAtomLen(self.as_ptr(), name.as_ptr().cast(), name.len() as raw::size_t) };
        self.own_atom(atom)
    }

    fn own_atom(self, atom: raw::JSAtom) -> Result<Atom> {
        if atom == raw::JS_ATOM_NULL {
            return Err(self.pending_exception());
        }
        Ok(Atom { atom, context: self })
    }
}

impl Atom {
    /// Takes over one reference.
    ///
    /// # Safety
    ///
    /// The caller owns the reference, and the atom belongs to this context.
    pub const unsafe fn from_raw(context: Context, atom: raw::JSAtom) -> Self {
        Self { atom, context }
    }

    /// The atom as [`raw`] functions take it; the reference stays here.
    pub const fn as_raw(&self) -> raw::JSAtom {
        self.atom
    }

    /// The key as a value: a string, or a symbol.
    pub fn to_value(&self) -> Result<Value> {
        // SAFETY: the crate's invariant.
        unsafe { self.context.own(raw::JS_AtomToValue(self.context.as_ptr(), self.atom)) }
    }

    /// The key as text; a symbol's is its description.
    pub fn to_name(&self) -> Result<String> {
        // SAFETY: the crate's invariant.
        unsafe { self.context.own(raw::JS_AtomToString(self.context.as_ptr(), self.atom))?.to_js_string() }
    }
}

impl Clone for Atom {
    fn clone(&self) -> Self {
        // SAFETY: the crate's invariant.
        let atom = unsafe { raw::JS_DupAtom(self.context.as_ptr(), self.atom) };
        Self { atom, context: self.context }
    }
}

impl Drop for Atom {
    fn drop(&mut self) {
        // SAFETY: the crate's invariant: this reference is ours, and given back only here.
        unsafe { raw::JS_FreeAtom(self.context.as_ptr(), self.atom) };
    }
}

/// What names a property: `&str`, an index, an [`Atom`], or any value (converted as `object[value]` does).
pub trait Key {
    /// The key, interned.
    fn intern(&self, context: Context) -> Result<Atom>;
}

impl Key for str {
    fn intern(&self, context: Context) -> Result<Atom> {
        context.atom(self)
    }
}

impl Key for String {
    fn intern(&self, context: Context) -> Result<Atom> {
        context.atom(self)
    }
}

impl Key for Atom {
    fn intern(&self, _: Context) -> Result<Atom> {
        Ok(self.clone())
    }
}

impl Key for u32 {
    fn intern(&self, context: Context) -> Result<Atom> {
        // SAFETY: the crate's invariant.
        context.own_atom(unsafe { raw::JS_NewAtomUInt32(context.as_ptr(), *self) })
    }
}

impl Key for Value {
    fn intern(&self, context: Context) -> Result<Atom> {
        // SAFETY: the crate's invariant; the value is borrowed.
        context.own_atom(unsafe { raw::JS_ValueToAtom(context.as_ptr(), self.as_raw()) })
    }
}

impl<K: Key + ?Sized> Key for &K {
    fn intern(&self, context: Context) -> Result<Atom> {
        (**self).intern(context)
    }
}

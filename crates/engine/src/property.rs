//! Properties of objects: reading, writing, defining, listing. All of it may run user code (getters, proxies) and so
//! may throw.

use std::ffi::c_int;
use std::{ptr, slice};

use crate::{Atom, Context, Key, Result, Value, raw};

/// What a property defined through [`Value::define_with`] allows. The default allows nothing, as in the language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// May be deleted and redefined.
    pub configurable: bool,
    /// Shows up in `for … in` and `Object.keys`.
    pub enumerable: bool,
    /// May be assigned to. Means nothing for accessors.
    pub writable: bool,
}

impl Attributes {
    /// Everything allowed: a property as assignment makes it.
    pub const OPEN: Self = Self { configurable: true, enumerable: true, writable: true };
    /// Everything but enumeration: a property as the language's own methods are.
    pub const METHOD: Self = Self { configurable: true, enumerable: false, writable: true };

    fn flags(self) -> c_int {
        let on = |flag: u32, set: bool| if set { flag } else { 0 };
        let flags = on(raw::JS_PROP_CONFIGURABLE, self.configurable)
            | on(raw::JS_PROP_ENUMERABLE, self.enumerable)
            | on(raw::JS_PROP_WRITABLE, self.writable);
        (flags | raw::JS_PROP_THROW) as c_int
    }
}

/// Which own keys [`Value::own_keys`] lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFilter {
    /// Enumerable strings, as `Object.keys` does.
    EnumerableStrings,
    /// All strings.
    Strings,
    /// All symbols.
    Symbols,
    /// Strings, then symbols, as `Reflect.ownKeys` does.
    All,
}

impl KeyFilter {
    fn flags(self) -> c_int {
        let flags = match self {
            Self::EnumerableStrings => raw::JS_GPN_STRING_MASK | raw::JS_GPN_ENUM_ONLY,
            Self::Strings => raw::JS_GPN_STRING_MASK,
            Self::Symbols => raw::JS_GPN_SYMBOL_MASK,
            Self::All => raw::JS_GPN_STRING_MASK | raw::JS_GPN_SYMBOL_MASK,
        };
        flags as c_int
    }
}

impl Value {
    /// `value[key]`
    pub fn get(&self, key: impl Key) -> Result<Self> {
        let (context, key) = self.operands(key)?;
        // SAFETY: the crate's invariant; value and key are borrowed.
        unsafe { context.own(raw::JS_GetProperty(context.as_ptr(), self.as_raw(), key.as_raw())) }
    }

    /// `value[key] = property`, in strict mode: refusal throws.
    pub fn set(&self, key: impl Key, property: &Self) -> Result<()> {
        let (context, key) = self.operands(key)?;
        let property = property.clone().into_raw();
        // SAFETY: the crate's invariant; the call takes over the property's reference.
        let code = unsafe { raw::JS_SetProperty(context.as_ptr(), self.as_raw(), key.as_raw(), property) };
        context.answer(code).map(|_| ())
    }

    /// Defines an own property that allows everything, past any setter. Refusal throws.
    pub fn define(&self, key: impl Key, property: &Self) -> Result<()> {
        self.define_with(key, property, Attributes::OPEN)
    }

    /// Defines an own property with the given attributes. Refusal throws.
    pub fn define_with(&self, key: impl Key, property: &Self, attributes: Attributes) -> Result<()> {
        let (context, key) = self.operands(key)?;
        let (property, flags) = (property.clone().into_raw(), attributes.flags());
        // SAFETY: the crate's invariant; the call takes over the property's reference.
        let code = unsafe {
            raw::JS_DefinePropertyValue(context.as_ptr(), self.as_raw(), key.as_raw(), property, flags)
        };
        context.answer(code).map(|_| ())
    }

    /// Defines an own accessor; `undefined` stands for a getter or setter that is not there. Refusal throws.
    pub fn define_accessor(
        &self,
        key: impl Key,
        getter: &Self,
        setter: &Self,
        attributes: Attributes,
    ) -> Result<()> {
        let (context, key) = self.operands(key)?;
        let (getter, setter) = (getter.clone().into_raw(), setter.clone().into_raw());
        let flags = Attributes { writable: false, ..attributes }.flags();
        // SAFETY: the crate's invariant; the call takes over both references.
        let code = unsafe {
            raw::JS_DefinePropertyGetSet(context.as_ptr(), self.as_raw(), key.as_raw(), getter, setter, flags)
        };
        context.answer(code).map(|_| ())
    }

    /// Defines a method as classes do: not enumerable, with that `name` and `length`.
    pub fn define_method(
        &self,
        name: &str,
        length: u8,
        body: impl Fn(Context, &Self, &[Self]) -> Result<Self> + 'static,
    ) -> Result<()> {
        let method = self.context().function(name, length, body)?;
        self.define_with(name, &method, Attributes::METHOD)
    }

    /// Defines a read-only accessor as classes do: not enumerable.
    pub fn define_getter(
        &self,
        name: &str,
        body: impl Fn(Context, &Self) -> Result<Self> + 'static,
    ) -> Result<()> {
        let context = self.context();
        let getter =
            context.function(&format!("get {name}"), 0, move |context, this, _| body(context, this))?;
        self.define_accessor(name, &getter, &context.undefined(), Attributes::METHOD)
    }

    /// `key in value`
    pub fn has(&self, key: impl Key) -> Result<bool> {
        let (context, key) = self.operands(key)?;
        // SAFETY: the crate's invariant.
        context.answer(unsafe { raw::JS_HasProperty(context.as_ptr(), self.as_raw(), key.as_raw()) })
    }

    /// `Object.hasOwn(value, key)`
    pub fn has_own(&self, key: impl Key) -> Result<bool> {
        let (context, key) = self.operands(key)?;
        // SAFETY: the crate's invariant; without a descriptor to fill, only existence is asked.
        context.answer(unsafe {
            raw::JS_GetOwnProperty(context.as_ptr(), ptr::null_mut(), self.as_raw(), key.as_raw())
        })
    }

    /// `delete value[key]`, whether the property is gone now.
    pub fn delete(&self, key: impl Key) -> Result<bool> {
        let (context, key) = self.operands(key)?;
        // SAFETY: the crate's invariant.
        context.answer(unsafe { raw::JS_DeleteProperty(context.as_ptr(), self.as_raw(), key.as_raw(), 0) })
    }

    fn operands(&self, key: impl Key) -> Result<(Context, Atom)> {
        let context = self.context();
        key.intern(context).map(|key| (context, key))
    }

    /// The object's own keys, in the language's order.
    pub fn own_keys(&self, filter: KeyFilter) -> Result<Vec<Atom>> {
        let context = self.context();
        let (mut table, mut length) = (ptr::null_mut(), 0);
        // SAFETY: the crate's invariant; on success the table holds `length` atoms that are ours, and is freed by
        // the second call together with them, so each is counted up first.
        unsafe {
            let (table, length) = (&raw mut table, &raw mut length);
            let flags = filter.flags();
            context.answer(raw::JS_GetOwnPropertyNames(
                context.as_ptr(),
                table,
                length,
                self.as_raw(),
                flags,
            ))?;
            if (*table).is_null() {
                return Ok(Vec::new());
            }
            let keys = slice::from_raw_parts(*table, *length as usize)
                .iter()
                .map(|entry| Atom::from_raw(context, raw::JS_DupAtom(context.as_ptr(), entry.atom)));
            let keys = keys.collect();
            raw::JS_FreePropertyEnum(context.as_ptr(), *table, *length);
            Ok(keys)
        }
    }

    /// `value.length`, as a whole number between 0 and 2^53 - 1.
    pub fn length(&self) -> Result<u64> {
        let mut length = 0;
        let context = self.context();
        // SAFETY: the crate's invariant; the length is written on success.
        context.answer(unsafe { raw::JS_GetLength(context.as_ptr(), self.as_raw(), &raw mut length) })?;
        Ok(length as u64)
    }

    /// `value[0]`, `value[1]`, … up to `value.length`. A length beyond 2^32 - 1, which no array has, is cut off there.
    pub fn elements(&self) -> Result<Vec<Self>> {
        let length = u32::try_from(self.length()?).unwrap_or(u32::MAX);
        (0..length).map(|index| self.get(index)).collect()
    }

    /// `Object.getPrototypeOf(value)`
    pub fn prototype(&self) -> Result<Self> {
        let context = self.context();
        // SAFETY: the crate's invariant.
        unsafe { context.own(raw::JS_GetPrototype(context.as_ptr(), self.as_raw())) }
    }

    /// `Object.setPrototypeOf(value, prototype)`. Refusal throws.
    pub fn set_prototype(&self, prototype: &Self) -> Result<()> {
        let context = self.context();
        // SAFETY: the crate's invariant; both values are borrowed.
        let code = unsafe { raw::JS_SetPrototype(context.as_ptr(), self.as_raw(), prototype.as_raw()) };
        context.answer(code).map(|_| ())
    }

    /// `Object.freeze(value)`
    pub fn freeze(&self) -> Result<()> {
        let context = self.context();
        // SAFETY: the crate's invariant.
        context.answer(unsafe { raw::JS_FreezeObject(context.as_ptr(), self.as_raw()) }).map(|_| ())
    }

    /// `value instanceof class`
    pub fn instance_of(&self, class: &Self) -> Result<bool> {
        let context = self.context();
        // SAFETY: the crate's invariant; both values are borrowed.
        context.answer(unsafe { raw::JS_IsInstanceOf(context.as_ptr(), self.as_raw(), class.as_raw()) })
    }

    /// `value.constructor.name`, if that is a string. `None` too where asking throws.
    pub fn constructor_name(&self) -> Option<String> {
        if self.is_nullish() {
            return None;
        }
        self.get("constructor").ok()?.get("name").ok()?.as_string()
    }
}

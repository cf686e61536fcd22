//! QuickJS's values as they lie in memory: what can be read, counted and looked up without calling it.
//!
//! A call into QuickJS costs more than what it does where that is one load: the element of an array, a property that is
//! there, a count of references. So the hot paths of `ffi` read these themselves. Whatever is not the plain case, a getter,
//! a proxy, an index among names, is answered with [`Found::Elsewhere`] or `None`, and left to QuickJS.
//!
//! The structures are those of the one version of QuickJS-ng that the workspace pins, on processors of 64 bits.
//! A new runtime makes sure of them ([`check`]) and does not start otherwise.

use std::ffi::c_void;
use std::ptr::NonNull;
use std::slice;

use crate::raw::{self, JSAtom, JSValue};
use crate::{Context, Result, Value};

const _: () = assert!(size_of::<usize>() == 8, "the structures are those of processors of 64 bits");

/// The classes that are looked at here.
pub mod class {
    /// Of plain objects.
    pub const OBJECT: u16 = 1;
    /// Of arrays.
    pub const ARRAY: u16 = 2;
    /// Of functions written in C.
    pub const NATIVE_FUNCTION: u16 = 12;
    /// Of functions of a script.
    pub const SCRIPT_FUNCTION: u16 = 13;
    /// Of Maps.
    pub const MAP: u16 = 36;
    /// Of Sets.
    pub const SET: u16 = 37;
    /// Of proxies, `new Proxy`.
    pub const PROXY: u16 = 51;
    /// Of promises.
    pub const PROMISE: u16 = 52;
}

/// The bits of `Object::flags` that matter.
const IS_EXOTIC: u8 = 1 << 3;
const IS_FAST_ARRAY: u8 = 1 << 4;

/// An object, with what arrays have at its end.
#[repr(C)]
struct Object {
    link: [*const Object; 2],
    flags: u8,
    more_flags: u8,
    class: u16,
    shape: NonNull<Shape>,
    /// As many as the shape says, in its order.
    values: *const JSValue,
    weak_references: *const u8,
    payload: Payload,
}

#[repr(C)]
#[derive(Clone, Copy)]
union Payload {
    array: ArrayPart,
    map: NonNull<MapState>,
    opaque: *mut c_void,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct ArrayPart {
    capacity: usize,
    elements: *const JSValue,
    count: u32,
}

#[repr(C)]
struct MapState {
    is_weak: bool,
    records: [*const u8; 2],
    count: u32,
}

/// The names of an object's properties. After it lies a hash table of `hash_mask + 1` numbers, then the properties.
#[repr(C)]
struct Shape {
    link: [*const Shape; 2],
    is_hashed: bool,
    hash: u32,
    hash_mask: u32,
    capacity: u32,
    count: u32,
    deleted_count: u32,
    next: *const Shape,
    prototype: *const Object,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Property {
    /// The number of the next property with the same hash, from 1, in the lower 26 bits; the flags above.
    next_and_flags: u32,
    /// 0 if the property was deleted.
    name: JSAtom,
}

const NEXT_BITS: u32 = 26;

impl Property {
    fn next(self) -> u32 {
        self.next_and_flags & ((1 << NEXT_BITS) - 1)
    }

    fn flags(self) -> u32 {
        self.next_and_flags >> NEXT_BITS
    }

    /// Whether the value lies where the object has its values: the property is no getter or anything else.
    fn is_data(self) -> bool {
        self.flags() & raw::JS_PROP_TMASK == 0
    }
}

impl Shape {
    /// # Safety
    ///
    /// The shape is one of QuickJS's.
    #[inline]
    unsafe fn properties(&self) -> &[Property] {
        // SAFETY: the caller's promise; the table begins right after the shape.
        unsafe {
            let table = std::ptr::from_ref(self).add(1).cast::<u32>();
            slice::from_raw_parts(table.add(self.hash_mask as usize + 1).cast(), self.count as usize)
        }
    }

    /// The place of the property among those of the object.
    ///
    /// # Safety
    ///
    /// The shape is one of QuickJS's.
    #[inline]
    unsafe fn find(&self, name: JSAtom) -> Option<usize> {
        let mask = u64::from(self.hash_mask);
        let hash = u64::from(name).wrapping_mul(0x61C8_8646_80B5_83EB) >> (1 + (mask + 1).leading_zeros());
        // SAFETY: the caller's promise. The hash is at most the mask, and the properties lie after the table, which is
        // filled from its end.
        unsafe {
            let table_end = std::ptr::from_ref(self).add(1).cast::<u32>().add(self.hash_mask as usize + 1);
            let mut number = *table_end.sub(hash as usize + 1) as usize;
            let properties = table_end.cast::<Property>();
            while number != 0 {
                let property = *properties.add(number - 1);
                if property.name == name {
                    return Some(number - 1);
                }
                number = property.next() as usize;
            }
        }
        None
    }
}

/// # Safety
///
/// The value is a live object.
#[inline]
unsafe fn object<'a>(value: JSValue) -> &'a Object {
    // SAFETY: the caller's promise.
    unsafe { &*raw::JS_VALUE_GET_PTR(value).cast::<Object>() }
}

/// The class of an object.
///
/// # Safety
///
/// The value is a live object.
#[inline]
pub unsafe fn class_of(value: JSValue) -> u16 {
    // SAFETY: the caller's promise.
    unsafe { object(value) }.class
}

/// The bit of an atom that says that it is an index itself.
const IS_INDEX: JSAtom = 1 << 31;

/// What looking for a property gave.
#[derive(Clone, Copy)]
pub enum Found {
    /// Its value, still owned by the object.
    Value(JSValue),
    /// It is there, but reading it takes more than a load: a getter, mostly.
    Computed,
    /// Neither the object nor a prototype has it.
    Nothing,
    /// QuickJS must be asked, which may run code.
    Elsewhere,
}

/// Looks for a property in an object and its prototypes.
///
/// # Safety
///
/// The value is a live object, the name a live atom.
#[inline]
pub unsafe fn find(value: JSValue, name: JSAtom) -> Found {
    // SAFETY: the caller's promise; an object keeps its shape, and that the prototype.
    unsafe {
        let mut object = object(value);
        loop {
            let shape = object.shape.as_ref();
            if let Some(place) = shape.find(name) {
                let is_data = shape.properties().get_unchecked(place).is_data();
                return if is_data { Found::Value(*object.values.add(place)) } else { Found::Computed };
            }
            // Arrays are exotic for their elements only.
            if object.flags & IS_EXOTIC != 0 && (object.class != class::ARRAY || name & IS_INDEX != 0) {
                return Found::Elsewhere;
            }
            match shape.prototype.as_ref() {
                Some(prototype) => object = prototype,
                None => return Found::Nothing,
            }
        }
    }
}

/// The address of the getter that reading a property would call, of an object or its prototypes, if they are not exotic.
///
/// # Safety
///
/// The value is a live object, the name a live atom.
#[inline]
pub unsafe fn find_getter(value: JSValue, name: JSAtom) -> Option<*const u8> {
    // SAFETY: the caller's promise; an object keeps its shape, and that the prototype. In the place of the value a getter
    // and a setter have theirs.
    unsafe {
        let mut object = object(value);
        loop {
            let shape = object.shape.as_ref();
            if let Some(place) = shape.find(name) {
                let is_getter = shape.properties().get_unchecked(place).flags() & raw::JS_PROP_TMASK
                    == raw::JS_PROP_GETSET;
                return is_getter.then(|| *object.values.add(place).cast::<*const u8>());
            }
            if object.flags & IS_EXOTIC != 0 {
                return None;
            }
            object = shape.prototype.as_ref()?;
        }
    }
}

/// The address of the prototype of an object that is not exotic, null for none.
///
/// # Safety
///
/// The value is a live object.
#[inline]
pub unsafe fn prototype(value: JSValue) -> Option<*const u8> {
    // SAFETY: the caller's promise.
    unsafe {
        let object = object(value);
        (object.flags & IS_EXOTIC == 0).then(|| object.shape.as_ref().prototype.cast())
    }
}

/// The own properties of an object that is not exotic, if all of them are plain data: name, whether it is enumerable, and
/// value, which the object owns.
///
/// # Safety
///
/// The value is a live object, and nothing changes it while the iterator is used.
#[inline]
pub unsafe fn own_data<'a>(value: JSValue) -> Option<impl Iterator<Item = (JSAtom, bool, JSValue)> + 'a> {
    // SAFETY: the caller's promise.
    unsafe {
        let object = object(value);
        let properties = object.shape.as_ref().properties();
        let is_plain = object.flags & IS_EXOTIC == 0 && properties.iter().all(|property| property.is_data());
        is_plain.then(|| {
            let living = properties.iter().enumerate().filter(|(_, property)| property.name != 0);
            living.map(|(place, property)| {
                let is_enumerable = property.flags() & raw::JS_PROP_ENUMERABLE != 0;
                (property.name, is_enumerable, *object.values.add(place))
            })
        })
    }
}

/// The names of an object's own properties, some of which may be 0.
///
/// # Safety
///
/// The value is a live object that is not exotic, and nothing changes it while the iterator is used.
#[inline]
pub unsafe fn own_names<'a>(value: JSValue) -> impl ExactSizeIterator<Item = JSAtom> + 'a {
    // SAFETY: the caller's promise.
    unsafe { object(value).shape.as_ref().properties() }.iter().map(|property| property.name)
}

/// Whether an object that is not exotic has a property of its own.
///
/// # Safety
///
/// The value is a live object that is not exotic, the name a live atom.
#[inline]
pub unsafe fn has_own(value: JSValue, name: JSAtom) -> bool {
    // SAFETY: the caller's promise.
    unsafe { object(value).shape.as_ref().find(name) }.is_some()
}

/// What `JS_SetOpaque` gave an object of a class of the embedder's own.
///
/// # Safety
///
/// The value is a live object of such a class.
#[inline]
pub unsafe fn opaque(value: JSValue) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { object(value).payload.opaque }
}

/// The elements of an array that has no holes and nothing unusual, which it owns.
///
/// # Safety
///
/// The value is a live object, and nothing changes it while the slice is used.
#[inline]
pub unsafe fn elements<'a>(value: JSValue) -> Option<&'a [JSValue]> {
    // SAFETY: the caller's promise; a fast array has as many elements as it counts.
    unsafe {
        let object = object(value);
        if object.class != class::ARRAY || object.flags & IS_FAST_ARRAY == 0 {
            return None;
        }
        let ArrayPart { elements, count, .. } = object.payload.array;
        Some(if count == 0 { &[] } else { slice::from_raw_parts(elements, count as usize) })
    }
}

/// The length of an array, which may be more than it has elements.
///
/// # Safety
///
/// The value is a live array.
#[inline]
pub unsafe fn array_length(value: JSValue) -> i64 {
    // SAFETY: the caller's promise; the length, a number, is an array's first property and cannot be deleted.
    unsafe {
        let length = *object(value).values;
        match raw::JS_VALUE_GET_TAG(length) {
            raw::JS_TAG_INT => raw::JS_VALUE_GET_INT(length).into(),
            _ => raw::JS_VALUE_GET_FLOAT64(length) as i64,
        }
    }
}

/// How many entries a Map or Set has.
///
/// # Safety
///
/// The value is a live Map or Set.
#[inline]
pub unsafe fn entry_count(value: JSValue) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { object(value).payload.map.as_ref().count }
}

/// What the beginning of a string is.
#[repr(C)]
struct Text {
    length_and_width: u32,
    hash_and_kind: u32,
    next: u32,
    weak_references: *const u8,
}

/// The units of a string.
#[derive(Clone, Copy, Debug)]
pub enum Units<'a> {
    /// Latin-1.
    Narrow(&'a [u8]),
    /// UTF-16.
    Wide(&'a [u16]),
}

/// What lies behind a string that is a part of another.
#[repr(C)]
struct Part {
    whole: *const Text,
    start_bytes: u32,
}

/// Where the units of a string are.
const RIGHT_BEHIND: u32 = 0;
const IN_ANOTHER: u32 = 1;

/// The units of a string. Those with the tag `JS_TAG_STRING_ROPE` are still in pieces.
///
/// # Safety
///
/// The value is a live string with the tag `JS_TAG_STRING`, and outlives the slice.
#[inline]
pub unsafe fn units<'a>(value: JSValue) -> Units<'a> {
    // SAFETY: the caller's promise. A part keeps the whole, whose units lie right behind it.
    unsafe {
        let text = raw::JS_VALUE_GET_PTR(value).cast_const().cast::<Text>();
        let behind = text.add(1);
        let start = match (*text).hash_and_kind >> 28 & 3 {
            RIGHT_BEHIND => behind.cast::<u8>(),
            IN_ANOTHER => {
                let part = &*behind.cast::<Part>();
                part.whole.add(1).cast::<u8>().add(part.start_bytes as usize)
            }
            _ => *behind.cast::<*const u8>(),
        };
        let head = (*text).length_and_width;
        let length = (head & 0x7FFF_FFFF) as usize;
        if head >> 31 == 0 {
            Units::Narrow(slice::from_raw_parts(start, length))
        } else {
            Units::Wide(slice::from_raw_parts(start.cast(), length))
        }
    }
}

/// The units of a new string of UTF-16, to be written.
///
/// # Safety
///
/// The value is a live string that `JS_NewStringUTF16` made of at least one unit, and that nobody else has seen.
#[inline]
pub unsafe fn units_to_write<'a>(value: JSValue) -> &'a mut [u16] {
    // SAFETY: the caller's promise; a new string has its units right behind it.
    unsafe {
        let text = raw::JS_VALUE_GET_PTR(value).cast::<Text>();
        let length = (*text).length_and_width & 0x7FFF_FFFF;
        slice::from_raw_parts_mut(text.add(1).cast(), length as usize)
    }
}

/// A string that is still in two pieces, each of which may be so as well.
#[repr(C)]
struct Rope {
    length: u32,
    is_wide: bool,
    depth: u8,
    pieces: [JSValue; 2],
}

/// Gives the pieces of a string, one after the other.
///
/// # Safety
///
/// The value is a live string and outlives what is given.
pub unsafe fn pieces<'a>(value: JSValue, give: &mut impl FnMut(Units<'a>)) {
    // SAFETY: the caller's promise. QuickJS balances its ropes: they are never deep.
    unsafe {
        if raw::JS_VALUE_GET_TAG(value) == raw::JS_TAG_STRING {
            return give(units(value));
        }
        for piece in (*raw::JS_VALUE_GET_PTR(value).cast::<Rope>()).pieces {
            pieces(piece, give);
        }
    }
}

/// A property's name as a value, a string or a symbol, which belongs to the atom; `None` for an index.
///
/// # Safety
///
/// The atom is alive.
#[inline]
pub unsafe fn name(context: Context, name: JSAtom) -> Option<JSValue> {
    if name & IS_INDEX != 0 {
        return None;
    }
    // SAFETY: the crate's invariant, the caller's promise. An atom is the very string or symbol, and keeps it.
    unsafe {
        let value = raw::JS_AtomToValue(context.as_ptr(), name);
        *references(value) -= 1;
        Some(value)
    }
}

/// The count of references to what a value points to.
///
/// # Safety
///
/// The value has a reference count and is alive.
#[inline]
pub unsafe fn references(value: JSValue) -> *mut i32 {
    // SAFETY: every allocation is preceded by its header, which ends with the count.
    unsafe { raw::JS_VALUE_GET_PTR(value).cast::<i32>().sub(1) }
}

/// Makes sure that QuickJS lays its values out in this way.
///
/// # Panics
///
/// If it does not.
pub(crate) fn check(context: Context) -> Result<()> {
    let sample = context.eval(
        "({object: Object.create({below: 7}, {first: {value: 1, enumerable: true}, hidden: {value: 2}}),
          getter: {get first() { return 1; }}, of_getter: Object.getOwnPropertyDescriptor(Map.prototype, 'size').get, array: [5, 6, 7], holes: [1, , 3], long: new Array(2 ** 32 - 1), map: new Map([[1, 2], [3, 4]]),
          set: new Set([1]), promise: Promise.resolve(), native: Math.abs, script: () => 0, proxy: new Proxy([], {}),
          many: Object.fromEntries(Array.from({length: 40}, (_, index) => ['name' + index, index]))})",
        "layout.js",
    )?;
    let get = |name: &str| sample.get(name);
    check_objects(&get("object")?, &get("getter")?, &get("proxy")?, &get("many")?)?;
    check_arrays(&get("array")?, &get("holes")?, &get("long")?);
    for (name, class) in [
        ("object", class::OBJECT),
        ("array", class::ARRAY),
        ("native", class::NATIVE_FUNCTION),
        ("script", class::SCRIPT_FUNCTION),
        ("map", class::MAP),
        ("set", class::SET),
        ("promise", class::PROMISE),
        ("proxy", class::PROXY),
    ] {
        // SAFETY: all of these are objects.
        assert_eq!(unsafe { class_of(get(name)?.as_raw()) }, class, "{BROKEN}: the class of {name}");
    }
    // SAFETY: a Map and a Set.
    let counts = unsafe { [entry_count(get("map")?.as_raw()), entry_count(get("set")?.as_raw())] };
    assert_eq!(counts, [2, 1], "{BROKEN}: Maps and Sets");
    // SAFETY: a Map and an atom, both alive.
    let getter = unsafe { find_getter(get("map")?.as_raw(), context.atom("size")?.as_raw()) };
    // SAFETY: an object.
    let expected = unsafe { raw::JS_VALUE_GET_PTR(get("of_getter")?.as_raw()) };
    assert_eq!(getter, Some(expected.cast_const().cast()), "{BROKEN}: getters");
    check_strings(context)?;
    check_counts(&get("object")?);
    Ok(())
}

const BROKEN: &str = "invariant: the pinned QuickJS has its values where they are read";

fn check_objects(plain: &Value, getter: &Value, proxy: &Value, many: &Value) -> Result<()> {
    let context = plain.context();
    let found = |object: &Value, name: &str| -> Result<Option<i32>> {
        let name = context.atom(name)?;
        // SAFETY: an object and an atom, both alive.
        Ok(match unsafe { find(object.as_raw(), name.as_raw()) } {
            // SAFETY: the sample has small numbers only.
            Found::Value(value) => Some(unsafe { raw::JS_VALUE_GET_INT(value) }),
            Found::Nothing => None,
            Found::Computed => Some(-1),
            Found::Elsewhere => Some(-2),
        })
    };
    let answers = [found(plain, "first")?, found(plain, "hidden")?, found(plain, "below")?];
    assert_eq!(answers, [Some(1), Some(2), Some(7)], "{BROKEN}: properties");
    let answers = [found(plain, "absent")?, found(getter, "first")?, found(proxy, "first")?];
    assert_eq!(answers, [None, Some(-1), Some(-2)], "{BROKEN}: what is no plain property");
    for index in 0..40 {
        assert_eq!(found(many, &format!("name{index}"))?, Some(index), "{BROKEN}: the table of properties");
    }
    // SAFETY: objects that nothing changes meanwhile.
    unsafe {
        let own = own_data(plain.as_raw()).expect(BROKEN).map(|(_, is_enumerable, _)| is_enumerable);
        assert!(own.eq([true, false]), "{BROKEN}: the properties in their order");
        assert!(own_data(getter.as_raw()).is_none(), "{BROKEN}: getters");
        assert_eq!(own_names(many.as_raw()).len(), 40, "{BROKEN}: the number of properties");
        let above = plain.prototype()?;
        let address = raw::JS_VALUE_GET_PTR(above.as_raw()).cast::<u8>().cast_const();
        assert_eq!(prototype(plain.as_raw()), Some(address), "{BROKEN}: prototypes");
    }
    Ok(())
}

fn check_arrays(array: &Value, holes: &Value, long: &Value) {
    // SAFETY: arrays of small numbers, which nothing changes meanwhile.
    unsafe {
        let lengths = [array, holes, long].map(|array| array_length(array.as_raw()));
        assert_eq!(lengths, [3, 3, (1 << 32) - 1], "{BROKEN}: the lengths of arrays");
        let numbers = elements(array.as_raw()).expect(BROKEN).iter().map(|&item| raw::JS_VALUE_GET_INT(item));
        assert!(numbers.eq([5, 6, 7]), "{BROKEN}: the elements of arrays");
        assert!(elements(holes.as_raw()).is_none_or(|elements| elements.len() != 3), "{BROKEN}: holes");
    }
}

fn check_strings(context: Context) -> Result<()> {
    let is_read = |script: &str, expected: &[u16]| -> Result<bool> {
        let text = context.eval(script, "layout.js")?;
        // SAFETY: a string that outlives the look at it.
        Ok(match unsafe { units(text.as_raw()) } {
            Units::Narrow(units) => units.iter().copied().map(u16::from).eq(expected.iter().copied()),
            Units::Wide(units) => units == expected,
        })
    };
    assert!(
        is_read("('n\\xE4rrow')", &[0x6E, 0xE4, 0x72, 0x72, 0x6F, 0x77])?,
        "{BROKEN}: strings of Latin-1"
    );
    assert!(is_read("('w\\u0133de')", &[0x77, 0x133, 0x64, 0x65])?, "{BROKEN}: strings of UTF-16");
    // Too long to be copied.
    let part = |text: &str| format!("'{text}'.repeat(3000).slice(1, 3001)");
    let (narrow, wide) = ([0x62, 0x61].repeat(1500), [0x133, 0x61].repeat(1500));
    check_ropes(context)?;
    assert!(is_read(&part("ab"), &narrow)?, "{BROKEN}: parts of strings of Latin-1");
    assert!(is_read(&part("a\u{133}"), &wide)?, "{BROKEN}: parts of strings of UTF-16");
    Ok(())
}

fn check_ropes(context: Context) -> Result<()> {
    let rope = context.eval(
        "let rope = 'a'.repeat(9000); for (const letter of 'bcd') { rope += letter; } rope",
        "layout.js",
    )?;
    let mut read = Vec::new();
    // SAFETY: a string that outlives the look at it.
    unsafe {
        pieces(rope.as_raw(), &mut |piece| match piece {
            Units::Narrow(units) => read.extend_from_slice(units),
            Units::Wide(_) => panic!("{BROKEN}: strings in pieces"),
        });
    }
    assert!(read.len() == 9003 && read.ends_with(b"abcd"), "{BROKEN}: strings in pieces");
    Ok(())
}

fn check_counts(object: &Value) {
    // SAFETY: an object, which is alive.
    let count = || unsafe { *references(object.as_raw()) };
    let before = count();
    let another = object.clone();
    assert_eq!(count(), before + 1, "{BROKEN}: counts of references");
    drop(another);
    assert_eq!(count(), before, "{BROKEN}: counts of references");
}

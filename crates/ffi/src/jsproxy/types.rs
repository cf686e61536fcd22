//! The Python types of proxies: one per set of features, made when first needed.
//!
//! What runs often or has a slot of its own is native; the other methods are Python functions of `mixins.py`. All types
//! share a base without fields, so that the types of errors can derive from both it and `Exception`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::{CStr, c_int, c_uint, c_void};
use std::ptr::{null, null_mut};

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::features::{
    self, HAS_ASYNC_DISPOSE, HAS_DISPOSE, HAS_GET, HAS_HAS, HAS_INCLUDES, HAS_LENGTH, HAS_SET, IS_ARRAY,
    IS_ARRAY_LIKE, IS_ASYNC_GENERATOR, IS_ASYNC_ITERABLE, IS_ASYNC_ITERATOR, IS_AWAITABLE, IS_BUFFER,
    IS_CALLABLE, IS_DOUBLE_PROXY, IS_ERROR, IS_GENERATOR, IS_ITERABLE, IS_ITERATOR, IS_OBJECT_MAP,
    IS_PY_JSON_DICT, IS_PY_JSON_SEQUENCE, IS_TYPEDARRAY, MAPPING, allows_object_map,
};
use super::{JsProxy, attributes, awaitable, call, exception, iterator, mapping, sequence};
use crate::bridge::{Mixins, Object, bridge, python};
use crate::errors::Raised;

const DIRECT_SLOTS: usize = 64;

/// The types made so far, by their features.
pub(crate) struct Types {
    base: *mut ffi::PyTypeObject,
    metaclass: *mut ffi::PyTypeObject,
    /// A direct-mapped cache before the map.
    direct: [Cell<(u32, *mut ffi::PyTypeObject)>; DIRECT_SLOTS],
    all: RefCell<HashMap<u32, *mut ffi::PyTypeObject>>,
}

impl Types {
    /// Makes the base type, under the metaclass that pyodide-py's classes have.
    pub(crate) fn new(metaclass: &Object) -> Result<Types, Raised> {
        let metaclass = metaclass.clone().into_ptr().cast::<ffi::PyTypeObject>();
        let mut slots = [slot(ffi::Py_tp_new, refuse_new as *const c_void), END];
        let mut spec = ffi::PyType_Spec {
            name: c"pyodide.ffi.JsProxy".as_ptr(),
            basicsize: 0,
            itemsize: 0,
            flags: (ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_BASETYPE) as c_uint,
            slots: slots.as_mut_ptr(),
        };
        // SAFETY: the metaclass is a live type, the specification ends its list of slots.
        let base = unsafe { ffi::PyType_FromMetaclass(metaclass, null_mut(), &raw mut spec, null_mut()) };
        if base.is_null() {
            return Err(Raised);
        }
        let direct = [const { Cell::new((u32::MAX, null_mut())) }; DIRECT_SLOTS];
        Ok(Types { base: base.cast(), metaclass, direct, all: RefCell::default() })
    }
}

/// Whether a type's type is the metaclass of proxy types.
#[inline]
pub(super) fn is_metaclass(class: *mut ffi::PyTypeObject) -> bool {
    bridge().types().metaclass == class
}

/// The type from which all proxies derive.
fn base_type() -> *mut ffi::PyTypeObject {
    bridge().types().base
}

/// The type of proxies with these features. It lives as long as the process.
#[inline]
pub(crate) fn with_features(flags: u32) -> Result<*mut ffi::PyTypeObject, Raised> {
    let cached = &bridge().types().direct[(flags ^ (flags >> 6) ^ (flags >> 12)) as usize % DIRECT_SLOTS];
    let (features, class) = cached.get();
    if features == flags {
        return Ok(class);
    }
    let class = find_or_make(flags)?;
    cached.set((flags, class));
    Ok(class)
}

#[cold]
fn find_or_make(flags: u32) -> Result<*mut ffi::PyTypeObject, Raised> {
    if let Some(&class) = bridge().types().all.borrow().get(&flags) {
        return Ok(class);
    }
    let class = make(flags)?;
    let pointer = class.into_ptr().cast::<ffi::PyTypeObject>();
    bridge().types().all.borrow_mut().insert(flags, pointer);
    Ok(pointer)
}

fn make(flags: u32) -> Result<Object, Raised> {
    let name = if flags & IS_ERROR != 0 { c"pyodide.ffi.JsException" } else { c"pyodide.ffi.JsProxy" };
    let class = make_native(name, flags)?;
    let mixins = bridge().mixins();
    for (namespace, condition) in mixin_conditions(flags) {
        if condition {
            add_mixin(&class, &mixins, namespace)?;
        }
    }
    class.setattr(intern!(python(), "__module__"), intern!(python(), "pyodide.ffi"))?;
    // Before the flags: with them the type is a subclass already, by the metaclass, and registration does nothing.
    register_abstract(&class, flags)?;
    class.setattr(intern!(python(), "_js_type_flags"), flags)?;
    Ok(class)
}

/// Which mixins of `mixins.py` a type gets; later ones win.
fn mixin_conditions(flags: u32) -> [(&'static str, bool); 20] {
    let has = |feature: u32| flags & feature != 0;
    let object_map = has(IS_OBJECT_MAP | IS_PY_JSON_DICT);
    let mapping = flags & MAPPING == MAPPING || object_map;
    [
        ("Every", true),
        ("Mapping", mapping),
        ("MutableMapping", mapping && (has(HAS_SET) || object_map)),
        ("Iterator", has(IS_ITERATOR)),
        ("AsyncIterator", has(IS_ASYNC_ITERATOR)),
        ("Generator", has(IS_GENERATOR)),
        ("AsyncGenerator", has(IS_ASYNC_GENERATOR)),
        ("Awaitable", has(IS_AWAITABLE)),
        ("ArrayLike", has(IS_ARRAY | IS_ARRAY_LIKE)),
        ("Searchable", has(IS_ARRAY | IS_TYPEDARRAY)),
        ("Array", has(IS_ARRAY)),
        ("Buffer", has(IS_BUFFER)),
        ("DoubleProxy", has(IS_DOUBLE_PROXY)),
        ("ObjectMap", object_map),
        ("ObjectMapView", allows_object_map(flags)),
        ("JsonView", allows_object_map(flags) || has(IS_ARRAY | IS_ARRAY_LIKE)),
        ("JsonSequence", has(IS_PY_JSON_SEQUENCE) && has(IS_ARRAY | IS_ARRAY_LIKE)),
        ("Error", has(IS_ERROR)),
        ("Disposable", has(HAS_DISPOSE)),
        ("AsyncDisposable", has(HAS_ASYNC_DISPOSE)),
    ]
}

fn add_mixin(class: &Object, mixins: &Mixins<'_>, namespace: &str) -> Result<(), Raised> {
    let namespace = mixins.get_item(namespace)?.getattr(intern!(python(), "__dict__"))?;
    for entry in namespace.call_method0(intern!(python(), "items"))?.try_iter()? {
        let (name, value): (String, Object) = entry?.extract()?;
        if !matches!(name.as_str(), "__module__" | "__dict__" | "__weakref__" | "__doc__" | "__qualname__")
            && !name.starts_with("__static_attributes")
            && !name.starts_with("__firstlineno")
        {
            class.setattr(name, value)?;
        }
    }
    Ok(())
}

/// Makes the type an instance of the abstract class of `collections.abc` whose interface it has.
fn register_abstract(class: &Object, flags: u32) -> Result<(), Raised> {
    let object_map = flags & (IS_OBJECT_MAP | IS_PY_JSON_DICT) != 0;
    let name = if flags & (IS_ARRAY | IS_TYPEDARRAY) != 0 {
        "MutableSequence"
    } else if flags & IS_ARRAY_LIKE != 0 {
        "Sequence"
    } else if object_map || flags & (MAPPING | HAS_SET) == MAPPING | HAS_SET {
        "MutableMapping"
    } else if flags & MAPPING == MAPPING {
        "Mapping"
    } else {
        return Ok(());
    };
    let abstract_class = python().import(intern!(python(), "collections.abc"))?.getattr(name)?;
    abstract_class.call_method1(intern!(python(), "register"), (class,))?;
    Ok(())
}

fn make_native(name: &CStr, flags: u32) -> Result<Object, Raised> {
    let types = bridge().types();
    let mut slots = slots_of(flags);
    let mut type_flags = ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_HAVE_GC;
    if flags & IS_CALLABLE != 0 {
        type_flags |= ffi::Py_TPFLAGS_HAVE_VECTORCALL;
    }
    if flags & IS_ERROR != 0 {
        type_flags |= ffi::Py_TPFLAGS_BASETYPE;
    }
    let mut spec = ffi::PyType_Spec {
        name: name.as_ptr(),
        basicsize: size_of::<JsProxy>() as c_int,
        itemsize: 0,
        flags: type_flags as c_uint,
        slots: slots.as_mut_ptr(),
    };
    let bases = bases_of(flags)?;
    // SAFETY: the metaclass is a live type, the specification ends its list of slots and everything it points to by
    // reference is static.
    unsafe {
        let class = ffi::PyType_FromMetaclass(types.metaclass, null_mut(), &raw mut spec, bases.as_ptr());
        if class.is_null() { Err(Raised) } else { Ok(Bound::from_owned_ptr(python(), class)) }
    }
}

fn bases_of(flags: u32) -> Result<Bound<'static, PyTuple>, Raised> {
    if flags & IS_ERROR != 0 && flags != IS_ERROR {
        return Ok(PyTuple::new(python(), [exception::exception_type()?])?);
    }
    // SAFETY: the base type and Exception live as long as the process.
    unsafe {
        let base = Bound::from_borrowed_ptr(python(), base_type().cast());
        let exception = Bound::from_borrowed_ptr(python(), ffi::PyExc_Exception);
        let bases = if flags == IS_ERROR { vec![base, exception] } else { vec![base] };
        Ok(PyTuple::new(python(), bases)?)
    }
}

const END: ffi::PyType_Slot = ffi::PyType_Slot { slot: 0, pfunc: null_mut() };

fn slot(number: c_int, function: *const c_void) -> ffi::PyType_Slot {
    ffi::PyType_Slot { slot: number, pfunc: function.cast_mut() }
}

fn slots_of(flags: u32) -> Vec<ffi::PyType_Slot> {
    let has = |feature: u32| flags & feature != 0;
    let mut slots = common_slots();
    add_iteration(&mut slots, flags);
    add_containers(&mut slots, flags);
    if has(IS_AWAITABLE) {
        slots.push(slot(ffi::Py_am_await, awaitable::await_ as *const c_void));
    }
    if has(IS_CALLABLE) {
        slots.push(slot(ffi::Py_tp_call, ffi::PyVectorcall_Call as *const c_void));
        slots.push(slot(ffi::Py_tp_descr_get, call::bind as *const c_void));
        slots.push(slot(ffi::Py_tp_methods, (&raw const CALLABLE_METHODS).cast()));
    }
    if has(IS_ERROR) {
        slots.push(slot(ffi::Py_tp_new, exception::new as *const c_void));
        slots.push(slot(ffi::Py_tp_init, exception::initialize as *const c_void));
        slots.push(slot(ffi::Py_tp_str, exception::text as *const c_void));
    }
    let getters: *const c_void =
        if has(IS_ERROR) { (&raw const ERROR_GETTERS).cast() } else { (&raw const GETTERS).cast() };
    slots.push(slot(ffi::Py_tp_getset, getters));
    slots.push(END);
    slots
}

fn common_slots() -> Vec<ffi::PyType_Slot> {
    vec![
        slot(ffi::Py_tp_dealloc, super::deallocate as *const c_void),
        slot(ffi::Py_tp_traverse, super::traverse as *const c_void),
        slot(ffi::Py_tp_clear, super::clear as *const c_void),
        slot(ffi::Py_tp_getattro, attributes::get as *const c_void),
        slot(ffi::Py_tp_setattro, attributes::set as *const c_void),
        slot(ffi::Py_tp_repr, attributes::repr as *const c_void),
        slot(ffi::Py_tp_richcompare, attributes::compare as *const c_void),
        slot(ffi::Py_tp_hash, ffi::PyObject_HashNotImplemented as *const c_void),
        slot(ffi::Py_nb_bool, attributes::truth as *const c_void),
        slot(ffi::Py_tp_members, (&raw const MEMBERS).cast()),
    ]
}

fn add_iteration(slots: &mut Vec<ffi::PyType_Slot>, flags: u32) {
    let has = |feature: u32| flags & feature != 0;
    if has(IS_ITERATOR) {
        slots.push(slot(ffi::Py_tp_iter, ffi::PyObject_SelfIter as *const c_void));
        slots.push(slot(ffi::Py_tp_iternext, iterator::next as *const c_void));
        slots.push(slot(ffi::Py_am_send, iterator::am_send as *const c_void));
    } else if has(IS_ITERABLE) && !has(IS_OBJECT_MAP | IS_PY_JSON_DICT) {
        let is_mapping = flags & MAPPING == MAPPING;
        let function = if is_mapping {
            iterator::iterate_keys as *const c_void
        } else {
            iterator::iterate as *const c_void
        };
        slots.push(slot(ffi::Py_tp_iter, function));
    }
    if has(IS_ASYNC_ITERATOR) {
        slots.push(slot(ffi::Py_am_aiter, ffi::PyObject_SelfIter as *const c_void));
        slots.push(slot(ffi::Py_am_anext, iterator::next_async as *const c_void));
    } else if has(IS_ASYNC_ITERABLE) {
        slots.push(slot(ffi::Py_am_aiter, iterator::iterate_async as *const c_void));
    }
}

fn add_containers(slots: &mut Vec<ffi::PyType_Slot>, flags: u32) {
    let has = |feature: u32| flags & feature != 0;
    if has(IS_OBJECT_MAP | IS_PY_JSON_DICT) {
        return;
    }
    if has(HAS_LENGTH) {
        slots.push(slot(ffi::Py_mp_length, mapping::length as *const c_void));
    }
    let indexed = has(IS_ARRAY | IS_TYPEDARRAY | IS_ARRAY_LIKE);
    if indexed {
        slots.push(slot(ffi::Py_sq_length, mapping::length as *const c_void));
        slots.push(slot(ffi::Py_sq_item, sequence::get_at as *const c_void));
    }
    if has(IS_ARRAY | IS_TYPEDARRAY) {
        slots.push(slot(ffi::Py_sq_ass_item, sequence::set_item_at as *const c_void));
    }
    if has(IS_ARRAY | IS_ARRAY_LIKE) {
        slots.push(slot(ffi::Py_sq_concat, sequence::concatenate as *const c_void));
        slots.push(slot(ffi::Py_sq_repeat, sequence::repeat as *const c_void));
    }
    if has(IS_TYPEDARRAY) {
        slots.push(slot(ffi::Py_mp_subscript, sequence::get_typed as *const c_void));
        slots.push(slot(ffi::Py_mp_ass_subscript, sequence::set_typed as *const c_void));
    } else {
        if indexed {
            slots.push(slot(ffi::Py_mp_subscript, sequence::get as *const c_void));
        } else if has(HAS_GET) {
            slots.push(slot(ffi::Py_mp_subscript, mapping::get as *const c_void));
        }
        if has(IS_ARRAY) {
            slots.push(slot(ffi::Py_mp_ass_subscript, sequence::set as *const c_void));
        } else if has(HAS_SET) {
            slots.push(slot(ffi::Py_mp_ass_subscript, mapping::set as *const c_void));
        }
    }
    if has(HAS_HAS) {
        slots.push(slot(ffi::Py_sq_contains, mapping::has as *const c_void));
    } else if has(HAS_INCLUDES) {
        slots.push(slot(ffi::Py_sq_contains, mapping::includes as *const c_void));
    }
}

/// A static table that CPython only reads.
#[repr(transparent)]
struct Table<T>(T);

// SAFETY: the tables hold pointers to static data and functions and are never written.
unsafe impl<T> Sync for Table<T> {}

static MEMBERS: Table<[ffi::PyMemberDef; 5]> = Table([
    offset_member(c"__vectorcalloffset__", std::mem::offset_of!(JsProxy, vectorcall)),
    offset_member(c"__weaklistoffset__", std::mem::offset_of!(JsProxy, weak_references)),
    offset_member(c"__dictoffset__", std::mem::offset_of!(JsProxy, exception.dict)),
    ffi::PyMemberDef {
        name: c"_sig".as_ptr(),
        type_code: ffi::Py_T_OBJECT_EX,
        offset: std::mem::offset_of!(JsProxy, signature) as ffi::Py_ssize_t,
        flags: ffi::Py_READONLY,
        doc: null(),
    },
    ffi::PyMemberDef { name: null(), type_code: 0, offset: 0, flags: 0, doc: null() },
]);

const fn offset_member(name: &'static CStr, offset: usize) -> ffi::PyMemberDef {
    ffi::PyMemberDef {
        name: name.as_ptr(),
        type_code: ffi::Py_T_PYSSIZET,
        offset: offset as ffi::Py_ssize_t,
        flags: ffi::Py_READONLY,
        doc: null(),
    }
}

const fn getter(name: &'static CStr, get: Option<ffi::getter>) -> ffi::PyGetSetDef {
    ffi::PyGetSetDef { name: name.as_ptr(), get, set: None, doc: null(), closure: null_mut() }
}

const NO_GETTER: ffi::PyGetSetDef =
    ffi::PyGetSetDef { name: null(), get: None, set: None, doc: null(), closure: null_mut() };

static GETTERS: Table<[ffi::PyGetSetDef; 4]> = Table([
    getter(c"js_id", Some(attributes::identity)),
    getter(c"typeof", Some(attributes::type_of)),
    getter(c"__dict__", Some(ffi::PyObject_GenericGetDict)),
    NO_GETTER,
]);

static ERROR_GETTERS: Table<[ffi::PyGetSetDef; 5]> = Table([
    getter(c"js_id", Some(attributes::identity)),
    getter(c"typeof", Some(attributes::type_of)),
    getter(c"__dict__", Some(ffi::PyObject_GenericGetDict)),
    getter(c"js_error", Some(exception::js_error)),
    NO_GETTER,
]);

static CALLABLE_METHODS: Table<[ffi::PyMethodDef; 2]> = Table([
    ffi::PyMethodDef {
        ml_name: c"new".as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: call::construct },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
        ml_doc: c"Construct a new instance of the JavaScript object".as_ptr(),
    },
    ffi::PyMethodDef::zeroed(),
]);

/// `tp_new` of the base type.
unsafe extern "C" fn refuse_new(
    _class: *mut ffi::PyTypeObject,
    _arguments: *mut ffi::PyObject,
    _keywords: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: sets the error indicator.
    unsafe {
        ffi::PyErr_SetString(ffi::PyExc_TypeError, c"JsProxy cannot be instantiated.".as_ptr());
    }
    null_mut()
}

/// The flags by name, as pyodide-py wants them.
pub(crate) fn flags_by_name() -> Result<Bound<'static, PyDict>, Raised> {
    let names = PyDict::new(python());
    for (name, flag) in features::ALL {
        names.set_item(name, flag)?;
    }
    // Its name before Pyodide 314.
    names.set_item("IS_NODE_LIST", IS_ARRAY_LIKE)?;
    Ok(names)
}

//! Python's objects as a graph: CPython's own trial deletion, beside its counts instead of in them.
//!
//! The objects are those that CPython's collector knows and that were not frozen (`gc.freeze`). Frozen ones are never
//! collected: what they refer to counts as held from outside, and so does what only an object without `tp_traverse`
//! refers to.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::{c_int, c_void};
use std::hash::{BuildHasherDefault, Hasher};
use std::ptr;

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::bridge::python;
use crate::errors::Raised;
use crate::js::JSValue;
use crate::jsproxy;
use crate::pyproxy;

/// Python's objects at one moment, with what is known of each. Nothing may run between its making and its last use.
pub(super) struct Heap {
    /// Keeps the objects alive.
    list: Bound<'static, PyList>,
    nodes: Vec<Node>,
    numbers: HashMap<usize, u32, BuildHasherDefault<AddressHasher>>,
    /// Objects that were reached and not yet followed.
    queue: RefCell<Vec<u32>>,
}

struct Node {
    object: *mut ffi::PyObject,
    /// References that have not been found among the objects.
    references: Cell<isize>,
    reached: Cell<bool>,
    owns_values: bool,
}

/// Objects lie at multiples of 16.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_usize(byte.into());
        }
    }

    fn write_usize(&mut self, address: usize) {
        let mixed = (self.0 ^ (address as u64 >> 4)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

/// The JavaScript values an object owns, each exactly once; `None` for an object of a type that owns none.
fn owned_values(object: *mut ffi::PyObject) -> Option<[JSValue; 2]> {
    jsproxy::owned_values(object).or_else(|| pyproxy::owned_values(object))
}

impl Heap {
    /// Looks at all objects and subtracts their references to each other.
    pub(super) fn new() -> Result<Heap, Raised> {
        let objects =
            python().import(intern!(python(), "gc"))?.call_method0(intern!(python(), "get_objects"))?;
        let list = objects.cast_into::<PyList>().map_err(PyErr::from)?;
        let mut heap = Heap {
            nodes: Vec::with_capacity(list.len()),
            numbers: HashMap::with_capacity_and_hasher(list.len(), BuildHasherDefault::default()),
            queue: RefCell::default(),
            list,
        };
        heap.read();
        heap.nodes.iter().for_each(|node| heap.subtract_from(node));
        Ok(heap)
    }

    fn read(&mut self) {
        for number in 0..self.list.len() {
            // SAFETY: nothing changes the list meanwhile; it owns one reference to each object.
            let (object, references) = unsafe {
                let object = ffi::PyList_GET_ITEM(self.list.as_ptr(), number as ffi::Py_ssize_t);
                (object, ffi::Py_REFCNT(object) - 1)
            };
            let owns_values = owned_values(object).is_some();
            let (references, reached) = (Cell::new(references), Cell::new(false));
            self.nodes.push(Node { object, references, reached, owns_values });
            self.numbers.insert(object as usize, number as u32);
        }
    }

    /// How many objects there are.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The JavaScript values that Python's objects own.
    pub(super) fn values(&self) -> impl Iterator<Item = JSValue> {
        self.nodes.iter().filter_map(Node::values).flatten()
    }

    /// The values of the objects that nobody has reached.
    pub(super) fn unreached_values(&self) -> impl Iterator<Item = JSValue> {
        self.nodes.iter().filter(|node| !node.reached.get()).filter_map(Node::values).flatten()
    }

    /// The objects that nobody has reached.
    pub(super) fn unreached(&self) -> impl Iterator<Item = *mut ffi::PyObject> {
        self.nodes.iter().filter(|node| !node.reached.get()).map(|node| node.object)
    }

    /// Whether an object is known and has not been reached.
    pub(super) fn is_unreached(&self, object: *mut ffi::PyObject) -> bool {
        self.find(object).is_some_and(|node| !node.reached.get())
    }

    /// Notes that one reference to an object comes from JavaScript.
    pub(super) fn subtract(&self, object: *mut ffi::PyObject) {
        if let Some(node) = self.find(object) {
            node.references.set(node.references.get() - 1);
        }
    }

    /// Reaches the objects that are held from outside of both heaps.
    pub(super) fn reach_roots(&self) {
        for node in self.nodes.iter().filter(|node| node.references.get() > 0) {
            self.reach(node.object);
        }
    }

    /// Notes that an object is alive.
    pub(super) fn reach(&self, object: *mut ffi::PyObject) {
        if let Some(&number) = self.numbers.get(&(object as usize))
            && !self.nodes[number as usize].reached.replace(true)
        {
            self.queue.borrow_mut().push(number);
        }
    }

    /// Follows the references of what was reached, to the end. Calls `found` with the values that are alive by it.
    pub(super) fn follow(&self, mut found: impl FnMut(JSValue)) {
        loop {
            let Some(number) = self.queue.borrow_mut().pop() else { return };
            let node = &self.nodes[number as usize];
            node.values().into_iter().flatten().for_each(&mut found);
            traverse(node.object, visit_reach, ptr::from_ref(self).cast());
        }
    }

    fn find(&self, object: *mut ffi::PyObject) -> Option<&Node> {
        self.numbers.get(&(object as usize)).map(|&number| &self.nodes[number as usize])
    }

    fn subtract_from(&self, node: &Node) {
        if !may_show_borrowed(node.object) {
            traverse(node.object, visit_subtract, ptr::from_ref(self).cast());
            return;
        }
        let mut shown = Vec::new();
        traverse(node.object, visit_gather, (&raw mut shown).cast());
        shown.sort_unstable();
        shown.dedup();
        for object in shown {
            self.subtract(object);
        }
    }
}

impl Node {
    fn values(&self) -> Option<[JSValue; 2]> {
        if self.owns_values { owned_values(self.object) } else { None }
    }
}

/// Whether an object shows its traverser references that it does not own. The frame of a generator does from CPython 3.14
/// on: what it borrows, one of its own variables owns. Counting each object once is then right or too little.
fn may_show_borrowed(object: *mut ffi::PyObject) -> bool {
    // SAFETY: checks the type of a live object.
    let is_generator = unsafe {
        ffi::PyGen_CheckExact(object) != 0
            || ffi::PyCoro_CheckExact(object) != 0
            || ffi::PyAsyncGen_CheckExact(object) != 0
    };
    is_generator && python().version_info() >= (3, 14)
}

fn traverse(object: *mut ffi::PyObject, visit: ffi::visitproc, argument: *const c_void) {
    // SAFETY: a live object that CPython's collector knows; the visitors get the argument that they expect.
    unsafe {
        if let Some(traverse) = (*ffi::Py_TYPE(object)).tp_traverse {
            traverse(object, visit, argument.cast_mut());
        }
    }
}

extern "C" fn visit_subtract(object: *mut ffi::PyObject, heap: *mut c_void) -> c_int {
    // SAFETY: `traverse` was given a heap.
    unsafe { &*heap.cast::<Heap>() }.subtract(object);
    0
}

extern "C" fn visit_reach(object: *mut ffi::PyObject, heap: *mut c_void) -> c_int {
    // SAFETY: `traverse` was given a heap.
    unsafe { &*heap.cast::<Heap>() }.reach(object);
    0
}

extern "C" fn visit_gather(object: *mut ffi::PyObject, shown: *mut c_void) -> c_int {
    // SAFETY: `traverse` was given a list.
    unsafe { &mut *shown.cast::<Vec<*mut ffi::PyObject>>() }.push(object);
    0
}

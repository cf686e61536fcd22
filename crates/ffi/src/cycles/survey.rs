//! One look at both heaps: what of them is garbage that neither collector alone would find.
//!
//! QuickJS's collection is the frame ([`Partner`]). While it subtracts, we subtract the references between the heaps: those
//! of JsProxies from QuickJS's counts, those of PyProxies from our copy of CPython's. Then whatever has a count left is
//! alive, and life spreads in both heaps at once: QuickJS reaches a PyProxy and asks it for its references, upon which
//! we go on in Python from its object, and mark the values of the JsProxies found there. PyProxies that are not reached
//! are brought back, and with them all that hangs on them, so that Python's finalizers find everything in its place.

use std::cell::{Cell, RefCell};

use hognose_engine::{Partner, Phase, Tracer};
use pyo3::ffi;

use super::heap::Heap;
use crate::errors::Raised;
use crate::js::{self, JSValue, Js};
use crate::pyproxy::{self, PyProxy};

/// The two heaps, seen as one.
pub(super) struct Survey {
    pub(super) heap: Heap,
    proxies: RefCell<Vec<JSValue>>,
    is_over: Cell<bool>,
    /// The PyProxies that nothing alive leads to, of objects that nothing else keeps alive.
    pub(super) garbage: RefCell<Vec<Js>>,
}

impl Survey {
    /// Surveys both heaps as they are.
    pub(super) fn run() -> Result<Survey, Raised> {
        let survey = Survey {
            heap: Heap::new()?,
            proxies: RefCell::default(),
            is_over: Cell::new(false),
            garbage: RefCell::default(),
        };
        super::with_current(&survey, || js::engine_context().run_gc_with(&survey));
        Ok(survey)
    }

    /// The collector asks a proxy for its references. `is_first` says that no alias of it was asked before, in this phase.
    pub(super) fn visit(&self, value: JSValue, proxy: &PyProxy, is_first: bool, tracer: &mut Tracer<'_>) {
        match tracer.phase() {
            Phase::Subtract => {
                proxy.reached.set(false);
                self.proxies.borrow_mut().push(value);
                if is_first {
                    self.heap.subtract(proxy.pointer());
                }
            }
            Phase::Restore if self.is_over.get() => {}
            Phase::Restore => {
                proxy.reached.set(true);
                self.heap.reach(proxy.pointer());
                self.follow(tracer);
            }
        }
    }

    fn follow(&self, tracer: &mut Tracer<'_>) {
        // SAFETY: the value was subtracted, and its owner is reached once.
        self.heap.follow(|value| unsafe { tracer.mark_raw(value) });
    }

    fn is_garbage(&self, value: JSValue) -> bool {
        pyproxy::find(value)
            .is_some_and(|proxy| !proxy.reached.get() && self.heap.is_unreached(proxy.pointer()))
    }

    /// Python's objects that are garbage.
    pub(super) fn objects(&self) -> impl Iterator<Item = *mut ffi::PyObject> {
        self.heap.unreached()
    }
}

impl Partner for Survey {
    fn subtract(&self, tracer: &mut Tracer<'_>) {
        // SAFETY: each of these values is owned by one Python object.
        self.heap.values().for_each(|value| unsafe { tracer.mark_raw(value) });
    }

    fn restore_roots(&self, tracer: &mut Tracer<'_>) {
        self.heap.reach_roots();
        self.follow(tracer);
    }

    fn restore_rest(&self, tracer: &mut Tracer<'_>) {
        self.is_over.set(true);
        // SAFETY: these were subtracted, and not restored as their owners were not reached.
        self.heap.unreached_values().for_each(|value| unsafe { tracer.mark_raw(value) });
        for &value in self.proxies.borrow().iter().filter(|&&value| self.is_garbage(value)) {
            // SAFETY: the proxy has not been freed; the reference that this adds is ours.
            unsafe { tracer.mark_raw(value) };
            self.garbage.borrow_mut().push(Js::own(value));
        }
    }
}

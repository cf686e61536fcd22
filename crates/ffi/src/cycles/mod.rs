//! Cycles that lead through both heaps, and how they end.
//!
//! A Python object that holds a JavaScript object that holds the Python object: CPython's collector takes the PyProxy for an
//! outside holder, QuickJS's the JsProxy. A [`Survey`] looks at both heaps as one graph and finds the PyProxies that
//! only garbage leads to. Then the finalizers of the garbage run (`__del__`, the `finally` blocks of generators), while
//! everything is still in its place; if any ran, the heaps are surveyed again, since it may have rescued something. At last
//! the PyProxies let go of their objects. No cycle leads through both heaps any more, and each collector does the rest.
//! Even if a survey were wrong, nothing could dangle: a proxy would be destroyed too early, and say so when it is used.
//!
//! This happens whenever Python collects its oldest generation, so also in `gc.collect()`; when it collects another one and
//! PyProxies have piled up; and never if `gc.disable()` forbids it. An event loop that has nothing to do asks for it, too, if
//! PyProxies have piled up or QuickJS has collected since the last time. Without PyProxies younger than the last
//! [`freeze`] it costs nothing.

mod heap;
mod survey;

use std::cell::Cell;
use std::ptr::NonNull;

use hognose_engine::Tracer;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::bridge::{bridge, installed, python};
use crate::errors::Raised;
use crate::js::{self, JSValue};
use crate::pyproxy::{self, PyProxy};
use survey::Survey;

/// How often the heaps are surveyed in one collection. A finalizer that leaves new garbage with a finalizer each time
/// is heard again at the next collection.
const SURVEYS_MAX: usize = 4;

/// How many young PyProxies at least have piled up.
const YOUNG_MIN: usize = 1024;

/// How many Python objects may be looked at for the sake of one PyProxy: CPython's own ratio for its oldest generation.
const OBJECTS_PER_PROXY: usize = 4;

/// Number of the generation that Python collects last, and in `gc.collect()`.
const OLDEST_GENERATION: usize = 2;

/// The state of the bridge's share in garbage collection.
pub(crate) struct Cycles {
    survey: Cell<Option<NonNull<Survey>>>,
    /// PyProxies that have their object.
    live: Cell<usize>,
    /// Those of them that were made since the last freeze.
    young: Cell<usize>,
    freezes: Cell<u32>,
    /// How many objects of Python's the last survey looked at.
    objects: Cell<usize>,
    /// More young proxies than this have piled up.
    young_max: Cell<usize>,
    /// QuickJS's count of collections after the last one of ours.
    collections: Cell<u64>,
    /// A collection that began on another thread is owed.
    is_owed: Cell<bool>,
    /// PyProxies were cut off in the collection that is under way.
    has_cut: Cell<bool>,
}

impl Default for Cycles {
    fn default() -> Self {
        Self {
            survey: Cell::new(None),
            live: Cell::new(0),
            young: Cell::new(0),
            freezes: Cell::new(0),
            objects: Cell::new(0),
            young_max: Cell::new(YOUNG_MIN),
            collections: Cell::new(0),
            is_owed: Cell::new(false),
            has_cut: Cell::new(false),
        }
    }
}

/// When a PyProxy came to its object: between which freezes.
#[derive(Clone, Copy)]
pub(crate) struct Birth(u32);

impl Cycles {
    /// Counts a PyProxy that has come to its object.
    pub(crate) fn count_birth(&self) -> Birth {
        self.live.set(self.live.get() + 1);
        self.young.set(self.young.get() + 1);
        Birth(self.freezes.get())
    }

    /// Sets how many proxies may pile up until the next collection, by what this one has left.
    fn tolerate(&self) {
        let objects = self.objects.get();
        self.young_max.set(YOUNG_MIN.max(self.young.get() * 2).max(objects / OBJECTS_PER_PROXY));
    }

    fn have_piled_up(&self) -> bool {
        self.young.get() > self.young_max.get()
    }

    /// Counts a PyProxy that has lost its object.
    pub(crate) fn count_end(&self, Birth(freezes): Birth) {
        self.live.set(self.live.get() - 1);
        if freezes == self.freezes.get() {
            self.young.set(self.young.get() - 1);
        }
    }
}

/// How many PyProxies have their object.
pub fn live_proxies() -> usize {
    bridge().cycles.live.get()
}

/// Collects garbage, then takes everything that is left out of the collectors' sight, as `gc.freeze()` does: a collection
/// in a fork would otherwise write to, and so copy, every page that holds an object.
///
/// # Errors
/// What `gc` raises.
pub fn freeze(py: Python<'_>) -> PyResult<()> {
    let gc = py.import(intern!(py, "gc"))?;
    gc.call_method0(intern!(py, "collect"))?;
    gc.call_method0(intern!(py, "freeze"))?;
    let cycles = &bridge().cycles;
    cycles.freezes.set(cycles.freezes.get() + 1);
    cycles.young.set(0);
    cycles.young_max.set(YOUNG_MIN);
    Ok(())
}

/// Asks Python to tell of its collections.
pub(crate) fn install() -> Result<(), Raised> {
    let callbacks = python().import(intern!(python(), "gc"))?.getattr(intern!(python(), "callbacks"))?;
    callbacks
        .call_method1(intern!(python(), "append"), (pyo3::wrap_pyfunction!(on_collection, python())?,))?;
    Ok(())
}

/// What `gc.callbacks` calls before and after each collection.
#[pyfunction]
fn on_collection(phase: &str, details: &Bound<'_, PyDict>) -> PyResult<()> {
    let generation = details.as_any().get_item(intern!(details.py(), "generation"))?.extract::<usize>()?;
    let cycles = &bridge().cycles;
    if generation < OLDEST_GENERATION && !cycles.have_piled_up() && !cycles.has_cut.get() {
        return Ok(());
    }
    if !bridge().is_own_thread() {
        cycles.is_owed.set(true);
        return Ok(());
    }
    match phase {
        "start" if cycles.young.get() > 0 => cycles.has_cut.set(collect()?),
        "stop" => end_collection(),
        _ => {}
    }
    Ok(())
}

/// Python has collected: now JavaScript finds what that has let go.
fn end_collection() {
    let (cycles, context) = (&bridge().cycles, js::engine_context());
    if cycles.has_cut.replace(false) {
        context.run_gc();
        bridge().released().flush();
    }
    cycles.tolerate();
    cycles.collections.set(context.collections());
    cycles.is_owed.set(false);
}

/// Cuts the cycles that lead through both heaps and are garbage. Says whether there were any, or finalizers that may have
/// ended them.
fn collect() -> Result<bool, Raised> {
    for survey_number in 0..SURVEYS_MAX {
        // A finalizer may have freed a PyProxy: until its reference is given back, the object would look held from outside.
        bridge().released().flush();
        let survey = Survey::run()?;
        bridge().cycles.objects.set(survey.heap.len());
        if survey.garbage.borrow().is_empty() {
            return Ok(survey_number > 0);
        }
        if !finalize(&survey) {
            cut(survey);
            return Ok(true);
        }
    }
    Ok(true)
}

/// Calls the finalizers of the garbage that have not been called. Says whether there were any.
fn finalize(survey: &Survey) -> bool {
    let mut any = false;
    for object in survey.objects() {
        // SAFETY: the survey keeps the object alive. CPython remembers that its finalizer was called, and reports what it
        // raises.
        unsafe {
            if (*ffi::Py_TYPE(object)).tp_finalize.is_some() && ffi::PyObject_GC_IsFinalized(object) == 0 {
                any = true;
                ffi::PyObject_CallFinalizer(object);
            }
        }
    }
    any
}

/// Lets the PyProxies of the garbage go of their objects: all of them before the first object is freed.
fn cut(survey: Survey) {
    let garbage = survey.garbage.take();
    let held: Vec<_> = garbage.iter().filter_map(|proxy| pyproxy::cut(proxy.raw())).collect();
    drop((garbage, survey));
    drop(held);
}

/// Collects if there may be enough to collect. The event loop calls this when it has nothing to do.
pub(crate) fn collect_if_due(_py: Python<'_>) {
    let Some(cycles) = installed().map(|bridge| &bridge.cycles) else { return };
    let is_due = cycles.have_piled_up()
        || (cycles.young.get() > 0 && js::engine_context().collections() != cycles.collections.get())
        || cycles.is_owed.get();
    if is_due {
        // SAFETY: attached to the interpreter. A no-op if the program has disabled collections.
        unsafe { ffi::PyGC_Collect() };
        end_collection();
    }
}

/// The collector asks a PyProxy for its references; `is_first` as in [`Survey::visit`].
pub(crate) fn visit(value: JSValue, proxy: &PyProxy, is_first: bool, tracer: &mut Tracer<'_>) {
    if let Some(survey) = bridge().cycles.survey.get() {
        // SAFETY: `with_current` keeps the survey for as long as it is named there.
        unsafe { survey.as_ref() }.visit(value, proxy, is_first, tracer);
    }
}

/// Names the survey to the proxies while `work` runs.
fn with_current(survey: &Survey, work: impl FnOnce()) {
    bridge().cycles.survey.set(Some(NonNull::from(survey)));
    work();
    bridge().cycles.survey.set(None);
}

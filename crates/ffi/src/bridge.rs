//! The bridge itself: everything that belongs to the pair of engines, in one place, reached through one static.

use std::cell::{Cell, OnceCell};
use std::collections::HashSet;
use std::ffi::c_int;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

use hognose_engine::Context;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};

use crate::atoms::{self, Atom};
use crate::dialect::Dialect;
use crate::errors::Raised;
use crate::js::{self, Js};
use crate::jsproxy::{self, Ordinary, types::Types};
use crate::pyproxy::{self, Classes, abilities};
use crate::{api, convert, core_module, cycles, release, threads};

/// A Python object. The lifetime says that the GIL is held for as long as this crate's code runs, which it is.
pub(crate) type Object = Bound<'static, PyAny>;
/// A borrowed Python object.
pub(crate) type ObjectRef<'a> = Borrowed<'a, 'static, PyAny>;

static BRIDGE: AtomicPtr<State> = AtomicPtr::new(null_mut());

/// The token that says the GIL is held.
#[inline]
pub(crate) fn python() -> Python<'static> {
    // SAFETY: the bridge's invariant: all code of this crate runs below Python or below the event loop.
    unsafe { Python::assume_attached() }
}

/// The installed bridge.
#[inline]
pub(crate) fn bridge() -> &'static State {
    let pointer = BRIDGE.load(Ordering::Relaxed);
    // SAFETY: `Bridge::install` stores a leaked box before anything else of this crate can run.
    unsafe { &*pointer }
}

/// The bridge, if it is installed yet: for the event loop, which is older.
#[inline]
pub(crate) fn installed() -> Option<&'static State> {
    // SAFETY: as in `bridge`.
    unsafe { BRIDGE.load(Ordering::Relaxed).as_ref() }
}

/// What `Bridge::install` sets up.
pub(crate) struct State {
    thread: libc::pthread_t,
    pub(crate) caches: atoms::Caches,
    pub(crate) keys: atoms::WellKnown,
    pub(crate) reserved: atoms::Reserved,
    /// Python's keywords, which attribute names avoid by a trailing underscore.
    pub(crate) keywords: HashSet<String>,
    pub(crate) abilities: abilities::Cache,
    pub(crate) free_list: jsproxy::FreeList,
    /// Whether destroyed proxies remember what they stood for: `pyodide.setDebug`.
    pub(crate) debug: Cell<bool>,
    released: release::Queue,
    ordinary: OnceCell<Ordinary>,
    pub(crate) cycles: cycles::Cycles,
    classes: Classes,
    dialect: Dialect,
    types: OnceCell<Types>,
    prelude: OnceCell<Prelude>,
    mixins: OnceCell<Bound<'static, PyDict>>,
    signatures: OnceCell<Bound<'static, PyDict>>,
    tracebacks: OnceCell<Bound<'static, PyDict>>,
    threads: OnceCell<Bound<'static, PyDict>>,
    get_event_loop: OnceCell<Object>,
}

impl State {
    /// Whether this is the thread that JavaScript belongs to.
    #[inline]
    pub(crate) fn is_own_thread(&self) -> bool {
        // SAFETY: asks for the calling thread's id.
        self.thread == unsafe { libc::pthread_self() }
    }

    /// Sends that thread a signal.
    pub(crate) fn signal(&self, signal: c_int) {
        // SAFETY: the process's first thread lives as long as the process.
        unsafe { libc::pthread_kill(self.thread, signal) };
    }

    /// To be called when JavaScript may have run, and is not in the midst of something: Python learns what it let go of.
    #[inline]
    pub(crate) fn javascript_ran(&self) {
        self.released.flush();
        if let Some(ordinary) = self.ordinary.get() {
            ordinary.forget();
        }
    }

    /// What finalizers let go of.
    pub(crate) fn released(&self) -> &release::Queue {
        &self.released
    }

    pub(crate) fn ordinary(&self) -> &Ordinary {
        self.ordinary.get().expect("invariant: the prelude runs while the bridge is installed")
    }

    pub(crate) fn classes(&self) -> &Classes {
        &self.classes
    }

    pub(crate) fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    /// JavaScript's `null`.
    #[inline]
    pub(crate) fn null(&self) -> *mut ffi::PyObject {
        self.dialect.null.as_ptr()
    }

    /// What Python gets for it.
    #[inline]
    pub(crate) fn arriving_null(&self) -> *mut ffi::PyObject {
        if self.dialect.null_arrives_as_none.get() {
            // SAFETY: names an immortal object.
            return unsafe { ffi::Py_None() };
        }
        self.null()
    }

    pub(crate) fn types(&self) -> &Types {
        self.types.get().expect("invariant: the types are made while the bridge is installed")
    }

    pub(crate) fn prelude(&self) -> &Prelude {
        self.prelude.get().expect("invariant: the prelude runs while the bridge is installed")
    }

    /// The namespace of `mixins.py`.
    pub(crate) fn mixins(&self) -> Mixins<'_> {
        Mixins(self.mixins.get().expect("invariant: the mixins are loaded while the bridge is installed"))
    }

    /// The namespace of `signatures.py`.
    pub(crate) fn signatures(&self) -> Mixins<'_> {
        let namespace = self.signatures.get();
        Mixins(namespace.expect("invariant: the signatures are loaded while the bridge is installed"))
    }

    /// The namespace of `tracebacks.py`.
    pub(crate) fn tracebacks(&self) -> Mixins<'_> {
        let namespace = self.tracebacks.get();
        Mixins(namespace.expect("invariant: the tracebacks are loaded while the bridge is installed"))
    }

    /// The namespace of `threads.py`.
    pub(crate) fn threads(&self) -> Mixins<'_> {
        let namespace = self.threads.get();
        Mixins(namespace.expect("invariant: the threads are loaded while the bridge is installed"))
    }

    /// asyncio's event loop.
    pub(crate) fn event_loop(&self) -> Result<Object, Raised> {
        let get = if let Some(get) = self.get_event_loop.get() {
            get
        } else {
            let get = python().import(intern!(python(), "asyncio"))?.getattr("get_event_loop")?;
            self.get_event_loop.get_or_init(|| get)
        };
        Ok(get.call0()?)
    }
}

/// What `mixins.py`, `signatures.py`, `threads.py` or `tracebacks.py` defines.
pub(crate) struct Mixins<'a>(&'a Bound<'static, PyDict>);

impl Mixins<'_> {
    pub(crate) fn get_item(&self, name: &str) -> Result<Object, Raised> {
        Ok(self.0.as_any().get_item(name)?)
    }

    pub(crate) fn set_item(&self, name: &str, value: &Object) -> Result<(), Raised> {
        Ok(self.0.set_item(name, value)?)
    }
}

macro_rules! prelude {
    ($($name:ident,)*) => {
        /// What `prelude.js` gives, by name.
        pub(crate) struct Prelude { $(pub(crate) $name: Js,)* }

        impl Prelude {
            fn read(object: &Js) -> Result<Prelude, crate::errors::Pending> {
                Ok(Prelude { $($name: js::get(object.raw(), &Atom::new(stringify!($name)))?,)* })
            }
        }
    };
}

prelude! {
    python_error, ensure_error, current_stack, make_error, make_prototype, reserved_names, make_buffer_view, literal_map, map_set, map_size, set_size,
    from_entries, array_values, array_iterator, array_iterator_next, once, then,
    finally, keep_for_generator, resolve_promise, to_text, truth, compare, type_of, negate, property_names, splice,
    kind_of, map_entries, set_values, has_own, viewed, helpers, classes,
}

/// The pair of CPython and QuickJS in this process.
#[derive(Debug)]
pub struct Bridge(());

impl Bridge {
    /// Joins the two engines: makes the proxy types and classes and the modules `_pyodide_core`, `js` and `pyodide_js`, so
    /// that pyodide-py works. To be called once per process, on the thread that will run JavaScript.
    ///
    /// # Errors
    /// What importing pyodide-py or running the prelude raises.
    ///
    /// # Panics
    /// If a bridge is installed already.
    pub fn install(py: Python<'_>, context: Context) -> PyResult<()> {
        assert!(BRIDGE.load(Ordering::Relaxed).is_null(), "a process has one bridge");
        let _ = py;
        js::set_context(context.as_ptr());
        let state = Box::leak(Box::new(new_state()?));
        BRIDGE.store(state, Ordering::Relaxed);
        load_tracebacks(state)?;
        run_prelude(state)?;
        let docs = python().import("_pyodide._core_docs")?;
        for name in ["ConversionError", "InternalError"] {
            docs.getattr(name)?.setattr("__module__", "pyodide.ffi")?;
        }
        let types = Types::new(&docs.getattr("_JsProxyMetaClass")?)?;
        state.types.get_or_init(|| types);
        load_mixins(state)?;
        load_threads(state)?;
        let core = core_module::create()?;
        python().import("sys")?.getattr("modules")?.set_item("_pyodide_core", core)?;
        docs.setattr("_js_flags", jsproxy::types::flags_by_name()?)?;
        register_modules()?;
        Ok(cycles::install()?)
    }
}

fn new_state() -> PyResult<State> {
    let keywords: Vec<String> = python().import("keyword")?.getattr("kwlist")?.extract()?;
    let dialect = Dialect::of(&python().import("_pyodide._core_docs")?)?;
    Ok(State {
        // SAFETY: asks for the calling thread's id.
        thread: unsafe { libc::pthread_self() },
        caches: atoms::Caches::new(),
        keys: atoms::WellKnown::new(),
        reserved: atoms::Reserved::default(),
        keywords: keywords.into_iter().collect(),
        abilities: abilities::Cache::new(),
        free_list: jsproxy::FreeList::default(),
        debug: Cell::new(false),
        released: release::Queue::default(),
        ordinary: OnceCell::new(),
        cycles: cycles::Cycles::default(),
        classes: Classes::new(),
        dialect,
        types: OnceCell::new(),
        prelude: OnceCell::new(),
        mixins: OnceCell::new(),
        signatures: OnceCell::new(),
        tracebacks: OnceCell::new(),
        threads: OnceCell::new(),
        get_event_loop: OnceCell::new(),
    })
}

fn run_prelude(state: &State) -> Result<(), Raised> {
    let source = concat!(include_str!("pyproxy/prelude.js"), "\0");
    let source = std::ffi::CStr::from_bytes_with_nul(source.as_bytes())
        .expect("invariant: the prelude has no zero byte but its last");
    let make = js::evaluate(source, c"hognose:prelude.js")?;
    let native = pyproxy::native_table()?;
    let made = js::call(make.raw(), js::UNDEFINED, &[native.raw()])?;
    let prelude = Prelude::read(&made)?;
    let names = &prelude.reserved_names;
    for index in 0..js::length(names.raw())? as u32 {
        state.reserved.insert(Atom::from_value(js::get_index(names.raw(), index)?.raw())?);
    }
    let ordinary = Ordinary::new(&prelude.helpers, &prelude.once)?;
    state.ordinary.get_or_init(|| ordinary);
    state.prelude.get_or_init(|| prelude);
    Ok(())
}

/// First of all: whatever fails after this is reported with its help.
fn load_tracebacks(state: &State) -> Result<(), Raised> {
    let source = include_str!("tracebacks.py");
    let namespace = run_source("_pyodide_core.tracebacks", "<hognose:tracebacks.py>", source)?;
    state.tracebacks.get_or_init(|| namespace);
    Ok(())
}

fn load_mixins(state: &State) -> Result<(), Raised> {
    let native = jsproxy::python_helpers()?;
    let namespace = run_python(
        "_pyodide_core.mixins",
        "<hognose:mixins.py>",
        include_str!("jsproxy/mixins.py"),
        &native,
    )?;
    state.mixins.get_or_init(|| namespace.clone());
    // The helpers' proxy needs its type, which needs the mixins.
    namespace.set_item("helpers", convert::to_python(bridge().prelude().helpers.clone())?)?;
    if state.dialect.has_null() {
        bridge().mixins().get_item("teach_json")?.call1((&state.dialect.null,))?;
    }
    load_signatures(state, &native)
}

fn load_signatures(state: &State, native: &Bound<'static, PyModule>) -> Result<(), Raised> {
    let source = include_str!("jsproxy/signatures.py");
    let namespace = run_python("_pyodide_core.signatures", "<hognose:signatures.py>", source, native)?;
    namespace.set_item("helpers", convert::to_python(bridge().prelude().helpers.clone())?)?;
    state.signatures.get_or_init(|| namespace);
    Ok(())
}

fn load_threads(state: &State) -> Result<(), Raised> {
    let (native, source) = (threads::python_helpers()?, include_str!("threads.py"));
    let namespace = run_python("_pyodide_core.threads", "<hognose:threads.py>", source, &native)?;
    state.threads.get_or_init(|| namespace);
    Ok(threads::install()?)
}

/// Runs a Python source of this crate, which finds its native functions as `native`, and gives what it defines.
fn run_python(
    name: &str,
    filename: &str,
    source: &str,
    native: &Bound<'static, PyModule>,
) -> Result<Bound<'static, PyDict>, Raised> {
    let namespace = PyDict::new(python());
    namespace.set_item("native", native)?;
    run_in(namespace, name, filename, source)
}

/// Runs a Python source of this crate that needs no native functions, and gives what it defines.
pub(crate) fn run_source(name: &str, filename: &str, source: &str) -> Result<Bound<'static, PyDict>, Raised> {
    run_in(PyDict::new(python()), name, filename, source)
}

fn run_in(
    namespace: Bound<'static, PyDict>,
    name: &str,
    filename: &str,
    source: &str,
) -> Result<Bound<'static, PyDict>, Raised> {
    namespace.set_item("__name__", name)?;
    let builtins = python().import(intern!(python(), "builtins"))?;
    let code = builtins.call_method1(intern!(python(), "compile"), (source, filename, "exec"))?;
    builtins.call_method1(intern!(python(), "exec"), (code, &namespace))?;
    Ok(namespace)
}

fn register_modules() -> PyResult<()> {
    let hook = python().import("_pyodide._importhook")?;
    let arguments = PyDict::new(python());
    // Pyodide 0.26 wants to be told whom to tell of new modules; its own default tells nobody.
    if let Some(nobody) = hook.getattr("jsfinder")?.getattr_opt("hook")?
        && !bridge().dialect().has_null()
    {
        arguments.set_item("hook", nobody)?;
    }
    hook.call_method("register_js_finder", (), Some(&arguments))?;
    let global = convert::to_python(js::global())?;
    hook.call_method1("register_js_module", ("js", global))?;
    let api = api::create()?;
    hook.call_method1("register_js_module", ("pyodide_js", api))?;
    Ok(())
}

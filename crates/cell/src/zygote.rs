//! From base to zygote: `env` is made, the Worker's top-level code runs, and what it left behind is looked at.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use hognose_engine::{PromiseState, Thrown, Value};
use hognose_wire::control::{Export, ExportKind, LoadFailure, Loaded, Worker};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::cell::{Cell, Entrypoints, LoadedWorker};
use crate::javascript::MainModule;
use crate::link::OwnedError;
use crate::top_level::Watch;
use crate::{env, evaluation, host, javascript, packages, process, reseed, runtime_modules};

const NO_HANDLER: &str = "the main module exports no handler: write `export default { fetch }`";
const NEVER_LOADS: &str = "the Worker's top-level code waits for something that can never happen";

/// Loads a Worker into a fresh fork of the base, or of the template with its packages.
pub(crate) fn load(py: Python<'_>, cell: &Rc<Cell>, worker: Worker) -> Result<Loaded, LoadFailure> {
    let root = worker.module_root.clone();
    if packages::are_outdated(py, &worker).is_ok_and(|outdated| outdated) {
        return Err(LoadFailure { is_outdated: true, ..LoadFailure::default() });
    }
    let loaded = load_module(py, cell, worker);
    cell.python.flush_output(py);
    loaded.map_err(|error| match error {
        LoadError::Python(error) => {
            let (message, traceback) = cell.python.describe(py, &error, &[&root]);
            LoadFailure { message, traceback, ..LoadFailure::default() }
        }
        LoadError::JavaScript(thrown) => {
            let OwnedError { name, message, stack, .. } = host::owned_error(&thrown);
            LoadFailure { message: format!("{name}: {message}"), traceback: stack, ..LoadFailure::default() }
        }
    })
}

/// What stops a Worker from loading, in the language it came from.
enum LoadError {
    Python(PyErr),
    JavaScript(Thrown),
}

impl From<PyErr> for LoadError {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

impl From<Thrown> for LoadError {
    fn from(thrown: Thrown) -> Self {
        Self::JavaScript(thrown)
    }
}

fn load_module(py: Python<'_>, cell: &Rc<Cell>, worker: Worker) -> Result<Loaded, LoadError> {
    let boot = cell.python.boot(py);
    boot.call_method1("use_scratch", (&worker.scratch_dir,))?;
    boot.call_method1("add_worker", (&worker.module_root, worker.python_modules.as_deref()))?;
    runtime_modules::set_flags(py, &worker.flags)?;
    cell.web().set_flags(worker.flags.iter().map(|(name, on)| (name.as_str(), *on)))?;
    cell.refuse_eval(evaluation::refused_at_startup(&worker.flags));
    let env = env::build(cell, &worker)?;
    let make_context = runtime_modules::bind_env(py, cell, &worker, &env)?;
    runtime_modules::prepare_modules(cell, &worker, &env)?;
    let open_before = process::open_descriptors();
    let recorder = reseed::Recorder::start(py)?;
    let watch = Watch::start(py, &worker.module_root)?;
    let entrypoints = if worker.main.is_empty() {
        let nothing = cell.context.object()?;
        Entrypoints::JavaScript(MainModule::new(cell, &nothing, &env)?)
    } else if javascript::is_main(&worker.main) {
        Entrypoints::JavaScript(import_javascript(py, cell, &worker, &env)?)
    } else {
        let handlers = import_main(py, cell, &worker)?;
        Entrypoints::Python { handlers, env: hognose_ffi::to_python(py, &env)? }
    };
    recorder.stop(py)?;
    let mut warnings = watch.stop(py)?;
    let unforkable = what_no_fork_can_share(py, cell, &open_before)?;
    let exports = exports_of(py, &entrypoints)?;
    if exports.is_empty() && !worker.main.is_empty() {
        warnings.push(no_handler(py, &entrypoints)?);
    }
    let loaded = Loaded { exports: described(exports), warnings, unforkable };
    runtime_modules::bind_exports(cell, &worker, &loaded.exports)?;
    cell.set_worker(LoadedWorker { plan: worker, entrypoints, make_context });
    hognose_ffi::freeze(py)?;
    Ok(loaded)
}

fn exports_of(py: Python<'_>, entrypoints: &Entrypoints) -> Result<Vec<javascript::Exported>, LoadError> {
    match entrypoints {
        Entrypoints::Python { handlers, .. } => Ok(handlers.bind(py).call_method0("exports")?.extract()?),
        Entrypoints::JavaScript(main) => Ok(main.exports()?),
    }
}

/// Why no event can be served, and what its author may do.
fn no_handler(py: Python<'_>, entrypoints: &Entrypoints) -> PyResult<String> {
    match entrypoints {
        Entrypoints::Python { handlers, .. } => handlers.bind(py).call_method0("no_handlers")?.extract(),
        Entrypoints::JavaScript(_) => Ok(NO_HANDLER.to_owned()),
    }
}

/// Imports a JavaScript main module, top-level `await` included.
fn import_javascript(
    py: Python<'_>,
    cell: &Rc<Cell>,
    worker: &Worker,
    env: &Value,
) -> Result<MainModule, LoadError> {
    let importing = javascript::begin_import(cell, worker)?;
    let watched = importing.clone();
    cell.event_loop.run(py, &move || watched.promise_state() != Some(PromiseState::Pending))?;
    match (importing.promise_state(), importing.promise_result()) {
        (Some(PromiseState::Fulfilled), Some(namespace)) => Ok(MainModule::new(cell, &namespace, env)?),
        (Some(PromiseState::Rejected), Some(reason)) => Err(Thrown(reason).into()),
        _ => Err(PyRuntimeError::new_err(NEVER_LOADS).into()),
    }
}

/// Imports the main module on a runner, so that top-level code may wait in `run_sync`.
fn import_main(py: Python<'_>, cell: &Rc<Cell>, worker: &Worker) -> PyResult<Py<PyAny>> {
    let options = PyDict::new(py);
    options.set_item("global_handlers", worker.global_handlers)?;
    options.set_item("class_handlers", worker.class_handlers)?;
    let class = cell.python.entrypoints(py).getattr("Worker")?.unbind();
    let (main, options) = (worker.main.clone(), options.unbind());
    let outcome: Rc<RefCell<Option<PyResult<Py<PyAny>>>>> = Rc::default();
    let result = Rc::clone(&outcome);
    cell.event_loop.post(move |py| {
        let loaded = class.bind(py).call((main,), Some(options.bind(py))).map(Bound::unbind);
        result.replace(Some(loaded));
    });
    let done = Rc::clone(&outcome);
    cell.event_loop.run(py, &move || done.borrow().is_some())?;
    let loaded = outcome.borrow_mut().take();
    loaded.unwrap_or_else(|| Err(PyRuntimeError::new_err(NEVER_LOADS)))
}

/// What top-level code left, in words.
pub(crate) fn what_no_fork_can_share(
    py: Python<'_>,
    cell: &Cell,
    open_before: &BTreeMap<i32, &'static str>,
) -> PyResult<Vec<String>> {
    let threads: Vec<String> = cell.python.boot(py).call_method0("threads")?.extract()?;
    cell.event_loop.rest();
    let left_open =
        process::open_descriptors().into_iter().filter(|(number, _)| !open_before.contains_key(number));
    let native = threads.is_empty() && !hognose_jail::has_one_thread();
    let threads = threads.into_iter().map(|name| format!("the thread `{name}`"));
    let threads = threads.chain(native.then(|| "a thread of a native library".to_owned()));
    Ok(threads.chain(left_open.map(|(number, kind)| format!("a {kind} (descriptor {number})"))).collect())
}

fn described(exports: Vec<javascript::Exported>) -> Vec<Export> {
    let export =
        |(name, kind, methods): javascript::Exported| Export { name, kind: export_kind(&kind), methods };
    exports.into_iter().map(export).collect()
}

fn export_kind(kind: &str) -> ExportKind {
    match kind {
        "entrypoint" => ExportKind::Entrypoint,
        "durable_object" => ExportKind::DurableObject,
        "workflow" => ExportKind::Workflow,
        _ => ExportKind::Handlers,
    }
}

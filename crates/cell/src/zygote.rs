//! From base to zygote: `env` is made, the Worker's top-level code runs, and what it left behind is looked at.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use hognose_wire::control::{Export, ExportKind, LoadFailure, Loaded, Worker};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::cell::{Cell, LoadedWorker};
use crate::{base, env, evaluation, process, reseed, runtime_modules};

/// Loads a Worker into a fresh fork of the base.
pub(crate) fn load(py: Python<'_>, cell: &Rc<Cell>, worker: Worker) -> Result<Loaded, LoadFailure> {
    let root = worker.module_root.clone();
    let loaded = load_module(py, cell, worker);
    cell.python.flush_output(py);
    loaded.map_err(|error| {
        let (message, traceback) = cell.python.describe(py, &error, &[&root]);
        LoadFailure { message, traceback }
    })
}

fn load_module(py: Python<'_>, cell: &Rc<Cell>, worker: Worker) -> PyResult<Loaded> {
    cell.python
        .boot(py)
        .call_method1("add_worker", (&worker.module_root, worker.python_modules.as_deref()))?;
    runtime_modules::set_flags(py, &worker.flags)?;
    cell.refuse_eval(evaluation::refused_at_startup(&worker.flags));
    let env = env::build(cell, &worker).map_err(|thrown| hognose_ffi::raise(py, thrown))?;
    let make_context = runtime_modules::bind_env(py, cell, &env)?;
    let open_before = process::open_descriptors();
    let recorder = reseed::Recorder::start(py)?;
    let handlers = import_main(py, cell, &worker)?;
    recorder.stop(py)?;
    let unforkable = what_no_fork_can_share(py, cell, &open_before)?;
    let loaded = Loaded { unforkable, ..describe(handlers.bind(py))? };
    let env = hognose_ffi::to_python(py, &env)?;
    cell.set_worker(LoadedWorker { plan: worker, handlers, env, make_context });
    base::freeze(py)?;
    Ok(loaded)
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
    loaded.unwrap_or_else(|| {
        Err(PyRuntimeError::new_err("the Worker's top-level code waits for something that can never happen"))
    })
}

/// What top-level code left, in words.
fn what_no_fork_can_share(
    py: Python<'_>,
    cell: &Cell,
    open_before: &BTreeMap<i32, &'static str>,
) -> PyResult<Vec<String>> {
    let threads: Vec<String> = cell.python.boot(py).call_method0("threads")?.extract()?;
    cell.event_loop.rest();
    let left_open =
        process::open_descriptors().into_iter().filter(|(number, _)| !open_before.contains_key(number));
    let threads = threads.into_iter().map(|name| format!("the thread `{name}`"));
    Ok(threads.chain(left_open.map(|(number, kind)| format!("a {kind} (descriptor {number})"))).collect())
}

fn describe(handlers: &Bound<'_, PyAny>) -> PyResult<Loaded> {
    let exports: Vec<(String, String, Vec<String>)> = handlers.call_method0("exports")?.extract()?;
    let warnings = if exports.is_empty() {
        vec![
            "the main module exports no handler: define `on_fetch` or a class `Default(WorkerEntrypoint)`"
                .to_owned(),
        ]
    } else {
        Vec::new()
    };
    let exports = exports
        .into_iter()
        .map(|(name, kind, methods)| Export { name, kind: export_kind(&kind), methods })
        .collect();
    Ok(Loaded { exports, warnings, unforkable: Vec::new() })
}

fn export_kind(kind: &str) -> ExportKind {
    match kind {
        "entrypoint" => ExportKind::Entrypoint,
        "durable_object" => ExportKind::DurableObject,
        "workflow" => ExportKind::Workflow,
        _ => ExportKind::Handlers,
    }
}

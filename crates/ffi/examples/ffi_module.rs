//! An extension module that installs the bridge in the interpreter that imports it, so that pytest can drive it in-process.

use hognose_engine::{Runtime, RuntimeOptions};
use hognose_ffi::{Bridge, event_loop};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// Starts JavaScript, the event loop and the bridge. `before` is a script that defines the globals that pyodide-py imports.
#[pyfunction]
fn install(py: Python<'_>, before: &str) -> PyResult<()> {
    let runtime = Runtime::new(RuntimeOptions::default())
        .map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    let context = runtime.context();
    event_loop::install(context);
    context.eval(before, "before.js").map_err(|thrown| PyRuntimeError::new_err(thrown.to_string()))?;
    Bridge::install(py, context)
}

/// Runs the event loop until `done()` is true or nothing is left to do.
#[pyfunction]
fn run_until(py: Python<'_>, done: &Bound<'_, PyAny>) -> PyResult<()> {
    event_loop::current()?.run(py, &|| done.call0().is_ok_and(|answer| answer.is_truthy().unwrap_or(true)))
}

/// Runs JavaScript's pending jobs.
#[pyfunction]
fn run_jobs(py: Python<'_>) -> PyResult<()> {
    event_loop::current()?.run_jobs(py);
    Ok(())
}

/// How many PyProxies have their object, and how many objects JavaScript has.
#[pyfunction]
fn counts() -> PyResult<(usize, u64)> {
    let usage = event_loop::current()?.context().memory_usage();
    Ok((hognose_ffi::live_proxies(), usage.objects))
}

/// As `gc.freeze()`, for both heaps.
#[pyfunction]
fn freeze(py: Python<'_>) -> PyResult<()> {
    hognose_ffi::freeze(py)
}

/// Runs JavaScript's own collection of cycles.
#[pyfunction]
fn run_js_gc() -> PyResult<()> {
    event_loop::current()?.context().run_gc();
    Ok(())
}

#[pymodule]
fn ffi_module(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(install, module)?)?;
    module.add_function(wrap_pyfunction!(run_until, module)?)?;
    module.add_function(wrap_pyfunction!(run_jobs, module)?)?;
    module.add_function(wrap_pyfunction!(counts, module)?)?;
    module.add_function(wrap_pyfunction!(freeze, module)?)?;
    module.add_function(wrap_pyfunction!(run_js_gc, module)?)?;
    event_loop::register(module)
}

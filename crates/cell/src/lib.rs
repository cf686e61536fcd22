//! The life of a cell: a process without network, files or secrets of its own, in which Python and JavaScript run a
//! Worker's code. It talks to the supervisor and to nobody else.
//!
//! A *base* boots ([`base`]) and waits for orders ([`template`]). Forked from it, a *zygote* loads one Worker
//! ([`zygote`]) and waits again. Forked from that, an *isolate* serves ([`isolate`]): the supervisor's frames come in
//! through its [`link`], requests and bodies reach the web platform through [`host`], bindings are the client objects
//! of [`env`]. [`script`] is `hognose run`: the same engines around a script of the caller's.
//!
//! One thread, no tokio: everything is driven by `ffi`'s event loop. The Python half is the package `hognose.cell`.

mod base;
mod cell;
mod clock;
mod common_js;
mod confinement;
mod control;
mod env;
mod evaluation;
mod garbage;
mod host;
mod isolate;
mod javascript;
mod link;
mod modules;
mod objects;
mod packages;
mod process;
mod python;
mod random;
mod rejections;
mod report;
mod reseed;
mod rpc;
mod runtime_modules;
mod script;
mod sockets;
mod template;
mod top_level;
mod typescript;
mod web_sockets;
mod zygote;

use hognose_wire::LogLevel;
use pyo3::prelude::*;

use crate::cell::Cell;

/// Adds what cells need to the extension module: `cell()`, which turns the process into one, and what the Python half
/// calls.
///
/// # Errors
/// What CPython says to a module that cannot be filled.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(run_cell, module)?)?;
    module.add_function(wrap_pyfunction!(log, module)?)?;
    module.add_function(wrap_pyfunction!(is_cell_thread, module)?)?;
    module.add_function(wrap_pyfunction!(run_javascript, module)?)?;
    hognose_ffi::event_loop::register(module)
}

/// Turns this process, started for the purpose, into a cell; does not return.
#[pyfunction]
#[pyo3(name = "cell")]
fn run_cell(py: Python<'_>) {
    template::run_base(py)
}

/// Sends lines of output; `stream` is `stdout` or `stderr`.
#[pyfunction]
fn log(py: Python<'_>, stream: &str, text: &str) {
    let level = if stream == "stderr" { LogLevel::Stderr } else { LogLevel::Stdout };
    if let Some(cell) = Cell::current() {
        cell.log(py, level, text);
    }
}

/// Whether the caller's thread is the cell's own, the only one that may [`log`].
#[pyfunction]
fn is_cell_thread() -> bool {
    Cell::current().is_some()
}

/// Runs a JavaScript file, or one in TypeScript without its types. It is a script where it reads as one, else (when it imports, exports or awaits) a module, as
/// Node has it, unless it must be a module. The result is awaitable for a module, None for a script.
#[pyfunction]
fn run_javascript(
    py: Python<'_>,
    source: String,
    name: &str,
    must_be_module: bool,
) -> PyResult<Option<Py<PyAny>>> {
    let context = Cell::current().expect("invariant: called in a cell").context;
    let raise = |thrown| hognose_ffi::raise(py, thrown);
    let source = typescript::read(context, name, source).map_err(raise)?;
    if !must_be_module && let Ok(script) = context.compile_script(&source, name) {
        return context.eval_bytecode(&script).map(|_| None).map_err(raise);
    }
    let promise = context.eval_module(&source, name).map_err(raise)?;
    hognose_ffi::to_python(py, &promise).map(Some)
}

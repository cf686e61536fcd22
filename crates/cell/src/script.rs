//! `hognose run`: one script in this very process, with its caller's standard streams.

use std::cell::RefCell;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use hognose_ffi::event_loop::Hooks;
use hognose_wire::control::Script;
use hognose_wire::{Frame, LogLevel, Violation};
use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError};
use pyo3::prelude::*;

use crate::cell::{Cell, Stage};
use crate::host;
use crate::link::{Events, Link};
use crate::modules::Modules;
use crate::process;
use crate::python::Half;

/// What a shell expects of a program that failed.
const FAILURE: i32 = 1;

/// A script is no Worker: where workerd differs from the web's standards on purpose, the standards count.
const FLAGS: [(&str, bool); 1] = [("pedantic_wpt", true)];

/// Runs the script to the end of its event loop, then ends the process with its exit status.
pub(crate) fn run(py: Python<'_>, cell: &Rc<Cell>, script: Script, frames: UnixStream) -> ! {
    let ended = start(py, cell, script, frames);
    let status = ended.unwrap_or_else(|error| exit_status(py, &error));
    let status = end_program(py, cell).map_or_else(|error| exit_status(py, &error), |()| status);
    let flushed = py.import("sys").and_then(|sys| {
        sys.getattr("stdout")?.call_method0("flush")?;
        sys.getattr("stderr")?.call_method0("flush")
    });
    let failed = flushed.is_err() || cell.has_uncaught();
    process::exit(if failed && status == 0 { FAILURE } else { status })
}

fn start(py: Python<'_>, cell: &Rc<Cell>, script: Script, frames: UnixStream) -> PyResult<i32> {
    let link = Link::open(&cell.event_loop, frames, Rc::new(Outlet))?;
    cell.set_script_outbound(script.outbound);
    cell.set_stage(Stage::Script(Rc::clone(&link)));
    cell.context.set_module_loader(Modules::of_script(Rc::downgrade(cell)));
    cell.web().set_flags(FLAGS).map_err(|thrown| hognose_ffi::raise(py, thrown))?;
    let (hooked, waiting, reporting) = (Rc::clone(&link), Rc::clone(&link), Rc::clone(cell));
    cell.event_loop.set_hooks(Hooks {
        before_wait: Box::new(move |py| {
            reporting.report_rejections(py);
            hooked.flush(py, &Outlet);
        }),
        before_step: Box::new(|_| ()),
        uncaught: Box::new(|_py, error| print(LogLevel::Error, &host::describe_error(&error))),
        is_waiting: Box::new(move || waiting.is_busy()),
    });
    let outcome: Rc<RefCell<Option<PyResult<Py<PyAny>>>>> = Rc::default();
    let (result, runner) = (Rc::clone(&outcome), Half::script(py)?);
    cell.event_loop.post(move |py| {
        let started =
            runner.bind(py).call_method1("start", (script.file, script.args, script.writes_anywhere));
        result.replace(Some(started.map(Bound::unbind)));
    });
    // The script's own code holds the loop as long as it has not ended; what it left behind, as long as it can go on.
    if let Err(error) = cell.event_loop.run(py, &|| false) {
        if error.is_instance_of::<PyKeyboardInterrupt>(py) {
            clean_up(py, cell)?;
        }
        return Err(error);
    }
    let task = outcome.borrow_mut().take();
    let task = task.unwrap_or_else(|| Err(PyRuntimeError::new_err("the script did not start")))?;
    Half::script(py)?.bind(py).call_method1("exit_status", (task,))?.extract()
}

/// After Ctrl-C, as in `asyncio.run`: the script's own code is cancelled, and ends in its own time unless Ctrl-C comes
/// again.
fn clean_up(py: Python<'_>, cell: &Cell) -> PyResult<()> {
    let script = Half::script(py)?;
    script.bind(py).call_method0("interrupt")?;
    let has_ended = || {
        let ended = script.bind(py).call_method0("has_ended").and_then(|ended| ended.is_truthy());
        ended.unwrap_or(true)
    };
    cell.event_loop.run(py, &has_ended)
}

/// Does what the interpreter does at its end: joins threads, calls exit functions. It is done in the loop where there are
/// threads, since they may yet wait for what only the loop brings about.
fn end_program(py: Python<'_>, cell: &Cell) -> PyResult<()> {
    let script = Half::script(py)?;
    if !script.bind(py).call_method0("has_threads")?.is_truthy()? {
        return script.bind(py).call_method0("end_program").map(drop);
    }
    let outcome: Rc<RefCell<Option<PyResult<()>>>> = Rc::default();
    let (hold, result) = (cell.event_loop.hold(), Rc::clone(&outcome));
    cell.event_loop.post(move |py| {
        result.replace(Some(script.bind(py).call_method0("end_program").map(drop)));
    });
    cell.event_loop.run(py, &|| outcome.borrow().is_some())?;
    drop(hold);
    outcome.take().unwrap_or(Ok(()))
}

/// What the exception means for the exit status; a traceback is printed where it is not `SystemExit`.
fn exit_status(py: Python<'_>, error: &PyErr) -> i32 {
    let status = Half::script(py)
        .and_then(|script| script.bind(py).call_method1("failure", (error.value(py),))?.extract());
    status.unwrap_or(FAILURE)
}

/// A script serves nothing; without its supervisor it only lacks a network.
struct Outlet;

impl Events for Outlet {
    fn event(&self, _py: Python<'_>, _frame: Frame<'_>) -> Result<(), Violation> {
        // A script has no invocations, and hosts nothing.
        Ok(())
    }

    fn closed(&self, _py: Python<'_>) -> ! {
        process::exit(FAILURE)
    }
}

/// Writes what `console` says to the standard streams.
pub(crate) fn print(level: LogLevel, text: &str) {
    let written = match level {
        LogLevel::Debug | LogLevel::Info | LogLevel::Stdout => writeln!(io::stdout(), "{text}"),
        LogLevel::Stderr | LogLevel::Warn | LogLevel::Error => writeln!(io::stderr(), "{text}"),
    };
    // A reader that has gone wants to see nothing.
    drop(written);
}

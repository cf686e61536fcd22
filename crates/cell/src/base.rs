//! Booting a base: the lock first, then both engines, the web platform, the SDK and the installed packages.

use std::cell::RefCell;
use std::rc::Rc;

use hognose_engine::{Runtime, RuntimeOptions};
use hognose_ffi::{Bridge, event_loop};
use hognose_web::Web;
use hognose_wire::control::{Base, LoadFailure};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::cell::{Cell, Stage};
use crate::confinement::Confinement;
use crate::control::Control;
use crate::host::CellHost;
use crate::python::Half;
use crate::random::Random;
use crate::{evaluation, garbage, process, runtime_modules};

/// Turns this process into a base.
pub(crate) fn boot(py: Python<'_>, base: &Base, control: &Rc<RefCell<Control>>) -> PyResult<Rc<Cell>> {
    let confinement =
        if base.open { Confinement::of_script(base)? } else { Confinement::lock_base(py, base)? };
    prepare_imports(py, base)?;
    process::share_one_heap();
    let runtime = Runtime::new(RuntimeOptions::default())
        .map_err(|error| PyRuntimeError::new_err(format!("QuickJS did not start: {error}")))?;
    let context = runtime.context();
    let random = Rc::new(Random::default());
    let source = Rc::clone(&random);
    context
        .set_random(move || source.unit())
        .map_err(|thrown| PyRuntimeError::new_err(thrown.to_string()))?;
    let event_loop = event_loop::install(context);
    let half = Half::import(py)?;
    let stage = Stage::Template(Rc::clone(control));
    let cell = Cell::install(context, event_loop, half, random, (stage, confinement));
    if !base.open {
        cell.python.redirect_output(py)?;
    }
    let web = Web::install(context, Rc::new(CellHost::new(&cell)))
        .map_err(|thrown| PyRuntimeError::new_err(format!("the web platform did not start: {thrown}")))?;
    cell.set_web(Rc::new(web));
    Bridge::install(py, context)?;
    hognose_ffi::obey_signals(context);
    runtime_modules::install(py, &cell)?;
    if !base.open {
        evaluation::install(py, &cell)?;
    }
    if base.open || base.exposes_gc {
        garbage::expose(py, context)?;
    }
    start_python(py, base, &cell)?;
    Ok(cell)
}

/// What an exception while booting becomes.
pub(crate) fn describe(py: Python<'_>, error: &PyErr) -> LoadFailure {
    let traceback = error.traceback(py).and_then(|traceback| traceback.format().ok()).unwrap_or_default();
    LoadFailure { message: error.to_string(), traceback, ..LoadFailure::default() }
}

/// The interpreter starts with nothing but the standard library on its path, so the module that extends the path is
/// loaded from its file.
fn prepare_imports(py: Python<'_>, base: &Base) -> PyResult<()> {
    let sys = py.import("sys")?;
    let path = sys.getattr("path")?;
    let before = path.call_method0("copy")?;
    path.call_method1("extend", (&base.runtime_dirs,))?;
    let boot = py.import("hognose.cell.boot");
    sys.setattr("path", before)?;
    boot?.call_method1("prepare_imports", (&base.runtime_dirs,)).map(drop)
}

fn start_python(py: Python<'_>, base: &Base, cell: &Cell) -> PyResult<()> {
    let boot = cell.python.boot(py);
    if !base.open {
        boot.call_method0("prepare_environment")?;
        boot.call_method1("use_scratch", (&base.scratch_dir,))?;
        py.import("hognose.cell.limits")?.call_method0("obey")?;
        py.import("hognose.cell.debugger")?.call_method0("install")?;
    }
    py.import("pyodide")?;
    boot.call_method0("start_asyncio")?;
    boot.call_method1("add_packages", (&base.site_dirs,))?;
    for module in &base.preload {
        py.import(module.as_str())?;
    }
    hognose_ffi::freeze(py)
}

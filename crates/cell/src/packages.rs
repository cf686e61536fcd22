//! A Worker's packages: a template between the base and the Worker's zygotes, in which the installed packages are
//! imported once that the Worker's code begins by importing. A reload then need not import them again.

use std::rc::Rc;

use hognose_wire::control::{LoadFailure, Loaded, Worker};
use pyo3::prelude::*;

use crate::cell::Cell;
use crate::reseed::Recorder;
use crate::zygote::what_no_fork_can_share;
use crate::{base, process, runtime_modules};

/// The Python half.
const MODULE: &str = "hognose.cell.packages";

/// Imports them. What the code finds of its surroundings meanwhile is what it would find in a zygote.
pub(crate) fn import(py: Python<'_>, cell: &Rc<Cell>, worker: &Worker) -> Result<Loaded, LoadFailure> {
    import_leading(py, cell, worker).map_err(|error| base::describe(py, &error))
}

fn import_leading(py: Python<'_>, cell: &Rc<Cell>, worker: &Worker) -> PyResult<Loaded> {
    cell.python.boot(py).call_method1("use_scratch", (&worker.scratch_dir,))?;
    runtime_modules::set_flags(py, &worker.flags)?;
    let open_before = process::open_descriptors();
    let recorder = Recorder::start(py)?;
    py.import(MODULE)?.call_method1("import_leading", (&worker.main, &worker.module_root))?;
    recorder.stop(py)?;
    let unforkable = what_no_fork_can_share(py, cell, &open_before)?;
    hognose_ffi::freeze(py)?;
    Ok(Loaded { unforkable, ..Loaded::default() })
}

/// Whether the Worker's code begins with other imports by now than this process's parent has done.
pub(crate) fn are_outdated(py: Python<'_>, worker: &Worker) -> PyResult<bool> {
    py.import(MODULE)?.call_method1("are_outdated", (&worker.main, &worker.module_root))?.extract()
}

//! `gc()`, which collects garbage at once: for scripts and for the tests of Workers, as Node and `workerd test` have it
//! with `--expose-gc`. A Worker that serves has no such function.

use hognose_engine::{Context, Result};
use pyo3::prelude::*;

/// Defines the global function.
pub(crate) fn expose(py: Python<'_>, context: Context) -> PyResult<()> {
    let defined = context.global().define_method("gc", 0, |context, _this, _arguments| {
        collect(context)?;
        Ok(context.undefined())
    });
    defined.map_err(|thrown| hognose_ffi::raise(py, thrown))
}

/// Frees what JavaScript alone holds in circles, then what Python does and what leads through both heaps, then what that
/// has let go of.
fn collect(context: Context) -> Result<()> {
    context.run_gc();
    Python::attach(|py| {
        let collected = py.import("gc").and_then(|gc| gc.call_method0("collect"));
        collected.map(drop).map_err(|error| hognose_ffi::throw(py, error))
    })?;
    context.run_gc();
    Ok(())
}

//! When JavaScript may be made from strings (`eval`, `new Function`, and `run_js` on top of them): at a Worker's top
//! level, but not while it serves, as in workerd. A script run by its caller is not asked.

use std::collections::BTreeMap;
use std::rc::Rc;

use hognose_engine::Result;
use pyo3::prelude::*;

use crate::cell::Cell;

/// Top-level code may.
const AT_STARTUP: &str = "allow_eval_during_startup";
/// All code may.
const ALWAYS: &str = "allow_insecure_inefficient_logged_eval";

/// Puts the guards in place, before any code of a Worker's can keep what they guard.
pub(crate) fn install(py: Python<'_>, cell: &Rc<Cell>) -> PyResult<()> {
    let context = cell.context;
    let guard = || -> Result<()> {
        let is_refused = context.function("isRefused", 0, |context, _this, _arguments| {
            Ok(context.boolean(Cell::current().is_some_and(|cell| cell.eval_is_refused())))
        })?;
        let file = context.eval(include_str!("../js/evaluation.js"), "hognose:evaluation")?;
        file.call_function(&[is_refused]).map(drop)
    };
    guard().map_err(|thrown| hognose_ffi::raise(py, thrown))
}

/// Whether top-level code is refused it.
pub(crate) fn refused_at_startup(flags: &BTreeMap<String, bool>) -> bool {
    !is_on(flags, AT_STARTUP) && !is_on(flags, ALWAYS)
}

/// Whether handlers are.
pub(crate) fn refused_in_handlers(flags: &BTreeMap<String, bool>) -> bool {
    !is_on(flags, ALWAYS)
}

fn is_on(flags: &BTreeMap<String, bool>, name: &str) -> bool {
    flags.get(name).copied().unwrap_or(false)
}

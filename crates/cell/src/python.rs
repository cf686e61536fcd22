//! Handles to the Python half of the cell, `hognose.cell`.

use hognose_wire::InvocationId;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// What is called of it.
#[derive(Debug)]
pub(crate) struct Half {
    boot: Py<PyModule>,
    output: Py<PyModule>,
    entrypoints: Py<PyModule>,
    /// A `ContextVar` with the number of the invocation that the running Python code belongs to.
    invocation: Py<PyAny>,
}

impl Half {
    /// Imports it; the interpreter must be prepared so far that `hognose` is importable.
    pub(crate) fn import(py: Python<'_>) -> PyResult<Self> {
        let variable = py.import("contextvars")?.getattr("ContextVar")?;
        let default = PyDict::new(py);
        default.set_item("default", py.None())?;
        Ok(Self {
            boot: py.import("hognose.cell.boot")?.unbind(),
            output: py.import("hognose.cell.output")?.unbind(),
            entrypoints: py.import("hognose.cell.entrypoints")?.unbind(),
            invocation: variable.call(("hognose.invocation",), Some(&default))?.unbind(),
        })
    }

    pub(crate) fn boot<'py>(&self, py: Python<'py>) -> &Bound<'py, PyModule> {
        self.boot.bind(py)
    }

    pub(crate) fn entrypoints<'py>(&self, py: Python<'py>) -> &Bound<'py, PyModule> {
        self.entrypoints.bind(py)
    }

    /// Sends what was printed without a newline.
    pub(crate) fn flush_output(&self, py: Python<'_>) {
        if let Err(error) = self.output.bind(py).call_method0("flush") {
            error.write_unraisable(py, None);
        }
    }

    pub(crate) fn redirect_output(&self, py: Python<'_>) -> PyResult<()> {
        self.output.bind(py).call_method0("redirect").map(drop)
    }

    /// One line and the traceback of an exception, with the frames that lie below `roots` where there are any.
    pub(crate) fn describe(&self, py: Python<'_>, error: &PyErr, roots: &[&str]) -> (String, String) {
        let described = self.entrypoints.bind(py).call_method1("describe", (error.value(py), roots.to_vec()));
        described
            .and_then(|described| described.extract())
            .unwrap_or_else(|_| (error.to_string(), String::new()))
    }

    /// A copy of the current context in which Python code belongs to the invocation.
    pub(crate) fn context_of<'py>(&self, py: Python<'py>, invocation: InvocationId) -> PyResult<Bound<'py, PyAny>> {
        let context = py.import("contextvars")?.call_method0("copy_context")?;
        context.call_method1("run", (self.invocation.bind(py).getattr("set")?, invocation.0))?;
        Ok(context)
    }

    /// The invocation that the running Python code belongs to.
    pub(crate) fn invocation(&self, py: Python<'_>) -> Option<InvocationId> {
        let number = self.invocation.bind(py).call_method0("get").ok()?;
        number.extract::<Option<u32>>().ok().flatten().map(InvocationId)
    }

    /// The module that runs scripts.
    pub(crate) fn script(&self, py: Python<'_>) -> PyResult<Py<PyModule>> {
        py.import("hognose.cell.script").map(Bound::unbind)
    }

    pub(crate) fn after_fork(&self, py: Python<'_>) -> PyResult<()> {
        self.boot.bind(py).call_method0("after_fork").map(drop)
    }
}

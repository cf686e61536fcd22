//! Handles to the Python half of the cell, `hognose.cell`.

use hognose_wire::InvocationId;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

/// What is called of it, and of the standard library for every invocation: looked up once.
#[derive(Debug)]
pub(crate) struct Half {
    boot: Py<PyModule>,
    output: Py<PyModule>,
    entrypoints: Py<PyModule>,
    /// A `ContextVar` holds the number of the invocation that the running Python code belongs to.
    set_invocation: Py<PyAny>,
    get_invocation: Py<PyAny>,
    copy_context: Py<PyAny>,
    coroutine: Py<PyAny>,
    task: Py<PyAny>,
}

impl Half {
    /// Imports it; the interpreter must be prepared so far that `hognose` is importable.
    pub(crate) fn import(py: Python<'_>) -> PyResult<Self> {
        let contextvars = py.import("contextvars")?;
        let default = PyDict::new(py);
        default.set_item("default", py.None())?;
        let invocation = contextvars.getattr("ContextVar")?.call(("hognose.invocation",), Some(&default))?;
        Ok(Self {
            boot: py.import("hognose.cell.boot")?.unbind(),
            output: py.import("hognose.cell.output")?.unbind(),
            entrypoints: py.import("hognose.cell.entrypoints")?.unbind(),
            set_invocation: invocation.getattr("set")?.unbind(),
            get_invocation: invocation.getattr("get")?.unbind(),
            copy_context: contextvars.getattr("copy_context")?.unbind(),
            coroutine: py.import("types")?.getattr("CoroutineType")?.unbind(),
            task: py.import("asyncio")?.getattr("Task")?.unbind(),
        })
    }

    /// Begins to await what a handler returned; `None` where there is nothing to await.
    pub(crate) fn start_task<'py>(
        &self,
        result: &Bound<'py, PyAny>,
        context: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = result.py();
        // What `async def` makes; everything else that can be awaited says so by its type.
        if result.get_type().is(&self.coroutine) {
            let options = PyDict::new(py);
            options.set_item(intern!(py, "context"), context)?;
            // The handler begins here and now; one that never waits costs no turn of the loop.
            options.set_item(intern!(py, "eager_start"), true)?;
            options.set_item(intern!(py, "loop"), Self::running_loop(py)?)?;
            return self.task.bind(py).call((result,), Some(&options)).map(Some);
        }
        match result.get_type().getattr_opt(intern!(py, "__await__"))? {
            Some(_) => py.import("asyncio")?.call_method1("ensure_future", (result,)).map(Some),
            None => Ok(None),
        }
    }

    /// Whether a thread runs that may still send the loop something.
    pub(crate) fn other_threads_may_call(py: Python<'_>) -> bool {
        let asked = Self::running_loop(py).and_then(|running| running.call_method0("other_threads_may_call"));
        asked.and_then(|answer| answer.is_truthy()).unwrap_or(false)
    }

    fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        static GET: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let get =
            GET.get_or_try_init(py, || py.import("asyncio")?.getattr("get_running_loop").map(Bound::unbind))?;
        get.bind(py).call0()
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

    /// Whether the platform's own words are all that there is to an exception.
    pub(crate) fn is_refusal(&self, py: Python<'_>, error: &PyErr) -> bool {
        let class = self.entrypoints.bind(py).getattr(intern!(py, "Refusal"));
        class.is_ok_and(|class| error.is_instance(py, &class))
    }

    /// A copy of the current context in which Python code belongs to the invocation.
    pub(crate) fn context_of<'py>(
        &self,
        py: Python<'py>,
        invocation: InvocationId,
    ) -> PyResult<Bound<'py, PyAny>> {
        let context = self.copy_context.bind(py).call0()?;
        context.call_method1(intern!(py, "run"), (&self.set_invocation, invocation.0))?;
        Ok(context)
    }

    /// The invocation that the running Python code belongs to.
    pub(crate) fn invocation(&self, py: Python<'_>) -> Option<InvocationId> {
        let number = self.get_invocation.bind(py).call0().ok()?;
        number.extract::<Option<u32>>().ok().flatten().map(InvocationId)
    }

    /// The module that runs scripts.
    pub(crate) fn script(py: Python<'_>) -> PyResult<Py<PyModule>> {
        py.import("hognose.cell.script").map(Bound::unbind)
    }

    pub(crate) fn after_fork(&self, py: Python<'_>) -> PyResult<()> {
        self.boot.bind(py).call_method0("after_fork").map(drop)
    }
}

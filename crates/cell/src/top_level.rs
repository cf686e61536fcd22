//! What a Worker's Python code does while it loads that Cloudflare refuses then. It works here; the user is told of it,
//! for it would fail there, and what it draws by chance every isolate would have.

use pyo3::prelude::*;

/// Notes from [`Watch::start`] to [`Watch::stop`].
#[derive(Debug)]
pub(crate) struct Watch(Py<PyModule>);

impl Watch {
    /// Looks at code below this folder.
    pub(crate) fn start(py: Python<'_>, module_root: &str) -> PyResult<Self> {
        let module = py.import("hognose.cell.top_level")?;
        module.call_method1("start", (module_root,))?;
        Ok(Self(module.unbind()))
    }

    /// Gives what to tell the user.
    pub(crate) fn stop(self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.0.bind(py).call_method0("stop")?.extract()
    }
}

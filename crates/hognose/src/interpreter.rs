//! What the supervisor remembers of the Python that loaded it, before it leaves Python for good.

use std::path::PathBuf;

use pyo3::prelude::*;

/// The interpreter hognose runs under: the one whose packages a Worker gets, and the one each cell executes.
#[derive(Clone, Debug)]
pub(crate) struct Interpreter {
    /// `sys.executable`.
    pub executable: PathBuf,
    /// `sys.prefix`: the environment hognose is installed in.
    pub prefix: PathBuf,
    /// Minor version: 13 for CPython 3.13.
    pub minor: u8,
    /// The file of the extension module itself.
    pub extension: PathBuf,
    /// The folder hognose is installed in, and beside it `pyodide` and `workers`.
    pub site_packages: PathBuf,
}

impl Interpreter {
    /// Asks the running interpreter.
    pub(crate) fn of_this_process(py: Python<'_>) -> PyResult<Self> {
        let sys = py.import("sys")?;
        let path = |module: &Bound<'_, PyModule>, name| module.getattr(name)?.extract::<PathBuf>();
        let package = path(&py.import("hognose")?, "__file__")?;
        Ok(Self {
            executable: path(&sys, "executable")?,
            prefix: path(&sys, "prefix")?,
            minor: py.version_info().minor,
            extension: path(&py.import("hognose._hognose")?, "__file__")?,
            site_packages: package.ancestors().nth(2).map(PathBuf::from).unwrap_or_default(),
        })
    }

    /// `3.13`, as people and wheels name it.
    pub(crate) fn version(&self) -> String {
        format!("3.{}", self.minor)
    }
}

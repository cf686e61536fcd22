//! What the supervisor remembers of the Python that loaded it, before it leaves Python for good.

use std::ffi::OsString;
use std::path::PathBuf;

use hognose_supervisor::CellCommand;
use pyo3::prelude::*;

/// The interpreter hognose runs under: the one whose packages a Worker gets, and the one each cell executes.
#[derive(Clone, Debug)]
pub(crate) struct Interpreter {
    /// `sys.executable`.
    pub executable: PathBuf,
    /// `sys.prefix`: the environment hognose is installed in.
    pub prefix: PathBuf,
    /// `3.13.5` as `[3, 13, 5]`.
    pub release: [u32; 3],
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
        let version = py.version_info();
        let package = path(&py.import("hognose")?, "__file__")?;
        Ok(Self {
            executable: path(&sys, "executable")?,
            prefix: path(&sys, "prefix")?,
            release: [version.major, version.minor, version.patch].map(u32::from),
            extension: path(&py.import("hognose._hognose")?, "__file__")?,
            site_packages: package.ancestors().nth(2).map(PathBuf::from).unwrap_or_default(),
        })
    }

    /// `3.13`, as people and wheels name it.
    pub(crate) fn version(&self) -> String {
        format!("{}.{}", self.release[0], self.release[1])
    }
}

/// What a cell's interpreter executes: it loads the extension from its path, for with `-S` no site-packages is on
/// `sys.path`, and must not be until the lock is taken (`.pth` lines are code). `importlib` is left out because it costs
/// a millisecond.
const CELL: &str = "\
import sys, _imp
from _frozen_importlib import ModuleSpec
name = 'hognose._hognose'
sys.modules[name] = module = _imp.create_dynamic(ModuleSpec(name, None, origin=sys.argv[1]))
_imp.exec_dynamic(module)
module.cell()
";

impl Interpreter {
    /// The command that starts a base cell: a fresh execution of this interpreter, isolated from its environment.
    pub(crate) fn cell_command(&self) -> CellCommand {
        let options = ["-I", "-S", "-B", "-c", CELL].map(OsString::from);
        let args = options.into_iter().chain([self.extension.clone().into()]).collect();
        CellCommand { program: self.executable.clone(), args, env: Vec::new() }
    }
}

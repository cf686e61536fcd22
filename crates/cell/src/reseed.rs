//! Random generators that Python code makes at the top level would repeat in every fork. Those that were seeded from
//! the system's entropy are noted while the Worker loads, and seeded anew in each isolate; one that was given a seed
//! keeps it, since its author wants the same numbers every time. (`random`'s own functions, `secrets`, `uuid` and
//! `ssl` look after themselves, `Math.random` asks the cell.)

use pyo3::prelude::*;

/// Notes generators from [`Recorder::start`] to [`Recorder::stop`].
#[derive(Debug)]
pub(crate) struct Recorder(Py<PyModule>);

impl Recorder {
    pub(crate) fn start(py: Python<'_>) -> PyResult<Self> {
        let module = py.import("hognose.cell.reseed")?;
        module.call_method0("start")?;
        Ok(Self(module.unbind()))
    }

    pub(crate) fn stop(self, py: Python<'_>) -> PyResult<()> {
        self.0.bind(py).call_method0("stop").map(drop)
    }
}

/// Seeds anew what was noted.
pub(crate) fn reseed(py: Python<'_>) -> PyResult<()> {
    py.import("hognose.cell.reseed")?.call_method0("reseed").map(drop)
}

//! The command `hognose`, carried by a Python extension module.
//!
//! hognose is installed as a wheel and loaded by the user's own CPython, so that the cells run under exactly the
//! interpreter the user chose. The console script calls [`_hognose::main`], which notes where that interpreter lives,
//! leaves Python for good and becomes the supervisor: it reads the configuration, installs the Worker's packages and
//! serves. Cells are fresh executions of the same interpreter, never forks of this process.

mod access_log;
mod address;
mod admin;
mod ai;
mod ai_run;
mod assets;
mod backup;
mod banner;
mod build;
mod catalog;
mod certificates;
mod cli;
mod clones;
mod console;
mod control;
mod cron;
mod d1;
mod data;
mod debugger;
mod deploy;
mod deployments;
mod doctor;
mod download;
mod dynamic;
mod engines;
mod error;
mod events;
mod format;
mod hotkeys;
mod https;
mod inference;
mod init;
mod interpreter;
mod interrupt;
mod label;
mod lock;
mod models;
mod open_files;
mod orders;
mod packages;
mod plan;
mod project;
mod records;
mod remarks;
mod restored;
mod run;
mod serve;
mod session;
mod signals;
mod state;
mod sync;
mod table;
mod tail;
mod target;
mod telemetry;
mod test;
mod types;
mod vectorize;
mod versions;
mod watch;
mod workflows;

use std::ffi::OsString;

use pyo3::prelude::*;

use crate::interpreter::Interpreter;

/// The extension module `hognose._hognose`.
#[pymodule]
mod _hognose {
    use super::{Bound, Interpreter, OsString, PyModule, PyResult, Python, cli, pyfunction};

    /// Runs the command line given by `arguments` (without the program's name) and returns the exit code.
    #[pyfunction]
    fn main(py: Python<'_>, arguments: Vec<OsString>) -> PyResult<u8> {
        let interpreter = Interpreter::of_this_process(py)?;
        Ok(py.detach(|| cli::run(&arguments, &interpreter)))
    }

    /// Adds what the cells of this very file need.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        hognose_cell::register(module)
    }
}

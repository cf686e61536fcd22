//! Which Pyodide the bridge follows. Each CPython has its own pyodide-py (0.26 with 3.12, 0.28 with 3.13, 314 with 3.14),
//! and between them the meaning of a few values changed. The installed package decides, once, by what it defines: only
//! it knows the Python classes that stand for those values. What a newer one merely adds is there for all.

use std::cell::Cell;

use pyo3::prelude::*;
use pyo3::types::PyModule;

use crate::bridge::{Object, python};

/// What differs between the versions of Pyodide.
pub(crate) struct Dialect {
    /// What is JavaScript's `null` in Python: `jsnull`, or None in 0.26, which has no other.
    pub(crate) null: Object,
    /// Whether `null` arrives in Python as None all the same: code that was written for 0.26 compares with that.
    pub(crate) null_arrives_as_none: Cell<bool>,
    /// Since 314: the subclass of `int` that is a BigInt in JavaScript whatever its size.
    pub(crate) big_int: Option<Object>,
}

impl Dialect {
    /// That of the installed pyodide-py, of which this is the module `_pyodide._core_docs`.
    pub(crate) fn of(docs: &Bound<'static, PyModule>) -> PyResult<Dialect> {
        let defined = |name: &str| docs.as_any().getattr_opt(name);
        Ok(Dialect {
            null: defined("jsnull")?.unwrap_or_else(|| python().None().into_bound(python())),
            null_arrives_as_none: Cell::new(false),
            big_int: defined("JsBigInt")?,
        })
    }

    /// Whether `null` has a value of its own in Python.
    pub(crate) fn has_null(&self) -> bool {
        !self.null.is_none()
    }

    /// Whether pyodide-py is 314 or newer. There a dict becomes a plain Object instead of a Map with properties, every
    /// iterable with a length is array-like, and what can be disposed of is a context manager.
    pub(crate) fn is_314(&self) -> bool {
        self.big_int.is_some()
    }
}

//! What is in `env` for a binding that hognose lacks: `js/stand-in.js`. A Worker that does not use it runs as it is.

use std::rc::Rc;

use hognose_engine::{Result, Value};

use crate::cell::Cell;

/// The stand-in for the binding `name`, of the kind that the configuration calls `key`.
pub(super) fn make(cell: &Rc<Cell>, name: &str, key: &str) -> Result<Value> {
    let context = cell.context;
    let make = context.eval(include_str!("../../js/stand-in.js"), "hognose:stand-in")?;
    make.call_function(&[context.string(name)?, context.string(key)?])
}

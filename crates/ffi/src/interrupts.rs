//! Signals while JavaScript computes: Ctrl-C ends it as it ends Python.
//!
//! CPython runs the handlers of signals between its own instructions, so a loop in JavaScript would keep them waiting for
//! good. Here QuickJS asks for them now and then. What a handler raises cannot be caught by the JavaScript code that runs,
//! and comes out where Python called it: in [`errors::raise`](crate::errors), or in the event loop.

use std::cell::RefCell;

use hognose_engine::Context;
use pyo3::prelude::*;

use crate::bridge::python;
use crate::threads;

thread_local! {
    /// What a signal's handler raised, on its way out of JavaScript.
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

/// Lets signals be handled while JavaScript computes, from now on. Their handlers run in the middle of it.
pub fn obey_signals(context: Context) {
    context.set_interrupt_handler(|| {
        let _frame = crate::stack::enter_js();
        match threads::amid_javascript(|| python().check_signals()) {
            Ok(()) => false,
            Err(error) => {
                RAISED.set(Some(error));
                true
            }
        }
    });
}

/// What a signal's handler raised, if that is why JavaScript ended with an error that it could not catch.
pub(crate) fn take_raised() -> Option<PyErr> {
    RAISED.take()
}

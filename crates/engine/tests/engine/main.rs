//! The layer's promises, one story per module. Each test starts a runtime of its own: a test is a thread.

mod basics;

use hognose_engine::{Context, Runtime, RuntimeOptions};

/// A fresh engine for this test's thread.
fn start() -> Context {
    Runtime::new(RuntimeOptions::default()).expect("a test's thread has no runtime yet").context()
}

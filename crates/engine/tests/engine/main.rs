//! The layer's promises, one story per file. Each test starts a runtime of its own: a test is a thread.

mod basics;
mod buffers;
mod classes;
mod collector;
mod functions;
mod limits;
mod modules;
mod promises;
mod strings;

use hognose_engine::{Context, Runtime, RuntimeOptions};

/// A fresh engine for this test's thread.
fn start() -> Context {
    Runtime::new(RuntimeOptions::default()).expect("a test's thread has no runtime yet").context()
}

/// Runs promise jobs until there are none, within reason.
fn run_jobs(context: Context) {
    let executed = context.execute_jobs(10_000).expect("no job throws");
    assert!(executed < 10_000, "the jobs never end");
}

/// What a heap holds once its garbage is gone.
fn objects(context: Context) -> u64 {
    context.run_gc();
    context.memory_usage().objects
}

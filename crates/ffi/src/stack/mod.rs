//! Where Python code runs: which stack, and what lies below it.
//!
//! Python code that may block in [`run_sync`] runs on a *runner*: a coroutine with a C stack of its own
//! ([`runner::Runner`]). When it waits, its stack is put aside whole, Python frames and C frames together, and the
//! event loop goes on with another runner on the same thread and the same `PyThreadState`, whose stack-like fields are
//! exchanged ([`python_state`]). A JavaScript frame on a stack cannot be put aside (QuickJS links its frames through
//! the C stack), so [`enter_js`] counts them and [`run_sync`] refuses above one, as Pyodide does.

mod python_state;
mod run_sync;
pub(crate) mod runner;

use std::cell::Cell;

pub(crate) use run_sync::{CurrentTask, check_awaitable};
pub use run_sync::{can_run_sync, run_sync};

thread_local! {
    /// JavaScript frames between the base of the current stack and here.
    static JS_FRAMES: Cell<usize> = const { Cell::new(0) };
}

/// Held while JavaScript calls into Python; tells `run_sync` that a JavaScript frame lies below.
#[derive(Debug)]
pub(crate) struct JsFrame(());

/// Notes that JavaScript has entered Python, until the guard drops. Python learns first what JavaScript has let go of.
#[must_use]
pub(crate) fn enter_js() -> JsFrame {
    crate::bridge::bridge().javascript_ran();
    JS_FRAMES.with(|frames| frames.set(frames.get() + 1));
    JsFrame(())
}

impl Drop for JsFrame {
    fn drop(&mut self) {
        JS_FRAMES.with(|frames| frames.set(frames.get() - 1));
    }
}

/// Exchanges the count of JavaScript frames with that of another stack.
fn swap_js_frames(frames: usize) -> usize {
    JS_FRAMES.with(|current| current.replace(frames))
}

/// Whether a JavaScript frame lies below on the current stack.
pub(crate) fn above_js() -> bool {
    JS_FRAMES.with(Cell::get) > 0
}

//! Where Python code runs: which stack, and what lies below it.

use std::cell::Cell;

thread_local! {
    /// JavaScript frames between the base of the current stack and here.
    static JS_FRAMES: Cell<usize> = const { Cell::new(0) };
}

/// Held while JavaScript calls into Python; tells `run_sync` that a JavaScript frame lies below.
#[derive(Debug)]
pub struct JsFrame(());

/// Notes that JavaScript has entered Python, until the guard drops.
#[must_use]
pub fn enter_js() -> JsFrame {
    JS_FRAMES.with(|frames| frames.set(frames.get() + 1));
    JsFrame(())
}

impl Drop for JsFrame {
    fn drop(&mut self) {
        JS_FRAMES.with(|frames| frames.set(frames.get() - 1));
    }
}

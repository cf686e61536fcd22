//! What JavaScript lets go of, until Python may hear of it.
//!
//! QuickJS calls finalizers in the midst of its own bookkeeping, where nothing of it may be touched; giving back a Python
//! object may run any code, JavaScript included. So finalizers leave here what they held. It is given back as soon as QuickJS
//! is done: when JavaScript enters Python or returns to it, when a JsProxy has died, at the latest at the event loop's
//! next turn.

use std::cell::{Cell, RefCell};

use crate::bridge::{Object, python};
use crate::convert::buffers::Locked;

/// Something of Python's that a finalizer held. Dropping it gives it back.
#[expect(dead_code, reason = "what is held is only there to be dropped")]
pub(crate) enum Held {
    Object(Object),
    Buffer(Locked),
}

/// What waits to be given back.
#[derive(Default)]
pub(crate) struct Queue {
    held: RefCell<Vec<Held>>,
    is_filled: Cell<bool>,
}

impl Queue {
    /// Takes something from a finalizer.
    pub(crate) fn push(&self, held: Held) {
        self.held.borrow_mut().push(held);
        self.is_filled.set(true);
    }

    /// Gives everything back. Not to be called from a finalizer.
    #[inline]
    pub(crate) fn flush(&self) {
        if self.is_filled.get() {
            self.flush_filled();
        }
    }

    #[cold]
    fn flush_filled(&self) {
        // Whatever runs now knows nothing of an exception that is under way.
        let raised = pyo3::PyErr::take(python());
        while self.is_filled.replace(false) {
            drop(self.held.take());
        }
        if let Some(raised) = raised {
            raised.restore(python());
        }
    }
}

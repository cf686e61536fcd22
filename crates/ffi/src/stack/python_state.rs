//! The stack-like part of CPython's thread state, as an opaque value. The C file beside this one knows its fields.

use std::ffi::{c_int, c_void};
use std::ops::Range;

use corosensei::stack::Stack;
use pyo3::{PyErr, PyResult, Python};

/// Room for the largest `PyStack` of the supported versions, checked when the first one is made.
type Storage = [usize; 24];

unsafe extern "C" {
    fn hognose_pystack_size() -> usize;
    fn hognose_pystack_save(state: *mut Storage);
    fn hognose_pystack_place(state: *mut Storage, c_stack: *mut c_void, c_stack_bytes: usize);
    fn hognose_pystack_restore(state: *mut Storage);
    fn hognose_pystack_fresh(
        state: *mut Storage,
        c_stack: *mut c_void,
        c_stack_bytes: usize,
        c_recursion: c_int,
    ) -> c_int;
    fn hognose_pystack_free(state: *mut Storage);
}

/// Saved state of one stack. It holds pointers into that stack and, before CPython 3.13, into itself: it never moves.
#[derive(Debug)]
pub(super) struct PythonState(Box<Storage>);

impl PythonState {
    /// The current state, of a runner's stack with these addresses or (`None`) of the main one.
    pub(super) fn save(py: Python<'_>, stack: Option<Range<usize>>) -> Self {
        let mut state = Self(Box::new([0; 24]));
        state.save_again(py);
        if let Some(stack) = stack {
            let lowest = std::ptr::without_provenance_mut(stack.start);
            // SAFETY: the storage was filled just now; the stack's address is only compared with.
            unsafe { hognose_pystack_place(&raw mut *state.0, lowest, stack.len()) };
        }
        state
    }

    /// Overwrites this with the current state.
    pub(super) fn save_again(&mut self, _py: Python<'_>) {
        // SAFETY: the storage is large enough (checked in `fresh`), and `_py` proves that a thread state is attached.
        unsafe { hognose_pystack_save(&raw mut *self.0) }
    }

    /// The state of a stack on which nothing has run. Before CPython 3.14, which looks at the stack's address, it allows
    /// `c_recursion` levels of C recursion.
    pub(super) fn fresh(py: Python<'_>, stack: &impl Stack, c_recursion: c_int) -> PyResult<Self> {
        // SAFETY: takes no argument, reads a constant.
        let size = unsafe { hognose_pystack_size() };
        assert!(size <= size_of::<Storage>(), "invariant: a saved state fits its storage");
        let mut state = Self(Box::new([0; 24]));
        let (base, limit) = (stack.base().get(), stack.limit().get());
        let c_stack = std::ptr::without_provenance_mut(limit);
        // SAFETY: as in `save_again`; the stack's address is only compared with.
        let failed =
            unsafe { hognose_pystack_fresh(&raw mut *state.0, c_stack, base - limit, c_recursion) } < 0;
        if failed { Err(PyErr::fetch(py)) } else { Ok(state) }
    }

    /// Makes this the current state. The caller switches to the stack it describes before any Python code runs.
    ///
    /// # Safety
    /// The stack that the state describes must still exist, and must be the one that runs next.
    pub(super) unsafe fn restore(&mut self, _py: Python<'_>) {
        // SAFETY: the storage was filled by `save` or `fresh`; the rest is this function's own contract.
        unsafe { hognose_pystack_restore(&raw mut *self.0) }
    }

    /// Frees what the state of a finished stack owns.
    pub(super) fn free(mut self, _py: Python<'_>) {
        // SAFETY: the state is not current, and nothing will run on its stack again.
        unsafe { hognose_pystack_free(&raw mut *self.0) }
    }
}

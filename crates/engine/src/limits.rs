//! Memory, stack and time: what JavaScript may use, and what it does use.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;

use crate::runtime::State;
use crate::{Context, Result, Thrown, raw};

/// What JavaScript's heap holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUsage {
    /// Bytes allocated.
    pub allocated_bytes: u64,
    /// Allocations alive.
    pub allocations: u64,
    /// Objects alive, functions and arrays included.
    pub objects: u64,
    /// Strings alive that are no property names.
    pub strings: u64,
    /// Property names and symbols alive.
    pub atoms: u64,
}

impl Context {
    /// Sets how many bytes the heap may hold, `None` for no limit. Beyond it allocations throw an `InternalError`,
    /// "out of memory", or `null` when there is no room even for that.
    pub fn set_memory_limit(self, limit_bytes: Option<usize>) {
        let limit = limit_bytes.unwrap_or(0) as raw::size_t;
        // SAFETY: the crate's invariant.
        unsafe { raw::JS_SetMemoryLimit(self.runtime_ptr(), limit) };
    }

    /// Sets how many bytes must be allocated before cycles are looked for.
    pub fn set_gc_threshold(self, threshold_bytes: usize) {
        // SAFETY: the crate's invariant.
        unsafe { raw::JS_SetGCThreshold(self.runtime_ptr(), threshold_bytes as raw::size_t) };
    }

    /// Collects cycles now.
    pub fn run_gc(self) {
        // SAFETY: the crate's invariant.
        unsafe { raw::JS_RunGC(self.runtime_ptr()) };
    }

    /// Counts what the heap holds. Walks all of it, so it takes its time.
    pub fn memory_usage(self) -> MemoryUsage {
        let mut usage = MaybeUninit::uninit();
        // SAFETY: the crate's invariant; the call fills the structure.
        let usage: raw::JSMemoryUsage = unsafe {
            raw::JS_ComputeMemoryUsage(self.runtime_ptr(), usage.as_mut_ptr());
            usage.assume_init()
        };
        MemoryUsage {
            allocated_bytes: usage.malloc_size as u64,
            allocations: usage.malloc_count as u64,
            objects: usage.obj_count as u64,
            strings: usage.str_count as u64,
            atoms: usage.atom_count as u64,
        }
    }

    /// Lets JavaScript use the stack from this call's frame down to `lowest_address`; deeper calls throw a
    /// `RangeError`. To be called whenever the thread goes on on another stack.
    ///
    /// # Safety
    ///
    /// The addresses from the caller's frame down to `lowest_address` must be stack the thread may use, with enough
    /// room below for the functions QuickJS calls without looking (64 KiB do).
    pub unsafe fn set_stack(self, lowest_address: usize) {
        let here = ptr::from_ref(&lowest_address).addr();
        // Zero would mean "no limit": a stack that is used up has one byte.
        let room = here.saturating_sub(lowest_address).max(1);
        // SAFETY: the crate's invariant, and the caller's promise about the addresses.
        unsafe {
            raw::JS_SetMaxStackSize(self.runtime_ptr(), room as raw::size_t);
            raw::JS_UpdateStackTop(self.runtime_ptr());
        }
    }

    /// A `RangeError` if the stack JavaScript may use is used up here. QuickJS looks before it runs bytecode, but not
    /// before it calls native classes: their code has to, or it could recurse until the process dies.
    pub fn check_stack(self) -> Result<()> {
        // SAFETY: the crate's invariant; the function expects a context.
        if unsafe { lre_check_stack_overflow(self.as_ptr().cast(), 0) } {
            return Err(Thrown::range_error(self, "Maximum call stack size exceeded"));
        }
        Ok(())
    }

    /// Asks the closure every 10,000 steps or so whether to stop. Once it says yes, the running code ends with an
    /// error it cannot catch. A panic in it counts as yes. Code inside of one native call is not interrupted.
    pub fn set_interrupt_handler(self, handler: impl Fn() -> bool + 'static) {
        self.state().interrupt_handler.replace(Some(Rc::new(handler)));
        // SAFETY: the crate's invariant; the callback finds the closure through the runtime's state.
        unsafe { raw::JS_SetInterruptHandler(self.runtime_ptr(), Some(interrupt), ptr::null_mut()) };
    }
}

unsafe extern "C" {
    /// The question that QuickJS's regular expressions ask about the stack. It is no part of `quickjs.h`, but of the
    /// interface between its two halves, so it is there to be linked.
    fn lre_check_stack_overflow(context: *mut c_void, wanted_bytes: usize) -> bool;
}

unsafe extern "C" fn interrupt(runtime: *mut raw::JSRuntime, _: *mut c_void) -> c_int {
    // SAFETY: QuickJS passes the runtime that this function was set on.
    let state = unsafe { State::of(runtime) };
    let handler = state.interrupt_handler.borrow().clone();
    let stop = handler.is_some_and(|handler| catch_unwind(AssertUnwindSafe(|| handler())).unwrap_or(true));
    c_int::from(stop)
}

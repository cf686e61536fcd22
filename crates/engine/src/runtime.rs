//! Starting JavaScript on a thread, and what the layer remembers for as long as it runs.
//!
//! The runtime is leaked on purpose. Values may sit in Python objects, in suspended coroutines, in statics of other
//! crates; an orderly end would have to find them all, and a cell that is done simply exits.

use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ptr::{self, NonNull};
use std::rc::Rc;

use crate::collector::Collector;
use crate::module::Imports;
use crate::promise::{PromiseHook, RejectionTracker};
use crate::{Context, ModuleLoader, raw};

/// What a runtime may use. See [`RuntimeOptions::default`].
#[derive(Clone, Copy, Debug)]
pub struct RuntimeOptions {
    /// Bytes JavaScript's heap may hold before allocations throw; `None` for no limit. Buffers handed over from Rust
    /// are not counted.
    pub memory_limit_bytes: Option<usize>,
    /// Bytes of stack JavaScript may use below the frame that starts the runtime, before calls throw a `RangeError`.
    pub stack_limit_bytes: usize,
    /// Bytes allocated between two runs of the cycle collector.
    pub gc_threshold_bytes: usize,
}

impl Default for RuntimeOptions {
    /// No memory limit, 1 MiB of stack, a first collection after 256 KiB: QuickJS's own defaults.
    fn default() -> Self {
        Self { memory_limit_bytes: None, stack_limit_bytes: 1 << 20, gc_threshold_bytes: 256 << 10 }
    }
}

/// Why a runtime did not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// This thread runs JavaScript already; a second heap would let values stray from one into the other.
    #[error("this thread already has a JavaScript runtime")]
    AlreadyStarted,
    /// The allocator gave nothing, or the memory limit does not even hold the built-in objects.
    #[error("not enough memory to start a JavaScript runtime")]
    OutOfMemory,
}

/// A started JavaScript runtime. It lives until its thread's process ends; dropping this handle frees nothing.
#[derive(Debug)]
pub struct Runtime {
    context: Context,
}

impl Runtime {
    /// Starts JavaScript on this thread.
    pub fn new(options: RuntimeOptions) -> Result<Self, StartError> {
        if CURRENT.get().is_some() {
            return Err(StartError::AlreadyStarted);
        }
        // SAFETY: no preconditions.
        let runtime = NonNull::new(unsafe { raw::JS_NewRuntime() }).ok_or(StartError::OutOfMemory)?;
        let Some(context) = start(runtime, options) else {
            // SAFETY: the runtime was made above and holds nothing yet.
            unsafe { raw::JS_FreeRuntime(runtime.as_ptr()) };
            return Err(StartError::OutOfMemory);
        };
        Collector::prepare(context).ok_or(StartError::OutOfMemory)?;
        let prepared = crate::layout::check(context).and_then(|()| crate::json::install(context));
        prepared.map_err(|_| StartError::OutOfMemory)?;
        CURRENT.set(Some(context));
        Ok(Self { context })
    }

    /// The handle on which everything else is done.
    pub fn context(&self) -> Context {
        self.context
    }
}

/// Applies the limits and makes the one context; `None` when memory does not suffice.
fn start(runtime: NonNull<raw::JSRuntime>, options: RuntimeOptions) -> Option<Context> {
    let pointer = runtime.as_ptr();
    // SAFETY: the caller made this runtime a moment ago; the state is leaked, so it outlives the runtime.
    unsafe {
        raw::JS_SetMemoryLimit(pointer, options.memory_limit_bytes.unwrap_or(0) as raw::size_t);
        raw::JS_SetMaxStackSize(pointer, options.stack_limit_bytes as raw::size_t);
        raw::JS_SetGCThreshold(pointer, options.gc_threshold_bytes as raw::size_t);
        let context = NonNull::new(raw::JS_NewContext(pointer))?;
        raw::JS_SetRuntimeOpaque(pointer, ptr::from_mut(Box::leak(Box::<State>::default())).cast());
        Some(Context::from_ptr(context))
    }
}

thread_local! {
    /// The context of this thread's runtime, once it has started.
    static CURRENT: Cell<Option<Context>> = const { Cell::new(None) };
}

impl Context {
    /// The context of this thread, once a [`Runtime`] has started on it.
    ///
    /// # Panics
    ///
    /// Inside [`Value::with_bytes`](crate::Value::with_bytes): running JavaScript there could free the bytes.
    pub fn current() -> Option<Self> {
        let context = CURRENT.get()?;
        assert!(!context.state().bytes_lent.get(), "JavaScript is out of reach while its bytes are lent");
        Some(context)
    }

    /// Keeps one value of the embedder's per type, for example its caches. Replaces the former one of that type.
    pub fn set_extension<T: 'static>(self, extension: T) {
        let former = self.state().extensions.borrow_mut().insert(TypeId::of::<T>(), Rc::new(extension));
        // Dropped only now that the table may be used again: its destructor may want to.
        drop(former);
    }

    /// What [`set_extension`](Self::set_extension) kept for this type.
    pub fn extension<T: 'static>(self) -> Option<Rc<T>> {
        let extension = self.state().extensions.borrow().get(&TypeId::of::<T>()).cloned()?;
        extension.downcast().ok()
    }

    pub(crate) fn state(self) -> &'static State {
        // SAFETY: the crate's invariant; `start` set the opaque pointer to a leaked `State` before any other use.
        unsafe { State::of(self.runtime_ptr()) }
    }
}

/// What the layer keeps per runtime, reached through the runtime's opaque pointer.
#[derive(Default)]
pub(crate) struct State {
    /// The class id of each [`NativeClass`](crate::NativeClass) seen so far. Few, so a scan beats hashing.
    pub(crate) classes: RefCell<Vec<(TypeId, raw::JSClassID)>>,
    pub(crate) interrupt_handler: RefCell<Option<Rc<dyn Fn() -> bool>>>,
    pub(crate) rejection_tracker: RefCell<Option<Rc<RejectionTracker>>>,
    pub(crate) promise_hook: RefCell<Option<Rc<PromiseHook>>>,
    pub(crate) module_loader: RefCell<Option<Rc<dyn ModuleLoader>>>,
    pub(crate) imports: Imports,
    pub(crate) collector: Collector,
    /// Whether a [`with_bytes`](crate::Value::with_bytes) closure runs.
    pub(crate) bytes_lent: Cell<bool>,
    extensions: RefCell<HashMap<TypeId, Rc<dyn Any>>>,
}

impl State {
    /// # Safety
    ///
    /// The runtime must be one that [`Runtime::new`] started.
    pub(crate) unsafe fn of(runtime: *mut raw::JSRuntime) -> &'static Self {
        // SAFETY: `start` stored a leaked `State` there.
        unsafe { &*raw::JS_GetRuntimeOpaque(runtime).cast::<Self>() }
    }
}

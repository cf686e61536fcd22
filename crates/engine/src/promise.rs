//! Promises, the jobs that settle them, and the hooks through which a host watches both.

use std::cell::Cell;
use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::slice;

use crate::{Context, Result, Value, raw};

/// Where a promise stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the state of that name")]
pub enum PromiseState {
    Pending,
    Fulfilled,
    Rejected,
}

/// A promise together with the two functions that settle it.
#[derive(Clone, Debug)]
pub struct Deferred {
    /// The promise to hand out.
    pub promise: Value,
    resolve: Value,
    reject: Value,
}

impl Deferred {
    /// Resolves the promise: with a promise or thenable it follows that, with anything else it is fulfilled.
    pub fn resolve(&self, value: &Value) -> Result<()> {
        self.resolve.call_function(slice::from_ref(value)).map(|_| ())
    }

    /// Rejects the promise.
    pub fn reject(&self, reason: &Value) -> Result<()> {
        self.reject.call_function(slice::from_ref(reason)).map(|_| ())
    }
}

/// What happened to a promise, as told to the hook of [`Context::set_promise_hook`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromiseEvent {
    /// It was made; the hook's last argument is the promise it derives from, or `undefined`.
    Created,
    /// It follows a thenable, whose `then` is about to be called.
    BeforeThenable,
    /// That `then` has returned.
    AfterThenable,
    /// It was resolved.
    Resolved,
}

pub(crate) type PromiseHook = dyn Fn(Context, PromiseEvent, &Value, &Value);
pub(crate) type RejectionTracker = dyn Fn(Context, &Value, &Value, bool);

impl Context {
    /// A pending promise and the means to settle it.
    pub fn deferred(self) -> Result<Deferred> {
        let mut functions = [raw::JS_UNDEFINED; 2];
        // SAFETY: the crate's invariant; on success both functions are written and ours.
        unsafe {
            let promise = self.own(raw::JS_NewPromiseCapability(self.as_ptr(), functions.as_mut_ptr()))?;
            let [resolve, reject] = functions.map(|function| Value::from_raw(self, function));
            Ok(Deferred { promise, resolve, reject })
        }
    }

    /// A promise resolved with the value, as `Promise.resolve` makes it: promises are passed through.
    pub fn resolved_promise(self, value: &Value) -> Result<Value> {
        if value.is_promise() {
            return Ok(value.clone());
        }
        let deferred = self.deferred()?;
        deferred.resolve(value)?;
        Ok(deferred.promise)
    }

    /// A promise rejected with the reason.
    pub fn rejected_promise(self, reason: &Value) -> Result<Value> {
        let deferred = self.deferred()?;
        deferred.reject(reason)?;
        Ok(deferred.promise)
    }

    /// Whether promise jobs wait to be run.
    pub fn has_jobs(self) -> bool {
        // SAFETY: the crate's invariant.
        unsafe { raw::JS_IsJobPending(self.runtime_ptr()) }
    }

    /// Runs at most `limit` promise jobs, those they add included, and returns how many ran. A job that throws (only
    /// `queueMicrotask` and interrupts make one) ends this early; the other jobs stay.
    pub fn execute_jobs(self, limit: usize) -> Result<usize> {
        let mut context = ptr::null_mut();
        for executed in 0..limit {
            // SAFETY: the crate's invariant.
            let code = unsafe { raw::JS_ExecutePendingJob(self.runtime_ptr(), &raw mut context) };
            if !self.answer(code)? {
                return Ok(executed);
            }
        }
        Ok(limit)
    }

    /// Tells the closure of each promise that is rejected with nobody to handle it (`handled` is false), and of each
    /// such promise that gets a handler later (true): promise, reason, handled. A panic in it is swallowed.
    pub fn set_promise_rejection_tracker(self, tracker: impl Fn(Self, &Value, &Value, bool) + 'static) {
        self.state().rejection_tracker.replace(Some(Rc::new(tracker)));
        // SAFETY: the crate's invariant; the callback finds the closure through the runtime's state.
        unsafe {
            raw::JS_SetHostPromiseRejectionTracker(
                self.runtime_ptr(),
                Some(track_rejection),
                ptr::null_mut(),
            );
        }
    }

    /// Tells the closure of the steps in a promise's life: event, promise, parent. A panic in it is swallowed. Runs on
    /// every promise, so it should be quick. QuickJS tells nothing when reactions run, and `await` makes no promise.
    pub fn set_promise_hook(self, hook: impl Fn(Self, PromiseEvent, &Value, &Value) + 'static) {
        self.state().promise_hook.replace(Some(Rc::new(hook)));
        // SAFETY: the crate's invariant; the callback finds the closure through the runtime's state.
        unsafe { raw::JS_SetPromiseHook(self.runtime_ptr(), Some(observe_promise), ptr::null_mut()) };
    }
}

impl Value {
    /// Where the promise stands; `None` if this is none.
    pub fn promise_state(&self) -> Option<PromiseState> {
        // SAFETY: the crate's invariant.
        match unsafe { raw::JS_PromiseState(self.context().as_ptr(), self.as_raw()) } {
            raw::JSPromiseStateEnum_JS_PROMISE_PENDING => Some(PromiseState::Pending),
            raw::JSPromiseStateEnum_JS_PROMISE_FULFILLED => Some(PromiseState::Fulfilled),
            raw::JSPromiseStateEnum_JS_PROMISE_REJECTED => Some(PromiseState::Rejected),
            _ => None,
        }
    }

    /// The value a promise was fulfilled with, or the reason it was rejected with; `None` while it is pending.
    pub fn promise_result(&self) -> Option<Self> {
        if matches!(self.promise_state()?, PromiseState::Pending) {
            return None;
        }
        let context = self.context();
        // SAFETY: the crate's invariant; this is a settled promise, whose result is returned as a reference of ours.
        Some(unsafe { Self::from_raw(context, raw::JS_PromiseResult(context.as_ptr(), self.as_raw())) })
    }

    /// Marks a promise as handled, so that its rejection is nobody's business.
    pub fn mark_handled(&self) {
        if self.is_promise() {
            // SAFETY: the crate's invariant.
            unsafe { raw::JS_PromiseMarkAsHandled(self.context().as_ptr(), self.as_raw()) };
        }
    }

    /// Runs one of the closures once the promise has settled, past any `then` of the script's. Returns the promise of
    /// what that closure returns or throws. A `TypeError` if this is no promise.
    pub fn then(
        &self,
        fulfilled: impl FnOnce(Context, &Self) -> Result<Self> + 'static,
        rejected: impl FnOnce(Context, &Self) -> Result<Self> + 'static,
    ) -> Result<Self> {
        let context = self.context();
        let (fulfilled, rejected) = (reaction(context, fulfilled)?, reaction(context, rejected)?);
        let (fulfilled, rejected) = (fulfilled.as_raw(), rejected.as_raw());
        // SAFETY: the crate's invariant; the reactions are borrowed.
        unsafe { context.own(raw::JS_PromiseThen(context.as_ptr(), self.as_raw(), fulfilled, rejected)) }
    }
}

/// A function that runs the closure on its first call, which for a promise's reaction is its only one.
fn reaction(
    context: Context,
    closure: impl FnOnce(Context, &Value) -> Result<Value> + 'static,
) -> Result<Value> {
    let closure = Cell::new(Some(closure));
    context.function("", 1, move |context, _, arguments| match (closure.take(), arguments) {
        (Some(closure), [settled, ..]) => closure(context, settled),
        _ => Ok(context.undefined()),
    })
}

unsafe extern "C" fn track_rejection(
    context: *mut raw::JSContext,
    promise: raw::JSValue,
    reason: raw::JSValue,
    handled: bool,
    _: *mut c_void,
) {
    // SAFETY: QuickJS passes its own context, and lends both values for the call.
    let (context, promise, reason) = unsafe { lent(context, promise, reason) };
    let tracker = context.state().rejection_tracker.borrow().clone();
    if let Some(tracker) = tracker {
        let _ = catch_unwind(AssertUnwindSafe(|| tracker(context, &promise, &reason, handled)));
    }
}

unsafe extern "C" fn observe_promise(
    context: *mut raw::JSContext,
    event: raw::JSPromiseHookType,
    promise: raw::JSValue,
    parent: raw::JSValue,
    _: *mut c_void,
) {
    // SAFETY: QuickJS passes its own context, and lends both values for the call.
    let (context, promise, parent) = unsafe { lent(context, promise, parent) };
    let event = match event {
        raw::JSPromiseHookType_JS_PROMISE_HOOK_INIT => PromiseEvent::Created,
        raw::JSPromiseHookType_JS_PROMISE_HOOK_BEFORE => PromiseEvent::BeforeThenable,
        raw::JSPromiseHookType_JS_PROMISE_HOOK_AFTER => PromiseEvent::AfterThenable,
        _ => PromiseEvent::Resolved,
    };
    let hook = context.state().promise_hook.borrow().clone();
    if let Some(hook) = hook {
        let _ = catch_unwind(AssertUnwindSafe(|| hook(context, event, &promise, &parent)));
    }
}

/// Shows a hook's arguments as handles without counting references.
///
/// # Safety
///
/// The context is this thread's, and both values live in it for as long as the result is used.
unsafe fn lent(
    context: *mut raw::JSContext,
    first: raw::JSValue,
    second: raw::JSValue,
) -> (Context, ManuallyDrop<Value>, ManuallyDrop<Value>) {
    // SAFETY: the caller's promise; QuickJS never passes a null context.
    unsafe {
        let context = Context::from_ptr(NonNull::new_unchecked(context));
        let lend = |value| ManuallyDrop::new(Value::from_raw(context, value));
        (context, lend(first), lend(second))
    }
}

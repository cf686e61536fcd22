//! QuickJS-ng under a safe layer: the JavaScript half of a cell.
//!
//! A thread starts one [`Runtime`] and gets a [`Context`], a handle that is copied freely and on which everything
//! else is a method: evaluating code, making values, running promise jobs, setting limits. A [`Value`] owns one
//! reference to something in JavaScript's heap. What JavaScript throws comes back as [`Thrown`].
//!
//! ```
//! use hognose_engine::{Runtime, RuntimeOptions};
//!
//! let context = Runtime::new(RuntimeOptions::default())?.context();
//! let greet = context.function("greet", 1, |context, _this, arguments| {
//!     context.string(&format!("hello, {}", arguments[0].to_js_string()?))
//! })?;
//! context.global().set("greet", &greet)?;
//! assert_eq!(context.eval("greet('snake')", "example.js")?.to_js_string()?, "hello, snake");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The invariant
//!
//! Every `SAFETY` comment of this crate that says *the crate's invariant* means these four sentences:
//!
//! 1. A thread starts at most one runtime, which is never freed: a process that is done with JavaScript exits.
//! 2. So each [`Context`] points to a live `JSContext`, and all values a thread can reach belong to it.
//! 3. No handle is `Send` or `Sync`: only the thread of the runtime touches it.
//! 4. A [`Value`] or [`Atom`] owns exactly one reference, given back when it is dropped.
//!
//! Reference counts reach across the border, cycles do not: a Rust closure that owns a [`Value`] keeps it alive for as
//! long as the closure lives, and if that value leads back to the closure, for ever. Data that points back into
//! JavaScript belongs into a [`NativeClass`], whose `trace` lets the garbage collector look inside; a whole heap of other
//! objects takes part in collections as a [`Partner`].
#![allow(unsafe_code)]

mod atom;
mod buffer;
mod call;
mod class;
mod collector;
mod context;
mod convert;
mod error;
mod evaluate;
mod fiber;
mod function;
mod json;
pub mod layout;
mod limits;
mod module;
mod promise;
mod property;
mod runtime;
mod value;

pub use atom::{Atom, Key};
pub use class::{NativeClass, Tracer};
pub use collector::{Partner, Phase};
pub use context::{Context, WellKnownSymbol};
pub use error::{ErrorKind, Result, Thrown};
pub use evaluate::Bytecode;
pub use fiber::{Fiber, Pause, Step};
pub use limits::MemoryUsage;
pub use module::{ModuleLoader, ModuleSource};
pub use promise::{Deferred, PromiseEvent, PromiseState};
pub use property::{Attributes, KeyFilter};
pub use runtime::{Runtime, RuntimeOptions, StartError};
pub use value::{TypeOf, Value};

/// The bindings underneath, for the one other crate that has reason to use them: `ffi`, whose hot paths talk to
/// QuickJS directly.
pub mod raw {
    pub use rquickjs_sys::*;
}

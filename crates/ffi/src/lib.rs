//! CPython and QuickJS in one thread, each seeing the other's objects as its own.
//!
//! This crate is what Pyodide's `_pyodide_core` is on WebAssembly: on top of it, the unmodified `pyodide-py` gives Python
//! code `import js`, `from pyodide.ffi import to_js` and all the rest, with the same meaning. It knows nothing of Workers.
//!
//! A value crosses the border by *translation* ([`to_js`], [`to_python`]): immutable values are copied, everything else is
//! wrapped. `jsproxy` holds the Python types that wrap JavaScript objects, `pyproxy` the JavaScript classes that wrap Python
//! objects, `convert` what is copied, `errors` how exceptions cross, `cycles` how garbage is found that lies in both. [`Bridge::install`] puts it all up. Which stack Python
//! runs on, and how it may wait there, is `stack`; [`event_loop`] drives both languages.
//!
//! Two rules hold everywhere. One thread touches JavaScript, with the GIL held; what others do to a proxy is done for them
//! there (`threads`). And the hot paths (attribute, call, item) are hand-written slots on raw calls, since the crossing is what
//! a Worker does most; the rest is written in whichever of the three languages says it best (`mixins.py`, `prelude.js`).
#![allow(unsafe_code)]

mod api;
mod atoms;
mod bridge;
mod convert;
mod core_module;
mod cycles;
mod dialect;
mod errors;
pub mod event_loop;
mod facade;
mod frames;
mod interrupts;
mod js;
mod jsproxy;
mod pyproxy;
mod release;
pub mod stack;
mod threads;

pub use bridge::Bridge;
pub use cycles::{freeze, live_proxies};
pub use facade::{
    convert_to_js, convert_to_python, is_js_proxy, raise, read_null_as_none, release_dropped, throw, to_js,
    to_python,
};
pub use interrupts::obey_signals;

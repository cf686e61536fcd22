//! The vocabulary of Worker Loader: code given at run time becomes a Worker of its own. What each part means is in
//! Cloudflare's documentation of Dynamic Workers.
//!
//! A loader's capability is asked to find a Worker that it has loaded or to load one, and answers with that Worker's
//! capability, alone among [`crate::Payload::caps`]; this is asked for an entrypoint, and answers likewise.

use serde::{Deserialize, Serialize};

use crate::form;

/// The call on a loader that finds what is loaded; its params are the id. Answer: the Worker's capability, or none.
pub const FIND: &str = "find";

/// The call on a loader that loads; its params are [`Load`], body 0 is the postcard of a `Vec<Module>`, body 1 a
/// structured clone of an array of `env`, the way out and the tails, whose capabilities are those of the call.
pub const LOAD: &str = "load";

/// The call on a loaded Worker that gives an entrypoint; its params are [`Enter`].
pub const ENTER: &str = "enter";

/// The most bytes that the modules of one Worker may have together (Cloudflare's).
pub const CODE_MAX: usize = 64 << 20;

/// The most bytes of an `env` (Cloudflare's).
pub const ENV_MAX: usize = 1 << 20;

/// A Worker that is to be loaded, apart from its modules and its `env`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// What it is to be found by; `None`: it cannot be found.
    pub id: Option<String>,
    /// `YYYY-MM-DD`.
    pub compatibility_date: String,
    /// As in a configuration.
    pub compatibility_flags: Vec<String>,
    /// The name of the main module.
    pub main: String,
    /// Where its `fetch()` leads.
    pub outbound: Outbound,
    /// How many of the last of the call's capabilities are the Workers that are told of its invocations.
    pub tails: usize,
}

/// Where the `fetch()` of a loaded Worker leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outbound {
    /// Where that of the Worker leads which loads it.
    Inherited,
    /// Nowhere.
    Nothing,
    /// To the Worker behind the last of the call's capabilities that is no tail.
    Worker,
}

/// A module of a Worker that is to be loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Module {
    /// A path relative to the Worker's root.
    pub name: String,
    /// What it is.
    pub kind: ModuleKind,
    /// Its content.
    #[serde(serialize_with = "form::bytes")]
    pub bytes: Vec<u8>,
}

/// What a module is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ModuleKind {
    /// JavaScript.
    Js,
    /// JavaScript that exports through `module.exports`.
    Cjs,
    /// Python.
    Py,
    /// A string.
    Text,
    /// An `ArrayBuffer`.
    Data,
    /// What a JSON text stands for.
    Json,
}

/// Which entrypoint of a loaded Worker is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enter {
    /// The class; `None`: the default export.
    pub name: Option<String>,
    /// `ctx.props`, as JSON of an object.
    pub props: String,
}

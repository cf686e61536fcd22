//! What the supervisor and a template say to each other. A template is a cell that others are forked from: the *base*
//! (engines, SDK, installed packages) forks a Worker's *zygote*, and that forks *isolates*. Descriptors travel beside
//! [`Order::Fork`], from the supervisor to the template only; a descriptor that comes from a cell is ignored.
//!
//! These messages use the same framing as [`crate::Frame`]s, without an envelope.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::check::{Checked, at_most, no_more};
use crate::confinement::Confinement;
use crate::limits::{ERROR_TEXT_MAX, EXPORTS_MAX, LOG_LINE_MAX, NAME_MAX, REMARKS_MAX};
use crate::value::CapId;

/// Supervisor to template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Order {
    /// The first message to a base: what to become.
    Boot(Box<Base>),
    /// Fork. One descriptor (a zygote's control socket) or two (an isolate's asynchronous and synchronous sockets)
    /// travel beside it.
    Fork(Role),
    /// Run one script in this very process and end with its exit status (`hognose run`). Two descriptors travel beside
    /// it, as beside an isolate's.
    Run(Script),
}

/// Template to supervisor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Report {
    /// The template (or, on its own control socket, the new zygote) has loaded and waits for orders.
    Ready(Loaded),
    /// Loading failed; the template ends after this.
    Failed(LoadFailure),
    /// The fork was made; `pid` is the child's number as this process sees it.
    Forked {
        /// Process id.
        pid: u32,
    },
    /// The kernel refused the fork.
    ForkFailed {
        /// What it said.
        message: String,
    },
    /// Something was printed while loading.
    Log {
        /// How loud.
        level: crate::LogLevel,
        /// The text.
        text: String,
    },
    /// Instead of forking an isolate this process, which cannot be forked, has become one. It takes no more orders.
    Became,
}

impl Report {
    /// Whether its texts and lists are within their limits: a template has run a Worker's top-level code.
    pub fn check(&self) -> Checked {
        match self {
            Self::Ready(loaded) => loaded.check(),
            Self::Failed(failure) => {
                at_most("message", failure.message.len(), ERROR_TEXT_MAX)?;
                at_most("traceback", failure.traceback.len(), ERROR_TEXT_MAX)
            }
            Self::Forked { .. } | Self::Became => Ok(()),
            Self::ForkFailed { message } => at_most("message", message.len(), ERROR_TEXT_MAX),
            Self::Log { text, .. } => at_most("log line", text.len(), LOG_LINE_MAX),
        }
    }
}

/// What a base needs to know: everything that is the same for all Workers of a project.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Base {
    /// Folders that hold hognose's own Python packages (`hognose`, `pyodide`, `workers`); nothing else in them is
    /// importable.
    pub runtime_dirs: Vec<String>,
    /// Folders with installed packages, in the order of `sys.path`; their `.pth` files are processed after the lock.
    pub site_dirs: Vec<String>,
    /// Folders that the lock leaves readable beside the interpreter, `site_dirs` and the Worker's own (of all Workers
    /// that may be forked from here).
    pub code_dirs: Vec<String>,
    /// The inodes of these. The lock is around what they were when it was taken, and not around what takes the place of
    /// one: with other inodes it is another base.
    pub code_inodes: Vec<u64>,
    /// The private, writable scratch folder; it becomes `HOME` and the temporary folder. Of an open process: the only
    /// folder in which it may write, or empty, and it may write what the caller can.
    pub scratch_dir: String,
    /// Those of the Workers that may be forked from here.
    pub worker_scratch_dirs: Vec<String>,
    /// The module folder of the one Worker that may be forked from here, where there is one only. A root of its own then
    /// has its code and its scratch folder where the platform has them, too.
    pub sole_root: Option<String>,
    /// How it is locked.
    pub confinement: Confinement,
    /// Whether the process is the caller's own script: it may read what the caller can, reach the network, and writes
    /// to the caller's own standard streams.
    pub open: bool,
    /// Whether JavaScript has the function `gc`, as tests do; that of an open process always has.
    pub exposes_gc: bool,
    /// Modules to import ahead, so that the zygotes need not.
    pub preload: Vec<String>,
}

/// What `hognose run` runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// The file; `.py`, or `.js` and `.mjs`.
    pub file: String,
    /// `sys.argv[1:]`.
    pub args: Vec<String>,
    /// Whether it may write wherever the caller can, and not only in the scratch folder.
    pub writes_anywhere: bool,
    /// The capability through which `fetch()` leaves.
    pub outbound: CapId,
}

/// What a fork becomes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Role {
    /// A template that has imported the installed packages which the Worker's code imports before it does anything else.
    /// The zygotes of the Worker's versions are forked from it, as long as their code begins so. It needs no `env`.
    Packages(Box<Worker>),
    /// A Worker version's zygote.
    Zygote(Box<Worker>),
    /// An isolate of the zygote's Worker.
    Isolate,
}

/// One version of a Worker, as its cells know it: code, flags and the client half of `env`. No secret that is not the
/// Worker's own, no path but its code's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Worker {
    /// Its name.
    pub name: String,
    /// The folder that module names are relative to.
    pub module_root: String,
    /// The main module's file, relative to `module_root`; empty for a Worker that only has static files.
    pub main: String,
    /// The private, writable folder that is its own: one of [`Base::worker_scratch_dirs`].
    pub scratch_dir: String,
    /// The folder with `pywrangler`'s vendored packages, where there is one.
    pub python_modules: Option<String>,
    /// `YYYY-MM-DD`; empty where the configuration gives none.
    pub compatibility_date: String,
    /// Every flag known to hognose and whether it is on.
    pub flags: BTreeMap<String, bool>,
    /// What files become when JavaScript imports them; the first match wins.
    pub module_rules: Vec<ModuleRule>,
    /// Whether module-level `on_*` handlers are looked for.
    pub global_handlers: bool,
    /// Whether class entrypoints are looked for.
    pub class_handlers: bool,
    /// `env`, in the order of the configuration.
    pub env: Vec<(String, EnvEntry)>,
    /// The capability through which `fetch()` leaves.
    pub outbound: CapId,
    /// The capability behind `caches`; `None`: there are none.
    pub cache: Option<CapId>,
    /// The capability that takes what an `email` handler forwards and replies.
    pub email: Option<CapId>,
    /// The first of the capabilities behind `ctx.exports`: one for each of [`Loaded::exports`], in that order. `None`:
    /// there is no `ctx.exports`.
    pub loopback: Option<CapId>,
    /// Its classes of Durable Objects whose objects are kept somewhere, and what the ids of each are made with.
    pub classes: Vec<(String, String)>,
    /// Whether other Workers are told of its invocations.
    pub tailed: bool,
    /// What else is in `env`, where another Worker has loaded this one.
    pub given: Option<Given>,
}

/// What a Worker that another one loads finds in its `env`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// A file in [`Worker::module_root`]: a structured clone of an array whose first element it is. It may be larger than
    /// a message.
    pub file: String,
    /// The capabilities that the clone refers to, in the supervisor's table; the same in every isolate of the Worker.
    pub caps: Vec<CapId>,
}

/// Which files of a Worker are JavaScript's modules of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleRule {
    /// What the files become.
    pub kind: ModuleKind,
    /// Globs, relative to [`Worker::module_root`].
    pub globs: Vec<String>,
}

/// What a file becomes when JavaScript imports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModuleKind {
    /// A JavaScript module.
    EsModule,
    /// A string.
    Text,
    /// An `ArrayBuffer`.
    Data,
    /// The value that a JSON text stands for.
    Json,
    /// A CommonJS module, whose default export is its `module.exports`.
    CommonJs,
}

/// One property of `env`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum EnvEntry {
    /// A `vars` string or a secret.
    Text(String),
    /// A `vars` entry of another type, as JSON text.
    Json(String),
    /// A database that a client of the Worker's own connects to, as a connection string.
    Hyperdrive(String),
    /// A binding that hognose lacks, by the configuration's key of its kind: each use is an error.
    StandIn(String),
    /// A namespace of Durable Objects.
    Objects {
        /// In the supervisor's table; the same number in every isolate of the Worker.
        cap: CapId,
        /// What the namespace's ids are derived from, the same for all bindings that lead to it.
        key: String,
    },
    /// A binding: the kind of client object and the capability it calls.
    Binding {
        /// `kv`, later `r2` ...
        kind: String,
        /// In the supervisor's table; the same number in every isolate of the Worker.
        cap: CapId,
    },
}

/// What loading a Worker showed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Loaded {
    /// What the Worker exports: `default` and named classes with their kinds.
    pub exports: Vec<Export>,
    /// Names of threads that top-level code left running, and descriptors it left open: such a zygote is not forked
    /// for isolates; it becomes one itself ([`Report::Became`]), and each further one starts afresh.
    pub unforkable: Vec<String>,
    /// Things to tell the user once.
    pub warnings: Vec<String>,
}

impl Loaded {
    fn check(&self) -> Checked {
        no_more("exports", self.exports.len(), EXPORTS_MAX)?;
        for export in &self.exports {
            at_most("name of an export", export.name.len(), NAME_MAX)?;
            no_more("methods of an export", export.methods.len(), EXPORTS_MAX)?;
            export.methods.iter().try_for_each(|method| at_most("method", method.len(), NAME_MAX))?;
        }
        for remarks in [&self.unforkable, &self.warnings] {
            no_more("remarks", remarks.len(), REMARKS_MAX)?;
            remarks.iter().try_for_each(|remark| at_most("remark", remark.len(), LOG_LINE_MAX))?;
        }
        Ok(())
    }
}

/// One exported entrypoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Export {
    /// `default`, or the class's `__name__`.
    pub name: String,
    /// What it is.
    pub kind: ExportKind,
    /// The handlers or methods it advertises.
    pub methods: Vec<String>,
}

/// The kinds of entrypoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExportKind {
    /// Module-level `on_*` functions.
    Handlers,
    /// A `WorkerEntrypoint`.
    Entrypoint,
    /// A `DurableObject`.
    DurableObject,
    /// A `WorkflowEntrypoint`.
    Workflow,
}

/// Why loading failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadFailure {
    /// One line: the exception's type and text, or what is missing.
    pub message: String,
    /// The Python traceback, the user's own frames only; empty where there is none.
    pub traceback: String,
    /// The code was not loaded, for it does not begin with the imports any more that the process it was forked from has
    /// done ([`Role::Packages`]).
    pub is_outdated: bool,
}

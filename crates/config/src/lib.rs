//! Configuration: from the texts a project is described by to typed, checked values.
//!
//! A Worker comes with a wrangler configuration (TOML or JSON), perhaps variables in `.dev.vars` or `.env`, a
//! `pyproject.toml` and hognose's own `hognose.toml`. [`parse`] reads the first into a [`Plan`] for one
//! environment; the other formats have a reader each. Whatever is wrong is reported as [`Diagnostic`]s that
//! point into the text, and [`render`] shows them.
//!
//! This crate does no I/O: callers read files and say which exist. Its keys, defaults and messages are
//! wrangler's wherever wrangler has them.

mod ai;
mod assets;
mod bindings;
mod certificates;
mod compatibility;
mod cron;
mod date;
mod diagnostic;
mod discover;
mod dotenv;
mod flags;
mod hyperdrive;
mod layers;
mod metering;
mod modules;
mod network;
mod objects;
mod observability;
mod plan;
mod python_project;
mod render;
mod section;
mod services;
mod settings;
mod storage;
mod suggest;
mod tree;
mod triggers;
mod variables;
mod worker;

pub use ai::{AiSettings, ModelPlace, ModelSettings};
pub use certificates::CertificateFiles;
pub use cron::Schedule;
pub use date::Date;
pub use diagnostic::{Accepted, Code, DIAGNOSTICS_MAX, Diagnostic, Reading, Rejected, Severity};
pub use discover::discover;
pub use flags::CompatibilityFlags;
pub use hyperdrive::is_connection_string;
pub use network::{AddressRange, AddressRangeError};
pub use plan::{
    AnalyticsDataset, Assets, Build, CPU_MS_MAX, CertificateBinding, D1Database, Dev, Handlers, HtmlHandling,
    Hyperdrive, KvNamespace, Limits, Migration, ModuleKind, NotFoundHandling, ObjectBinding, Observability,
    Plan, PythonVersion, QueueConsumer, QueueProducer, QueuePull, R2Bucket, RateLimit, Route, Rule,
    SUBREQUESTS_MAX, SendEmail, ServiceBinding, Signal, StoredSecret, Variable, VectorizeIndex, WorkerFirst,
    Workflow,
};
pub use python_project::{
    PythonProject, PythonRequirement, check_python, parse_python_project, requirements_txt_warning,
};
pub use render::{Position, render};
pub use settings::{
    DURATION_MS_MAX, ISOLATE_REQUESTS_MAX, ISOLATES_MAX, LOG_BYTES_MAX, LockLevel, MEMORY_MB_MAX,
    SCRATCH_BYTES_MAX, SETTINGS_FILE, Settings, THREADS_MAX, parse_settings,
};
pub use tree::{Format, Span, TEXT_MAX_BYTES};
pub use variables::{
    EXPANDED_VALUE_MAX_BYTES, SecretSources, Secrets, VariableError, load_secrets, parse_variable,
};
pub use worker::{Options, parse};

//! The supervisor: it owns every socket and every process, takes in what clients send, has a Worker's isolates answer
//! it, and does for them what their bindings allow.
//!
//! [`Server`] is the whole of it. A request comes in through `ingress`, which asks the Worker's `slot` for the version
//! that serves now, and that version's `pool` for an isolate. What the two sides say is in `isolate` (the state),
//! `connection` (the socket), `streams` (bodies) and `calls` (what a Worker asks of its bindings, and of the network:
//! `egress`; `questions` has those that their sockets ask). Where processes come from is in `nursery` and `template`.
//!
//! Nothing that a cell sends is trusted: every number is looked up, every size bounded, and a cell that breaks the
//! protocol is killed. Storage and secrets are the services' business; this crate does not look into a call.

mod body;
mod calls;
mod cell_socket;
mod connection;
mod connector;
mod deliveries;
mod dns;
mod egress;
mod email;
mod engine_client;
mod events;
mod exchange;
mod handing;
mod identities;
mod ingress;
mod isolate;
pub mod limits;
mod links;
mod loader;
pub mod monitor;
mod nursery;
mod objects;
mod policy;
mod pool;
mod process;
mod questions;
pub mod recorder;
mod routes;
mod scheduled;
mod schedules;
mod script;
mod server;
mod slot;
mod slots;
mod sockets;
mod spawner;
mod static_assets;
mod streams;
pub mod tails;
mod template;
pub mod trace;
mod version;
mod watch;
mod websocket;
mod worker_calls;
mod workflows;

pub use connector::{ConnectTo, ConnectToError};
pub use egress::{EgressError, EgressOptions};
pub use engine_client::EngineClient;
pub use events::ServerEvent;
pub use identities::{CertificateError, ClientCertificate, ClientIdentity};
pub use ingress::{LocalAnswer, LocalService};
pub use links::{GivenLink, GivenObject, ServiceLink};
pub use loader::{CodeLoader, DynamicCode, DynamicVersion, LOADED_MAX, WayOut};
pub use monitor::Monitor;
pub use objects::ObjectLink;
pub use policy::EgressPolicy;
pub use pool::PoolOptions;
pub use routes::Route;
pub use scheduled::{Outcome, ScheduledResult};
pub use schedules::CronTriggers;
pub use script::{SCRIPT_OUTBOUND, ScriptError, ScriptOptions, run_script};
pub use server::{ReplaceError, Server, ServerOptions, StartError};
pub use slot::TestOutcome;
pub use template::CellCommand;
pub use version::WorkerVersion;
pub use watch::WorkerLimits;
pub use workflows::WorkflowHost;

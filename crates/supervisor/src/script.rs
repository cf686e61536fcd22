//! `hognose run`: one cell that runs its caller's script, with the caller's own standard streams and environment. It has
//! no pool, no zygote and no lock; the supervisor lends it a network and waits for its exit status.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use hognose_services::Service;
use hognose_wire::CapId;
use hognose_wire::control::{Base, LoadFailure, Order, Script};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::calls::Grants;
use crate::cell_socket::CellSocket;
use crate::connection::Connection;
use crate::egress::{Egress, EgressError, EgressOptions};
use crate::events::{Events, ServerEvent};
use crate::isolate::Isolate;
use crate::limits::{THREADS_MAX, WAIT_UNTIL_MAX};
use crate::loader::WayOut;
use crate::questions::Forks;
use crate::recorder::Tracing;
use crate::template::{CellCommand, ScriptCell, Surroundings, socket_pair};
use crate::watch::WorkerLimits;

/// The capability through which a script's `fetch()` leaves.
pub const SCRIPT_OUTBOUND: CapId = CapId(1);

/// What to run and how.
#[derive(Clone, Debug)]
pub struct ScriptOptions {
    /// How the cell is started.
    pub cell: CellCommand,
    /// What it is told first.
    pub base: Base,
    /// The script; its outbound capability is [`SCRIPT_OUTBOUND`].
    pub script: Script,
    /// How `fetch()` leaves.
    pub egress: EgressOptions,
    /// Where events go: what the connection has to say, not the script's output.
    pub events: mpsc::Sender<ServerEvent>,
}

/// Why a script did not run.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// Outgoing connections cannot be made as told.
    #[error(transparent)]
    Egress(#[from] EgressError),
    /// The kernel refused a socket or a process.
    #[error("the cell could not be started: {0}")]
    Start(#[from] io::Error),
    /// The cell did not come up.
    #[error("the cell did not come up: {}", .0.message)]
    Load(LoadFailure),
}

/// Runs a script to its end and gives its exit status as a shell would: 128 and the signal's number where a signal ended
/// it. Must be called within a tokio runtime.
pub async fn run_script(options: ScriptOptions) -> Result<u8, ScriptError> {
    let ScriptOptions { cell, base, script, egress, events } = options;
    let around = Surroundings {
        worker: "".into(),
        events: Arc::new(Events::new(events)),
        tasks: TaskTracker::new(),
        egress: Arc::new(Egress::new(egress)?),
        forks: Arc::new(Forks::new(THREADS_MAX)),
    };
    let grants = grants(&around);
    let mut cell = ScriptCell::start(&cell)?;
    cell.boot(&Order::Boot(Box::new(base)), &around).await.map_err(ScriptError::Load)?;
    let (socket, its_socket) = socket_pair()?;
    let process = cell.run(&Order::Run(script), its_socket).await?;
    let isolate = Arc::new(Isolate::new(process, Arc::new(grants), None));
    Connection::new(Arc::clone(&isolate), CellSocket::new(socket)?).run_to_exit().await;
    Ok(isolate.process.exit_code().await)
}

fn grants(around: &Surroundings) -> Grants {
    let services: HashMap<CapId, Arc<dyn Service>> = HashMap::new();
    Grants {
        worker: Arc::clone(&around.worker),
        services,
        assets: None,
        object_links: HashMap::new(),
        given_objects: Vec::new(),
        identities: HashMap::new(),
        objects: None,
        links: HashMap::new(),
        loopback: std::sync::OnceLock::new(),
        classes: Vec::new(),
        directory: Arc::default(),
        loaders: HashMap::new(),
        outbound: SCRIPT_OUTBOUND,
        way_out: WayOut::Network,
        egress: Arc::clone(&around.egress),
        forks: Arc::clone(&around.forks),
        events: Arc::clone(&around.events),
        tasks: around.tasks.clone(),
        wait_until_max: WAIT_UNTIL_MAX,
        tracing: Tracing::default(),
        // A script is its caller's own.
        limits: WorkerLimits {
            subrequests_max: u64::MAX,
            log_bytes_max: u64::MAX,
            ..WorkerLimits::default()
        },
    }
}

//! Looking at a running server from outside: which Workers it has, what their isolates do, what became of recent
//! invocations, and what Durable Objects have stored; and running a handler by hand. A [`Monitor`] holds the server in no
//! way up; it may be kept longer than the server lives.

use std::sync::Arc;

use hognose_services::objects::{Namespace, StorageError};
use hognose_wire::control::Export;
use hognose_wire::objects::{Answer, Operation};
use serde::Serialize;
use tokio::sync::broadcast;

use crate::objects::Objects;
use crate::recorder::{Counts, Recorder};
use crate::scheduled::ScheduledResult;
use crate::server::ReplaceError;
use crate::slots::Slots;
use crate::trace::Trace;

/// A look at a server.
#[derive(Clone)]
pub struct Monitor {
    pub(crate) slots: Arc<Slots>,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) objects: Arc<Objects>,
}

/// One Worker, as it stands.
#[derive(Clone, Debug, Serialize)]
pub struct WorkerStatus {
    /// Its name.
    pub name: String,
    /// The version that serves; none: none has loaded.
    pub version: Option<VersionStatus>,
    /// Why the version given last does not serve.
    pub failure: Option<FailureStatus>,
    /// What its invocations add up to.
    pub counts: Counts,
}

/// The version that serves.
#[derive(Clone, Debug, Serialize)]
pub struct VersionStatus {
    /// Its id.
    #[serde(serialize_with = "crate::trace::text")]
    pub id: Arc<str>,
    /// What it exports.
    pub exports: Vec<ExportStatus>,
    /// Its isolates, the one used last first.
    pub isolates: Vec<IsolateStatus>,
}

/// An entrypoint.
#[derive(Clone, Debug, Serialize)]
pub struct ExportStatus {
    /// Its name.
    pub name: String,
    /// Its methods.
    pub methods: Vec<String>,
}

/// An isolate.
#[derive(Clone, Debug, Serialize)]
pub struct IsolateStatus {
    /// Its process id.
    pub pid: u32,
    /// How many invocations it works on.
    pub invocations: usize,
    /// Whether it computes and can begin nothing else.
    pub busy: bool,
}

/// Why a version does not load.
#[derive(Clone, Debug, Serialize)]
pub struct FailureStatus {
    /// In one line.
    pub message: String,
    /// With the user's lines; may be empty.
    pub traceback: String,
}

impl Monitor {
    /// The Workers, in the order in which the server was given them.
    pub fn workers(&self) -> Vec<WorkerStatus> {
        self.slots.all().iter().map(|slot| slot.status()).collect()
    }

    /// The invocations under way, the newest first.
    pub fn open(&self) -> Vec<Trace> {
        let slots = self.slots.all();
        let mut open: Vec<Trace> = slots.iter().flat_map(|slot| slot.open_traces()).collect();
        open.sort_by_key(|trace| std::cmp::Reverse(trace.id));
        open
    }

    /// The last [`crate::recorder::RECENT_MAX`] that are over, the newest first.
    pub fn recent(&self) -> Vec<Arc<Trace>> {
        self.recorder.recent()
    }

    /// Those that end from now on. While anybody follows, traces hold the headers of requests.
    pub fn follow(&self) -> broadcast::Receiver<Arc<Trace>> {
        self.recorder.follow()
    }

    /// Runs the `scheduled` handler of a Worker, as [`crate::Server::run_scheduled`] does.
    pub async fn run_scheduled(
        &self,
        worker: &str,
        cron: &str,
        scheduled_time_ms: f64,
    ) -> Result<ScheduledResult, ReplaceError> {
        self.slots.run_scheduled(worker, cron, scheduled_time_ms).await
    }

    /// Asks the storage of a Durable Object, whether it lives or not; it is not woken. `operation` must be one that only
    /// reads, for nothing would commit what it wrote.
    pub async fn ask_object(
        &self,
        namespace: &Namespace,
        digits: &str,
        operation: Operation<'static>,
    ) -> Result<Answer<'static>, StorageError> {
        self.objects.ask(namespace, digits, operation).await
    }

    /// Whether an instance of a Durable Object lives.
    pub fn object_lives(&self, namespace: &Namespace, digits: &str) -> bool {
        self.objects.lives(namespace, digits)
    }
}

impl From<&Export> for ExportStatus {
    fn from(export: &Export) -> Self {
        Self { name: export.name.clone(), methods: export.methods.clone() }
    }
}

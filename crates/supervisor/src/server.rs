//! The server: what it is started with, and how it is told to change and to stop.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hognose_services::objects::ObjectStore;
use hognose_wire::control::LoadFailure;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::egress::{Egress, EgressError, EgressOptions};
use crate::events::{Events, ServerEvent};
use crate::ingress::{Ingress, LocalService, Rays};
use crate::limits::KILL_MAX;
use crate::links::Directory;
use crate::loader::WayOut;
use crate::monitor::Monitor;
use crate::nursery::Nurseries;
use crate::objects::{self, Objects};
use crate::policy::EgressPolicy;
use crate::pool::PoolOptions;
use crate::questions::Forks;
use crate::scheduled::ScheduledResult;
use crate::slot::{Shared, Slot, TestOutcome};
use crate::slots::Slots;
use crate::template::{CellCommand, Surroundings};
use crate::version::WorkerVersion;

/// What a server is to be.
pub struct ServerOptions {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// What connections are encrypted with; `None`: they are not.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// The Workers, each with a name of its own. The first gets the requests that no route names.
    pub workers: Vec<WorkerVersion>,
    /// What the isolates of each Worker may be and do.
    pub pool: PoolOptions,
    /// How a base cell is started.
    pub cell: CellCommand,
    /// Where Durable Objects are kept.
    pub objects: Arc<dyn ObjectStore>,
    /// How `fetch()` leaves.
    pub egress: EgressOptions,
    /// Whether clients see tracebacks, and a version that fails to load takes the place of the one before it.
    pub development: bool,
    /// Whether a request for `/__scheduled` runs the `scheduled` handler.
    pub test_scheduled: bool,
    /// Where events go. They are dropped while it is full.
    pub events: mpsc::Sender<ServerEvent>,
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the kernel says; [`io::ErrorKind::AddrInUse`] where the port is taken.
        source: io::Error,
    },
    /// Outgoing connections cannot be made as told.
    #[error(transparent)]
    Egress(#[from] EgressError),
}

/// A Worker that the server does not have.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// Its name is not among those the server was started with.
    #[error("the server has no Worker named `{0}`")]
    UnknownWorker(String),
    /// It cannot be loaded.
    #[error("{}", .0.message)]
    Load(LoadFailure),
}

/// A running server. It stops with [`Server::shutdown`]; dropped without, its cells are killed with the runtime.
pub struct Server {
    address: SocketAddr,
    slots: Arc<Slots>,
    shared: Arc<Shared>,
    accepting: JoinHandle<GracefulShutdown>,
    ingress: Arc<Ingress>,
}

impl Server {
    /// Listens, and begins to load the Workers; requests that come meanwhile wait. Must be called within a tokio
    /// runtime, which all of the server then runs in.
    pub async fn start(options: ServerOptions) -> Result<Self, StartError> {
        let address = options.listen;
        let listener =
            TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })?;
        let address = listener.local_addr().map_err(|source| StartError::Listen { address, source })?;
        let shared = Arc::new(Shared::new(&options)?);
        let slots = Arc::new(Slots::default());
        slots.set(options.workers.iter().map(|version| shared.slot(version)));
        shared.directory.fill(&slots.all());
        shared.tasks.spawn(objects::wake_objects(Arc::clone(&shared.objects), shared.stop.clone()));
        let ingress = Arc::new(Ingress {
            slots: Arc::clone(&slots),
            events: Arc::clone(&shared.events),
            rays: Rays::new(),
            development: options.development,
            test_scheduled: options.test_scheduled,
            local: OnceLock::new(),
            tasks: shared.tasks.clone(),
        });
        let tls = options.tls.map(TlsAcceptor::from);
        let accepting = tokio::spawn(Arc::clone(&ingress).accept(listener, tls, shared.stop.clone()));
        for (slot, version) in slots.all().iter().cloned().zip(options.workers) {
            // A failure is told as an event, and to whoever asks for the Worker.
            shared.tasks.spawn(async move { slot.replace(version).await.is_ok() });
        }
        Ok(Self { address, slots, shared, accepting, ingress })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Loads another version of one of the Workers. New requests go to it once it has loaded; what the old version has
    /// begun it finishes. Where loading fails, the old version goes on, except in development, where new requests get
    /// the error until a version loads. Given again while a version loads, only the newest one is loaded after it.
    pub async fn replace(&self, version: WorkerVersion) -> Result<(), ReplaceError> {
        let slot = self.slots.find(&version.worker.name);
        let slot = slot.ok_or_else(|| ReplaceError::UnknownWorker(version.worker.name.clone()))?;
        slot.replace(version).await.map_err(ReplaceError::Load)
    }

    /// Ends what all Workers do, at once. Requests wait until each is given again by [`Server::replace`]: with the same code,
    /// which is not loaded anew, and with other services, or the same.
    pub async fn halt(&self) {
        for slot in &*self.slots.all() {
            slot.halt().await;
        }
    }

    /// Adds a Worker, or replaces the version of one that is there already, as [`Server::replace`] does. One that is new
    /// and does not load is not added.
    pub async fn deploy(&self, version: WorkerVersion) -> Result<(), ReplaceError> {
        if self.slots.find(&version.worker.name).is_some() {
            return self.replace(version).await;
        }
        let slot = self.shared.slot(&version);
        slot.replace(version).await.map_err(ReplaceError::Load)?;
        let others = self.slots.all();
        self.slots.set(others.iter().cloned().chain([slot]));
        self.shared.directory.fill(&self.slots.all());
        Ok(())
    }

    /// Takes a Worker away: it gets no more requests, finishes what it has begun until `drain` at most, and ends.
    pub async fn remove(&self, name: &str, drain: Duration) -> Result<(), ReplaceError> {
        let slot = self.slots.find(name).ok_or_else(|| ReplaceError::UnknownWorker(name.to_owned()))?;
        let others = self.slots.all();
        self.slots.set(others.iter().filter(|other| other.name() != name).cloned());
        self.shared.directory.fill(&self.slots.all());
        slot.close(Instant::now() + drain).await;
        Ok(())
    }

    /// Has `local` answer the requests it names, from now on. A server has one such service: a second is ignored.
    pub fn serve_locally(&self, local: LocalService) {
        let _first_one_stays = self.ingress.local.set(local);
    }

    /// A look at it from outside.
    pub fn monitor(&self) -> Monitor {
        let Shared { recorder, objects, .. } = &*self.shared;
        Monitor {
            slots: Arc::clone(&self.slots),
            recorder: Arc::clone(recorder),
            objects: Arc::clone(objects),
        }
    }

    /// Runs the tests of one entrypoint of a Worker (its `test` handler; `None`: the default export's).
    pub async fn test(&self, worker: &str, entrypoint: Option<&str>) -> TestOutcome {
        match self.slots.find(worker) {
            Some(slot) => slot.test(entrypoint).await,
            None => TestOutcome::Failed(ReplaceError::UnknownWorker(worker.to_owned()).to_string()),
        }
    }

    /// Runs the `scheduled` handler of a Worker once it has loaded, as if `cron` were due at `scheduled_time_ms`,
    /// milliseconds since the epoch.
    pub async fn run_scheduled(
        &self,
        worker: &str,
        cron: &str,
        scheduled_time_ms: f64,
    ) -> Result<ScheduledResult, ReplaceError> {
        self.slots.run_scheduled(worker, cron, scheduled_time_ms).await
    }

    /// Stops accepting, lets what was begun finish for at most `drain`, and returns when no process is left.
    pub async fn shutdown(self, drain: Duration) {
        let deadline = Instant::now() + drain;
        self.shared.stop.cancel();
        self.shared.objects.break_off_sockets(None);
        if let Ok(connections) = self.accepting.await {
            let _out_of_time = timeout_at(deadline, connections.shutdown()).await;
        }
        for slot in &*self.slots.all() {
            slot.close(deadline).await;
        }
        for slot in self.shared.directory.loaded() {
            slot.close(deadline).await;
        }
        self.shared.tasks.close();
        // All were killed; what could keep a task is a process that the kernel cannot end (a stuck disk).
        let _stuck = timeout_at(deadline.max(Instant::now()) + KILL_MAX, self.shared.tasks.wait()).await;
    }
}

impl Shared {
    fn new(options: &ServerOptions) -> Result<Self, EgressError> {
        let events = Arc::new(Events::new(options.events.clone()));
        let tasks = TaskTracker::new();
        let egress = Arc::new(Egress::new(options.egress.clone())?);
        let forks = Arc::new(Forks::new(options.pool.threads_max));
        let around = Surroundings {
            worker: "".into(),
            events: Arc::clone(&events),
            tasks: tasks.clone(),
            egress: Arc::clone(&egress),
            forks: Arc::clone(&forks),
        };
        let directory: Arc<Directory> = Arc::default();
        Ok(Self {
            objects: Arc::new(Objects::new(
                Arc::clone(&options.objects),
                Arc::clone(&directory),
                tasks.clone(),
                options.pool.object_idle_max,
            )),
            directory,
            recorder: Arc::default(),
            nurseries: Nurseries::new(options.cell.clone(), around),
            egress,
            no_egress: Arc::new(Egress::new(EgressOptions {
                policy: EgressPolicy::closed(),
                ..EgressOptions::default()
            })?),
            forks,
            events,
            tasks,
            stop: CancellationToken::new(),
            pool: options.pool,
            development: options.development,
        })
    }

    /// What a Worker's sockets, and `fetch()` where that leads into the network, go through.
    pub(crate) fn egress_by(&self, way_out: &WayOut) -> Arc<Egress> {
        match way_out {
            WayOut::Network => Arc::clone(&self.egress),
            WayOut::Nowhere | WayOut::Worker(_) => Arc::clone(&self.no_egress),
        }
    }

    pub(crate) fn slot(self: &Arc<Self>, version: &WorkerVersion) -> Arc<Slot> {
        let slot = Slot::new(&version.worker.name, Arc::clone(self));
        // Requests that come before it has loaded are its own already.
        slot.routes().set(version.routes.clone());
        slot.set_classes(version.classes.clone());
        Arc::new(slot)
    }
}

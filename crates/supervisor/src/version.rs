//! One version of a Worker: its zygote, its isolates, and what they were granted.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hognose_services::Service;
use hognose_services::assets::Assets;
use hognose_services::queues::QueueConsumer;
use hognose_wire::control::{Base, Export, ExportKind, LoadFailure, Role, Worker};
use hognose_wire::{CapId, LogLevel};
use tokio::sync::{Mutex, Notify};
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::calls::Grants;
use crate::cell_socket::CellSocket;
use crate::connection::Connection;
use crate::deliveries;
use crate::events::ServerEvent;
use crate::identities::ClientIdentity;
use crate::isolate::{Answer, Isolate, Pending};
use crate::limits::{BUSY_AFTER, EVENT_BUSY_AFTER};
use crate::links::{GivenObject, ServiceLink};
use crate::loader::{CodeLoader, WayOut};
use crate::monitor::{ExportStatus, IsolateStatus, VersionStatus};
use crate::nursery::Nursery;
use crate::objects::ObjectLink;
use crate::pool::{Pool, PoolError, PoolOptions};
use crate::process::Process;
use crate::routes::Route;
use crate::schedules::{self, CronTriggers};
use crate::template::{ForkError, Surroundings, Template, socket_pair};
use crate::trace::Trace;
use crate::watch::{WorkerLimits, watch};
use crate::workflows::{self, WorkflowHost};

/// What to serve: a Worker as its cells know it, and the server half of its bindings.
#[derive(Clone)]
pub struct WorkerVersion {
    /// What tells it from other versions of the Worker.
    pub id: String,
    /// Code, flags and `env`.
    pub worker: Worker,
    /// What its zygote is forked from. Workers that give the same base share it.
    pub base: Base,
    /// What it may use.
    pub limits: WorkerLimits,
    /// Where it is to be reached; requests that no route names go to the first Worker.
    pub routes: Vec<Route>,
    /// What the capabilities named in [`Worker::env`] stand for. [`Worker::outbound`] is the server's own.
    pub services: Vec<(CapId, Arc<dyn Service>)>,
    /// The queues whose messages it gets; each is also among the services.
    pub consumers: Vec<(CapId, Arc<QueueConsumer>)>,
    /// What runs it by the clock, where anything does.
    pub crons: Option<CronTriggers>,
    /// The workflows whose classes it has.
    pub workflows: Vec<WorkflowHost>,
    /// The files that are served beside it, and the capability by which it fetches them itself.
    pub assets: Option<(CapId, Arc<Assets>)>,
    /// Those that lead to Workers of the same server.
    pub links: Vec<(CapId, ServiceLink)>,
    /// Those that lead to namespaces of Durable Objects.
    pub object_links: Vec<(CapId, ObjectLink)>,
    /// Those that lead to one Durable Object each.
    pub given_objects: Vec<(CapId, GivenObject)>,
    /// Those whose requests present a client certificate.
    pub identities: Vec<(CapId, ClientIdentity)>,
    /// Its own classes of Durable Objects.
    pub classes: Vec<ObjectLink>,
    /// Those that load Workers at run time.
    pub loaders: Vec<(CapId, Arc<dyn CodeLoader>)>,
    /// Where its `fetch()` leads.
    pub way_out: WayOut,
    /// The Workers that are told of its invocations.
    pub tails: Vec<ServiceLink>,
}

/// A loaded version.
pub(crate) struct Version {
    worker: Worker,
    exports: Vec<Export>,
    grants: Arc<Grants>,
    nursery: Arc<Nursery>,
    zygote: Mutex<Option<Template>>,
    pool: Pool,
    /// How long isolates may have nothing to do: those beside the first, and the last one.
    idle_max: (Duration, Duration),
    limits: WorkerLimits,
    /// Requests that are looking for an isolate or were given to one.
    requests: AtomicUsize,
    idle: Notify,
    /// Cancelled when the version is retired: no new batch is delivered to it.
    retiring: CancellationToken,
}

/// Keeps a version from being taken down under a request.
pub(crate) struct InUse(Arc<Version>);

impl Version {
    /// Loads a Worker: makes its zygote, which imports its code, unless one of the same code was `kept`. The event is to be
    /// sent once the version serves.
    pub(crate) async fn load(
        worker: Worker,
        grants: Arc<Grants>,
        (nursery, kept): (Arc<Nursery>, Option<Template>),
        (options, limits): (PoolOptions, WorkerLimits),
    ) -> Result<(Arc<Self>, ServerEvent), LoadFailure> {
        let begun = Instant::now();
        let zygote = match kept.filter(Template::is_alive) {
            Some(zygote) => zygote,
            None => nursery.zygote(&worker, &surroundings(&grants)).await?,
        };
        grants.loop_back(worker.loopback, &zygote.loaded.exports);
        let loaded = ServerEvent::Loaded {
            worker: Arc::clone(&grants.worker),
            exports: zygote.loaded.exports.clone(),
            warnings: warnings(&zygote, &grants),
            duration: begun.elapsed(),
        };
        let exports = zygote.loaded.exports.clone();
        let zygote = Mutex::new(Some(zygote));
        let pool = Pool::new(&options);
        let version = Self {
            worker,
            exports,
            grants,
            nursery,
            zygote,
            pool,
            idle_max: (options.isolate_idle_max, options.worker_idle_max),
            limits,
            requests: AtomicUsize::new(0),
            idle: Notify::new(),
            retiring: CancellationToken::new(),
        };
        let version = Arc::new(version);
        version.let_go();
        if version.pool.claim_first() {
            version.start_isolate();
        }
        Ok((version, loaded))
    }

    /// Begins to deliver the messages of queues.
    pub(crate) fn consume(self: &Arc<Self>, consumers: Vec<(CapId, Arc<QueueConsumer>)>) {
        for (cap, consumer) in consumers {
            self.grants.tasks.spawn(deliveries::deliver(Arc::clone(self), cap, consumer));
        }
    }

    /// Begins to run what is due by the clock.
    pub(crate) fn schedule(self: &Arc<Self>, crons: Option<CronTriggers>) {
        if let Some(crons) = crons {
            self.grants.tasks.spawn(schedules::run(Arc::clone(self), crons));
        }
    }

    /// Begins to run the instances of workflows.
    pub(crate) fn run_workflows(self: &Arc<Self>, hosts: Vec<WorkflowHost>) {
        for host in hosts {
            self.grants.tasks.spawn(workflows::run(Arc::clone(self), host));
        }
    }

    /// The Worker's name.
    pub(crate) fn name(&self) -> &str {
        &self.worker.name
    }

    /// The number by which its cells know what takes the messages that an `email` handler sends on.
    pub(crate) fn email_through(&self) -> Option<CapId> {
        self.worker.email
    }

    /// Has an isolate work on an event that can be given again; `begin` hands it over, unless the isolate is full.
    pub(crate) async fn ask(self: &Arc<Self>, begin: impl Fn(&Arc<Isolate>) -> Option<Pending>) -> Answer {
        self.enter().ask(begin).await
    }

    pub(crate) fn retiring(&self) -> &CancellationToken {
        &self.retiring
    }

    /// All tasks of the server.
    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.grants.tasks
    }

    /// Tells the operator something about the Worker.
    pub(crate) fn log(&self, level: LogLevel, text: String) {
        self.grants.events.log(&self.grants.worker, level, &text);
    }

    pub(crate) fn enter(self: &Arc<Self>) -> InUse {
        self.requests.fetch_add(1, Ordering::Relaxed);
        InUse(Arc::clone(self))
    }

    /// The version as it stands.
    pub(crate) fn status(&self) -> VersionStatus {
        let isolate = |isolate: &Arc<Isolate>| {
            let (pid, state) = (isolate.process.pid(), isolate.state());
            IsolateStatus { pid, invocations: state.load(), busy: state.is_busy(BUSY_AFTER) }
        };
        VersionStatus {
            id: Arc::clone(&self.grants.tracing.version),
            exports: self.exports.iter().map(ExportStatus::from).collect(),
            isolates: self.pool.isolates().iter().map(isolate).collect(),
        }
    }

    /// What is known of the invocations under way.
    pub(crate) fn open_traces(&self) -> Vec<Trace> {
        self.pool.isolates().iter().flat_map(|isolate| isolate.open_traces()).collect()
    }

    /// Starts one more isolate, after a delay where they keep dying.
    fn start_isolate(self: &Arc<Self>) {
        let version = Arc::clone(self);
        self.grants.tasks.spawn(async move {
            tokio::time::sleep(version.pool.backoff()).await;
            match version.fork_isolate().await {
                Ok((isolate, connection)) => version.serve(isolate, connection),
                Err(error) => version.pool.failed(error),
            }
        });
    }

    fn serve(self: &Arc<Self>, isolate: Arc<Isolate>, connection: Connection) {
        self.pool.add(Arc::clone(&isolate)).into_iter().for_each(|worn| self.end_when_drained(worn));
        let version = Arc::clone(self);
        self.grants.tasks.spawn(async move {
            let watch = watch(&isolate, version.limits, || version.replace(&isolate));
            let serve = async {
                connection.run().await;
                version.pool.remove(&isolate);
            };
            tokio::pin!(serve);
            tokio::select! {
                () = &mut serve => {}
                () = watch => serve.await,
            }
        });
    }

    /// Gives an isolate no more work, and ends it when it has finished what it has.
    fn replace(&self, isolate: &Arc<Isolate>) {
        self.pool.remove(isolate);
        self.end_when_drained(Arc::clone(isolate));
    }

    fn end_when_drained(&self, isolate: Arc<Isolate>) {
        self.grants.tasks.spawn(async move {
            isolate.drained().await;
            isolate.close();
        });
    }

    /// Ends isolates that are not needed any more, as long as the version is there.
    fn let_go(self: &Arc<Self>) {
        let version = Arc::downgrade(self);
        let (idle_max, last_idle_max) = self.idle_max;
        // Not among the tasks that a shutdown waits for: it has nothing to finish.
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(idle_max.min(last_idle_max)).await;
                let Some(version) = version.upgrade() else { return };
                version.pool.let_go(idle_max, last_idle_max).iter().for_each(|isolate| isolate.close());
            }
        });
    }

    async fn fork_isolate(&self) -> Result<(Arc<Isolate>, Connection), String> {
        match self.try_fork_isolate().await? {
            Some(forked) => Ok(forked),
            None => self.try_fork_isolate().await?.ok_or_else(|| ForkError::Gone.to_string()),
        }
    }

    /// `None`: the zygote had died unnoticed, and is made anew the next time.
    async fn try_fork_isolate(&self) -> Result<Option<(Arc<Isolate>, Connection)>, String> {
        let failed = |error: io::Error| format!("cannot make a socket: {error}");
        let (socket, its_socket) = socket_pair().map_err(failed)?;
        let (synchronous, its_synchronous) = socket_pair().map_err(failed)?;
        let Some(process) = self.fork(vec![its_socket, its_synchronous]).await? else { return Ok(None) };
        let synchronous = blocking(synchronous).map_err(failed)?;
        let isolate = Arc::new(Isolate::new(process, Arc::clone(&self.grants), Some(synchronous)));
        let connection = Connection::new(Arc::clone(&isolate), CellSocket::new(socket).map_err(failed)?);
        Ok(Some((isolate, connection)))
    }

    /// Forks from the zygote. One that has died is made anew; one that cannot be forked (its top-level code left a
    /// thread or a descriptor that two processes cannot share) becomes the isolate itself, and is used up by it.
    /// `None` where it turns out to have died.
    async fn fork(&self, descriptors: Vec<OwnedFd>) -> Result<Option<Process>, String> {
        let mut kept = self.zygote.lock().await;
        let alive = kept.take().filter(Template::is_alive);
        let zygote = match alive {
            Some(zygote) => zygote,
            None => self.remake_zygote().await?,
        };
        let forked = zygote.fork(Role::Isolate, descriptors).await;
        let reusable =
            zygote.loaded.unforkable.is_empty() && !matches!(forked, Err(ForkError::Gone | ForkError::Late));
        if reusable {
            *kept = Some(zygote);
        }
        match forked {
            Ok(process) => Ok(Some(process)),
            Err(ForkError::Gone) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn remake_zygote(&self) -> Result<Template, String> {
        let made = self.nursery.zygote(&self.worker, &surroundings(&self.grants)).await;
        made.map_err(|failure| failure.message)
    }

    /// Finishes what was begun, until `deadline` at the latest, and ends all processes but the zygote, which it gives. No
    /// new request may come.
    pub(crate) async fn retire(&self, deadline: tokio::time::Instant) -> Option<Template> {
        self.retiring.cancel();
        let _out_of_time = timeout_at(deadline, self.all_answered()).await;
        for isolate in self.pool.close() {
            let _out_of_time = timeout_at(deadline, isolate.drained()).await;
            isolate.close();
        }
        self.zygote.lock().await.take()
    }

    async fn all_answered(&self) {
        loop {
            let mut idle = std::pin::pin!(self.idle.notified());
            idle.as_mut().enable();
            if self.requests.load(Ordering::Relaxed) == 0 {
                return;
            }
            idle.await;
        }
    }
}

impl InUse {
    /// The files that are served beside the Worker.
    pub(crate) fn assets(&self) -> Option<&Assets> {
        self.0.grants.assets.as_ref().map(|(_, assets)| &**assets)
    }

    /// An isolate for one request.
    pub(crate) async fn isolate(&self) -> Result<Arc<Isolate>, PoolError> {
        self.0.pool.pick(BUSY_AFTER, || self.0.start_isolate()).await
    }

    /// See [`Version::ask`].
    pub(crate) async fn ask(&self, begin: impl Fn(&Arc<Isolate>) -> Option<Pending>) -> Answer {
        loop {
            let picked = self.0.pool.pick(EVENT_BUSY_AFTER, || self.0.start_isolate()).await;
            let isolate = match picked {
                Ok(isolate) => isolate,
                Err(error) => return Answer::Lost(error.to_string()),
            };
            // One that ended or filled up since it was picked is passed over.
            if let Some(pending) = begin(&isolate) {
                return pending.answer().await;
            }
        }
    }

    pub(crate) fn version(&self) -> &Arc<Version> {
        &self.0
    }

    /// An isolate has answered.
    pub(crate) fn succeeded(&self) {
        self.0.pool.succeeded();
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        if self.0.requests.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}

/// The socket for a thread that blocks on it.
fn blocking(socket: tokio::net::UnixStream) -> io::Result<std::os::unix::net::UnixStream> {
    let socket = socket.into_std()?;
    socket.set_nonblocking(false)?;
    Ok(socket)
}

fn surroundings(grants: &Grants) -> Surroundings {
    Surroundings {
        worker: Arc::clone(&grants.worker),
        events: Arc::clone(&grants.events),
        tasks: grants.tasks.clone(),
        egress: Arc::clone(&grants.egress),
        forks: Arc::clone(&grants.forks),
    }
}

/// What the user is told once about this zygote.
fn warnings(zygote: &Template, grants: &Grants) -> Vec<String> {
    let mut warnings = zygote.loaded.warnings.clone();
    warnings.extend(missing_classes(&zygote.loaded.exports, grants));
    if !zygote.loaded.unforkable.is_empty() {
        let left = zygote.loaded.unforkable.join(", ");
        warnings.push(format!(
            "Top-level code left {left} running or open, which a fork cannot share: each process of this Worker is \
             started afresh, and imports everything again."
        ));
    }
    warnings
}

/// A warning where bindings lead to classes of the Worker's own that its code does not export.
fn missing_classes(exports: &[Export], grants: &Grants) -> Option<String> {
    let is_exported = |class: &str| {
        exports.iter().any(|export| export.kind == ExportKind::DurableObject && export.name == class)
    };
    let own = grants.object_links.values().filter(|link| *link.worker == *grants.worker);
    let missing: BTreeSet<&str> =
        own.map(|link| link.class.as_str()).filter(|class| !is_exported(class)).collect();
    (!missing.is_empty()).then(|| {
        let missing = Vec::from_iter(missing).join(", ");
        format!(
            "Your Worker depends on the following Durable Objects, which are not exported in your entrypoint file: \
             {missing}. Define these classes there (each extends `DurableObject`), or import them into it; until then \
             every call of one is an error."
        )
    })
}

//! A Worker by its name: the version that serves it now, and how the next one takes its place.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as SyncMutex, MutexGuard, OnceLock, PoisonError};

use hognose_services::assets::Assets;
use hognose_wire::control::{EnvEntry, LoadFailure};
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::calls::Grants;
use crate::egress::Egress;
use crate::events::{Events, ServerEvent};
use crate::identities::{self, ClientIdentity};
use crate::isolate::Answer;
use crate::limits::RELOAD_DRAIN_MAX;
use crate::links::{Directory, GivenObject, ServiceLink};
use crate::loader::{CodeLoader, Loader, WayOut};
use crate::monitor::{FailureStatus, WorkerStatus};
use crate::nursery::{Nurseries, Nursery};
use crate::objects::{ObjectLink, Objects};
use crate::pool::PoolOptions;
use crate::questions::Forks;
use crate::recorder::{Counters, Recorder, Tracing};
use crate::routes::Routes;
use crate::scheduled::ScheduledResult;
use crate::tails::Tails;
use crate::template::Template;
use crate::trace::Trace;
use crate::version::{InUse, Version, WorkerVersion};
use crate::watch::WorkerLimits;

/// What all Workers of a server share.
pub(crate) struct Shared {
    pub(crate) nurseries: Nurseries,
    pub(crate) egress: Arc<Egress>,
    /// For Workers that have no way into the network.
    pub(crate) no_egress: Arc<Egress>,
    pub(crate) forks: Arc<Forks>,
    pub(crate) events: Arc<Events>,
    pub(crate) tasks: TaskTracker,
    /// Cancelled when the server stops: nothing is loaded any more.
    pub(crate) stop: CancellationToken,
    /// The Durable Objects of all Workers.
    pub(crate) objects: Arc<Objects>,
    /// Where service bindings are looked up.
    pub(crate) directory: Arc<Directory>,
    /// What is remembered of invocations.
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) pool: PoolOptions,
    /// Whether clients see tracebacks, and a version that does not load hides the one before it.
    pub(crate) development: bool,
}

/// How a Worker reaches the network, and what it loads others with.
type Ways = (hognose_wire::CapId, WayOut, Arc<Egress>, Vec<(hognose_wire::CapId, Arc<dyn CodeLoader>)>);

/// The place of one Worker.
pub(crate) struct Slot {
    name: Arc<str>,
    shared: Arc<Shared>,
    serving: watch::Sender<Serving>,
    routes: Routes,
    /// Its classes of Durable Objects.
    classes: SyncMutex<Vec<Arc<ObjectLink>>>,
    /// Held while a version loads. What the last one was forked from is kept for the next.
    loading: Mutex<Option<Arc<Nursery>>>,
    /// What the version was forked from that was halted.
    halted: SyncMutex<Option<Template>>,
    /// How many versions were given so far: one that waits to load is passed over when a newer one has come.
    given: AtomicU64,
    /// Why the version given last does not serve.
    failure: std::sync::Mutex<Option<Arc<LoadFailure>>>,
    counters: Arc<Counters>,
}

/// How a Worker's `test` handler ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestOutcome {
    /// Well.
    Passed,
    /// It raised, or was never answered; the text, with a stack where there is one.
    Failed(String),
}

impl TestOutcome {
    fn of(answer: Answer) -> Self {
        match answer {
            Answer::Done | Answer::Response(_) | Answer::Value(_) => Self::Passed,
            Answer::Raised(raised) if raised.stack.is_empty() => Self::Failed(raised.message),
            Answer::Raised(raised) => Self::Failed(raised.stack),
            Answer::Lost(reason) => Self::Failed(format!("the isolate ended: {reason}")),
        }
    }
}

enum Serving {
    /// Requests wait.
    Nothing,
    Version(Arc<Version>),
    Failure(Arc<LoadFailure>),
}

/// Things under the numbers of their capabilities.
type Numbered<T> = Vec<(hognose_wire::CapId, T)>;

/// The namespaces of Durable Objects that a Worker is bound to, single objects, and its own classes.
type ObjectLinks = (Numbered<ObjectLink>, Numbered<GivenObject>, Vec<ObjectLink>);

impl Slot {
    pub(crate) fn new(name: &str, shared: Arc<Shared>) -> Self {
        let serving = watch::Sender::new(Serving::Nothing);
        Self {
            name: name.into(),
            shared,
            serving,
            routes: Routes::default(),
            classes: SyncMutex::default(),
            loading: Mutex::default(),
            halted: SyncMutex::default(),
            given: AtomicU64::new(0),
            failure: std::sync::Mutex::default(),
            counters: Arc::default(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Says which classes it has from now on.
    pub(crate) fn set_classes(&self, classes: Vec<ObjectLink>) {
        *self.classes.lock().unwrap_or_else(PoisonError::into_inner) =
            classes.into_iter().map(Arc::new).collect();
    }

    /// Its class whose objects are kept there.
    pub(crate) fn class_of(&self, namespace: &str) -> Option<Arc<ObjectLink>> {
        let classes = self.classes.lock().unwrap_or_else(PoisonError::into_inner);
        classes.iter().find(|class| class.namespace.key == namespace).cloned()
    }

    pub(crate) fn routes(&self) -> &Routes {
        &self.routes
    }

    /// The version that a new request goes to; waits for the first one to load.
    pub(crate) async fn enter(&self) -> Result<InUse, Arc<LoadFailure>> {
        if let Some(entered) = self.serving.borrow().enter() {
            return entered;
        }
        let mut changes = self.serving.subscribe();
        let changed = changes.wait_for(|serving| serving.enter().is_some()).await;
        let serving = changed.expect("invariant: the slot owns the sender");
        serving.enter().expect("invariant: it was waited for")
    }

    /// Loads a version, and then gives it the new requests; what the old one has begun it finishes. Ends when the new
    /// version has loaded or failed to.
    pub(crate) async fn replace(&self, version: WorkerVersion) -> Result<(), LoadFailure> {
        let turn = self.given.fetch_add(1, Ordering::Relaxed) + 1;
        let mut one_at_a_time = self.loading.lock().await;
        if self.given.load(Ordering::Relaxed) != turn {
            return Ok(());
        }
        let tracing = self.tracing(&version);
        let WorkerVersion {
            worker,
            base,
            limits,
            routes,
            services,
            consumers,
            crons,
            workflows,
            assets,
            links,
            object_links,
            given_objects,
            identities,
            classes,
            loaders,
            way_out,
            ..
        } = version;
        self.routes.set(routes);
        let egress = self.shared.egress_by(&way_out);
        let nursery = match way_out {
            WayOut::Network => self.shared.nurseries.of(base),
            WayOut::Nowhere | WayOut::Worker(_) => self.shared.nurseries.apart(base, Arc::clone(&egress)),
        };
        *one_at_a_time = Some(Arc::clone(&nursery));
        let ways = (worker.outbound, way_out, egress, loaders);
        let links = (links, identities);
        let objects = (object_links, given_objects, classes.clone());
        let grants = Arc::new(self.grants(ways, services, assets, links, (objects, tracing, limits)));
        let kept = self.halted().take();
        let loading = Version::load(worker, grants, (nursery, kept), (self.shared.pool, limits));
        match self.shared.stop.run_until_cancelled(loading).await {
            Some(Ok((version, loaded))) => {
                version.consume(consumers);
                version.schedule(crons);
                self.set_failure(None);
                version.run_workflows(workflows);
                self.set_classes(classes);
                self.serve(Serving::Version(version));
                self.shared.objects.updated(&self.name);
                self.shared.events.send(loaded);
            }
            Some(Err(failure)) => {
                self.fail(&failure);
                return Err(failure);
            }
            None => {}
        }
        Ok(())
    }

    /// Ends what runs at once; new requests wait for the next version, which must have the same code.
    pub(crate) async fn halt(&self) {
        let Some(version) = self.version() else { return };
        self.serving.send_replace(Serving::Nothing);
        let kept = version.retire(Instant::now()).await;
        self.shared.objects.updated(&self.name);
        *self.halted() = kept;
    }

    fn halted(&self) -> MutexGuard<'_, Option<Template>> {
        self.halted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the tests of one entrypoint, once the Worker has loaded.
    pub(crate) async fn test(&self, entrypoint: Option<&str>) -> TestOutcome {
        let version = match self.enter().await {
            Ok(version) => version,
            Err(failure) => return TestOutcome::Failed(failure.message.clone()),
        };
        TestOutcome::of(version.ask(|isolate| isolate.test(entrypoint)).await)
    }

    /// Runs the `scheduled` handler, once the Worker has loaded; the time is in milliseconds since the epoch.
    pub(crate) async fn run_scheduled(
        &self,
        cron: &str,
        scheduled_time_ms: f64,
    ) -> Result<ScheduledResult, Arc<LoadFailure>> {
        Ok(self.enter().await?.version().run_scheduled(cron, scheduled_time_ms).await)
    }

    fn grants(
        &self,
        (outbound, way_out, egress, loaders): Ways,
        services: Vec<(hognose_wire::CapId, Arc<dyn hognose_services::Service>)>,
        assets: Option<(hognose_wire::CapId, Arc<Assets>)>,
        (links, identities): (Numbered<ServiceLink>, Numbered<ClientIdentity>),
        ((object_links, given_objects, classes), tracing, limits): (ObjectLinks, Tracing, WorkerLimits),
    ) -> Grants {
        let Shared { directory, objects, forks, events, tasks, pool, .. } = &*self.shared;
        let loader = |code| Arc::new(Loader::new(Arc::clone(&self.name), code, Arc::clone(&self.shared)));
        Grants {
            worker: Arc::clone(&self.name),
            services: services.into_iter().collect(),
            assets,
            links: links.into_iter().map(|(cap, link)| (cap, Arc::new(link))).collect(),
            loopback: OnceLock::new(),
            classes: classes.into_iter().map(Arc::new).collect(),
            object_links: object_links.into_iter().map(|(cap, link)| (cap, Arc::new(link))).collect(),
            given_objects,
            identities: identities
                .into_iter()
                .map(|(cap, identity)| (cap, identities::way_out(&egress, identity)))
                .collect(),
            objects: Some(Arc::clone(objects)),
            directory: Arc::clone(directory),
            loaders: loaders.into_iter().map(|(cap, code)| (cap, loader(code))).collect(),
            outbound,
            way_out,
            egress,
            forks: Arc::clone(forks),
            events: Arc::clone(events),
            tasks: tasks.clone(),
            wait_until_max: pool.wait_until_max,
            tracing,
            limits,
        }
    }

    /// What the isolates of a version trace with.
    fn tracing(&self, version: &WorkerVersion) -> Tracing {
        let binding = |(name, entry): &(String, EnvEntry)| match entry {
            EnvEntry::Binding { cap, .. } => Some((*cap, Arc::from(name.as_str()))),
            _ => None,
        };
        let own = [(Some(version.worker.outbound), "fetch"), (version.worker.cache, "caches")];
        let own = own.into_iter().filter_map(|(cap, name)| Some((cap?, Arc::from(name))));
        Tracing {
            worker: Arc::clone(&self.name),
            version: version.id.as_str().into(),
            names: version.worker.env.iter().filter_map(binding).chain(own).collect(),
            recorder: Arc::clone(&self.shared.recorder),
            counters: Arc::clone(&self.counters),
            tails: Tails::of(&self.shared, version.tails.clone()),
        }
    }

    /// The Worker as it stands.
    pub(crate) fn status(&self) -> WorkerStatus {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let failure = failure.map(|failure| FailureStatus {
            message: failure.message.clone(),
            traceback: failure.traceback.clone(),
        });
        let version = self.version().map(|version| version.status());
        WorkerStatus { name: self.name.to_string(), version, failure, counts: self.counters.read() }
    }

    /// What is known of the invocations under way.
    pub(crate) fn open_traces(&self) -> Vec<Trace> {
        self.version().map(|version| version.open_traces()).unwrap_or_default()
    }

    fn version(&self) -> Option<Arc<Version>> {
        match &*self.serving.borrow() {
            Serving::Version(version) => Some(Arc::clone(version)),
            Serving::Nothing | Serving::Failure(_) => None,
        }
    }

    /// Whether the version given last does not serve.
    pub(crate) fn has_failed(&self) -> bool {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn set_failure(&self, failure: Option<&LoadFailure>) {
        let failure = failure.map(|failure| Arc::new(failure.clone()));
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }

    fn fail(&self, failure: &LoadFailure) {
        self.set_failure(Some(failure));
        let nothing_to_keep = !matches!(*self.serving.borrow(), Serving::Version(_));
        if self.shared.development || nothing_to_keep {
            self.serve(Serving::Failure(Arc::new(failure.clone())));
        }
        let worker = Arc::clone(&self.name);
        self.shared.events.send(ServerEvent::LoadFailed { worker, failure: failure.clone() });
    }

    fn serve(&self, serving: Serving) {
        if let Serving::Version(old) = self.serving.send_replace(serving) {
            let deadline = Instant::now() + RELOAD_DRAIN_MAX;
            self.shared.tasks.spawn(async move { drop(old.retire(deadline).await) });
        }
    }

    /// Ends the version, after what it has begun. The server's `stop` was cancelled before.
    pub(crate) async fn close(&self, deadline: Instant) {
        let stopped = LoadFailure { message: "the server is shutting down".into(), ..LoadFailure::default() };
        let mut no_load_under_way = self.loading.lock().await;
        if let Serving::Version(old) = self.serving.send_replace(Serving::Failure(Arc::new(stopped))) {
            old.retire(deadline).await;
        }
        no_load_under_way.take();
    }
}

impl Serving {
    fn enter(&self) -> Option<Result<InUse, Arc<LoadFailure>>> {
        match self {
            Self::Nothing => None,
            Self::Version(version) => Some(Ok(version.enter())),
            Self::Failure(failure) => Some(Err(Arc::clone(failure))),
        }
    }
}

//! The storage engines of a state folder, and the services of a Worker's bindings on them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use hognose_config::{
    Migration as ConfiguredMigration, ObjectBinding, Plan, QueueConsumer as ConfiguredConsumer, SendEmail,
    Workflow,
};
use hognose_services::analytics::{Analytics, DatasetService};
use hognose_services::assets::Assets;
use hognose_services::cache::CacheService;
use hognose_services::crons::{RunLog, RunLogError};
use hognose_services::d1::{D1Service, SqliteD1, SqliteDatabase};
use hognose_services::email::{EmailRules, EmailService};
use hognose_services::images::ImagesService;
use hognose_services::kv::{KvService, SqliteKv, SqliteNamespace};
use hognose_services::objects::{ClassRecords, ClassUse, Migration, Namespace, SqliteObjects};
use hognose_services::queues::{
    ConsumerRules, PullConsumer, QueueConsumer, QueueError, QueueService, RetryRules, SqliteQueue,
    SqliteQueues,
};
use hognose_services::r2::{R2Service, SqliteBucket, SqliteR2};
use hognose_services::rate_limits::{RateLimitService, RateLimits};
use hognose_services::secrets::{SecretService, Vault};
use hognose_services::vectorize::{Progress, SqliteIndex, SqliteVectorize, VectorizeService, Watch};
use hognose_services::workflows::{WorkflowRuns, WorkflowService, Workflows};
use hognose_services::{Clock, OpenError, Service, SystemClock};

use hognose_supervisor::{CronTriggers, ObjectLink};

use crate::assets;
use crate::console::Console;
use crate::data::secret;
use crate::error::CommandError;
use crate::plan;
use crate::state::{self, State};

/// The storage engines, opened once and shared by all Workers and their versions: those that use the same id share the
/// data.
pub(crate) struct Engines {
    console: Console,
    clock: Arc<dyn Clock>,
    kv: SqliteKv,
    d1: SqliteD1,
    r2: SqliteR2,
    queues: SqliteQueues,
    pulls: Mutex<HashMap<String, Arc<PullConsumer>>>,
    rate_limits: Arc<RateLimits>,
    analytics: Arc<Analytics>,
    vault: Arc<Vault>,
    crons: Arc<RunLog>,
    /// Where the messages that Workers send are kept.
    email: PathBuf,
    vectorize: SqliteVectorize,
    /// Made when the first Worker has them: it has threads.
    images: OnceLock<Arc<ImagesService>>,
    workflows: Workflows,
    objects: Arc<SqliteObjects>,
    /// Which classes of Durable Objects there are.
    classes: Mutex<ClassRecords>,
    /// What `caches` holds; a file of its own, since it can be deleted without loss.
    cache: SqliteKv,
}

/// The engines in use, as everybody sees them: those that begin anew take the place of the others.
#[derive(Clone)]
pub(crate) struct CurrentEngines(Arc<RwLock<Arc<Engines>>>);

impl CurrentEngines {
    pub(crate) fn new(engines: Engines) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(engines))))
    }

    /// Those of now.
    pub(crate) fn get(&self) -> Arc<Engines> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has others in their place.
    pub(crate) fn set(&self, engines: Engines) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(engines);
    }
}

/// Tells how far what Vectorize's indexes are searched by has come, where that takes long.
fn told(console: Console) -> Watch {
    Arc::new(move |Progress { index, done, total }| {
        console.note(&format!("Search data of the Vectorize index {index}: {done} of {total} vectors"));
    })
}

/// How many batches of a queue are delivered at a time where the configuration does not say.
const CONCURRENCY: usize = 16;

/// A binding: its name in `env`, the kind of its object there, and what answers the calls on it.
pub(crate) struct Bound<'a> {
    pub name: &'a str,
    pub kind: &'static str,
    pub service: Arc<dyn Service>,
}

impl Engines {
    /// Opens them in the state folder.
    pub(crate) fn open(state: &State, console: Console) -> Result<Self, CommandError> {
        let engines = Self::open_in(state, "", console)?;
        state::keep_names(state.path())?;
        Ok(engines)
    }

    /// Engines with nothing in them, whose files lie in `place` of the state. Only secrets stay what they were. No object may
    /// be live: a server has one store of them, which forgets them.
    pub(crate) fn anew(&self, state: &State, place: &str) -> Result<Self, CommandError> {
        let anew = Self::open_in(state, place, self.console)?;
        let folder = state.folder(&format!("{place}/do"))?;
        let begun = self.objects.begin_anew(folder.clone());
        begun.map_err(|source| CommandError::Storage { folder, source: source.into() })?;
        Ok(Self { objects: Arc::clone(&self.objects), vault: Arc::clone(&self.vault), ..anew })
    }

    fn open_in(state: &State, place: &str, console: Console) -> Result<Self, CommandError> {
        let folder_of = |name: &str| state.folder(&Path::new(place).join(name).to_string_lossy());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let unopened = |folder: &Path| {
            let folder = folder.to_owned();
            move |source: OpenError| CommandError::Storage { folder, source: source.into() }
        };
        let folder = folder_of("kv")?;
        let kv = SqliteKv::open(&folder.join("kv.sqlite"), Arc::clone(&clock)).map_err(unopened(&folder))?;
        let folder = folder_of("cache")?;
        let cache =
            SqliteKv::open(&folder.join("cache.sqlite"), Arc::clone(&clock)).map_err(unopened(&folder))?;
        let folder = folder_of("r2")?;
        let r2 = SqliteR2::open(&folder, Arc::clone(&clock)).map_err(unopened(&folder))?;
        let d1 = SqliteD1::new(folder_of("d1")?, Arc::clone(&clock));
        let vectorize = SqliteVectorize::watched(folder_of("vectorize")?, Arc::clone(&clock), told(console));
        let folder = folder_of("queues")?;
        let queues = SqliteQueues::open(&folder.join("queues.sqlite"), Arc::clone(&clock))
            .map_err(unopened(&folder))?;
        // What was in delivery when an earlier server ended is nobody's any more: the folder is locked for this one.
        queues.recover().map_err(|source| CommandError::Storage { folder, source: source.into() })?;
        let folder = folder_of("workflows")?;
        let workflows = Workflows::open(&folder.join("workflows.sqlite"), Arc::clone(&clock))
            .map_err(unopened(&folder))?;
        WorkflowRuns::recover(&workflows)
            .map_err(|source| CommandError::Storage { folder, source: source.into() })?;
        let email = folder_of("email")?;
        let folder = folder_of("crons")?;
        let crons = RunLog::open(&folder.join("crons.sqlite")).map_err(unopened(&folder))?;
        let folder = folder_of("do")?;
        let classes = ClassRecords::open(&folder.join("classes.json")).map_err(CommandError::Classes)?;
        let objects = SqliteObjects::open(folder.clone(), Arc::clone(&clock)).map_err(unopened(&folder))?;
        let (objects, classes) = (Arc::new(objects), Mutex::new(classes));
        let folder = folder_of("analytics")?;
        let analytics = Analytics::open(&folder.join("analytics.sqlite"), Arc::clone(&clock));
        let analytics = Arc::new(analytics.map_err(unopened(&folder))?);
        let vault = Arc::new(Vault::open(&state.folder(secret::FOLDER)?).map_err(CommandError::Secrets)?);
        let (rate_limits, crons) = (Arc::default(), Arc::new(crons));
        Ok(Self {
            console,
            objects,
            classes,
            clock,
            kv,
            d1,
            r2,
            queues,
            pulls: Mutex::default(),
            rate_limits,
            analytics,
            vault,
            crons,
            email,
            workflows,
            vectorize,
            images: OnceLock::new(),
            cache,
        })
    }

    /// The bindings of a Worker, in the order of its configuration's plan.
    pub(crate) fn bindings<'a>(
        &self,
        plan: &'a Plan,
        ai: Arc<dyn Service>,
    ) -> Result<Vec<Bound<'a>>, CommandError> {
        let mut bound = Vec::new();
        if let Some(name) = &plan.ai {
            bound.push(Bound { name, kind: "ai", service: ai });
        }
        if let Some(name) = &plan.images {
            let service = Arc::clone(self.images.get_or_init(Arc::default));
            bound.push(Bound { name, kind: "images", service });
        }
        for kv in &plan.kv_namespaces {
            bound.push(Bound { name: &kv.binding, kind: "kv", service: self.kv_service(&kv.id)? });
        }
        for d1 in &plan.d1_databases {
            let service = Arc::new(D1Service::new(Arc::new(self.database(&d1.id))));
            bound.push(Bound { name: &d1.binding, kind: "d1", service });
        }
        for r2 in &plan.r2_buckets {
            let bucket = self.bucket(&r2.name)?;
            bound.push(Bound {
                name: &r2.binding,
                kind: "r2",
                service: Arc::new(R2Service::new(Arc::new(bucket))),
            });
        }
        for configured in &plan.vectorize {
            let index = self.vectorize.index(&configured.index_name);
            index.warm();
            let service = Arc::new(VectorizeService::new(Arc::new(index)));
            bound.push(Bound { name: &configured.binding, kind: "vectorize", service });
        }
        self.bind_small(plan, &mut bound);
        for producer in &plan.queue_producers {
            let queue = Arc::new(self.queue(&producer.queue)?);
            let service =
                Arc::new(QueueService::new(queue, producer.delivery_delay_s.map(|delay| delay as i64)));
            bound.push(Bound { name: &producer.binding, kind: "queue", service });
        }
        for sender in &plan.send_email {
            let service = self.email(sender);
            bound.push(Bound { name: &sender.binding, kind: "send_email", service });
        }
        for workflow in &plan.workflows {
            let service = Arc::new(WorkflowService::new(self.workflows.clone(), &workflow.name));
            bound.push(Bound { name: &workflow.binding, kind: "workflow", service });
        }
        Ok(bound)
    }

    /// The bindings that only count or read.
    fn bind_small<'a>(&self, plan: &'a Plan, bound: &mut Vec<Bound<'a>>) {
        bound.extend(plan.rate_limits.iter().map(|configured| {
            let service = RateLimitService {
                limits: Arc::clone(&self.rate_limits),
                namespace: configured.namespace_id.clone(),
                limit: configured.limit,
                period_s: configured.period_s,
                clock: Arc::clone(&self.clock),
            };
            Bound { name: &configured.binding, kind: "rate_limit", service: Arc::new(service) }
        }));
        bound.extend(plan.analytics_datasets.iter().map(|configured| {
            let service = DatasetService::new(Arc::clone(&self.analytics), configured.dataset.clone());
            Bound { name: &configured.binding, kind: "analytics", service: Arc::new(service) }
        }));
        bound.extend(plan.stored_secrets.iter().map(|configured| {
            let (store, name) = (configured.store_id.clone(), configured.secret_name.clone());
            let service = SecretService::new(Arc::clone(&self.vault), store, name);
            Bound { name: &configured.binding, kind: "stored_secret", service: Arc::new(service) }
        }));
    }

    /// Lets programs outside fetch the messages that a Worker's configuration says they may.
    fn open_pulls(&self, plan: &Plan) -> Result<(), CommandError> {
        for configured in &plan.queue_pulls {
            let retries = RetryRules {
                retries_max: configured.retries_max as u32,
                delay_s: configured.retry_delay_s as i64,
                dead_letter_queue: configured.dead_letter_queue.clone(),
            };
            let queue = Arc::new(self.queue(&configured.queue)?);
            let pull = PullConsumer::new(queue, retries, configured.visibility_timeout_ms as i64);
            self.pulls().insert(configured.queue.clone(), Arc::new(pull));
        }
        Ok(())
    }

    /// Where Durable Objects are kept.
    pub(crate) fn objects(&self) -> Arc<SqliteObjects> {
        Arc::clone(&self.objects)
    }

    /// Applies a Worker's migrations, as far as they were not applied before.
    pub(crate) fn migrate(&self, plan: &Plan) -> Result<(), CommandError> {
        let migrations: Vec<Migration> = plan.migrations.iter().map(migration).collect();
        let class_use = ClassUse { worker: plan::name(plan), migrations: &migrations };
        let ended = self.class_records().migrate(class_use).map_err(CommandError::Classes)?;
        for key in ended {
            let erased = self.objects.erase(&key);
            erased.map_err(|source| CommandError::Storage { folder: key.into(), source: source.into() })?;
        }
        Ok(())
    }

    /// The consumer through which programs outside fetch the messages of a queue, where they may.
    pub(crate) fn pull_consumer(&self, queue: &str) -> Option<Arc<PullConsumer>> {
        self.pulls().get(queue).cloned()
    }

    fn pulls(&self) -> MutexGuard<'_, HashMap<String, Arc<PullConsumer>>> {
        self.pulls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the bindings of a Worker to Durable Objects lead, in the order of its configuration.
    pub(crate) fn object_links(&self, plan: &Plan) -> Result<Vec<ObjectLink>, CommandError> {
        let link = |binding: &ObjectBinding| {
            self.object_link(binding.script.as_deref().unwrap_or(plan::name(plan)), &binding.class)
        };
        plan.objects.iter().map(link).collect()
    }

    /// The Worker's own classes of Durable Objects: those of its migrations and those that are bound.
    pub(crate) fn object_classes(&self, plan: &Plan) -> Result<Vec<ObjectLink>, CommandError> {
        let worker = plan::name(plan);
        for binding in plan.objects.iter().filter(|binding| binding.script.is_none()) {
            self.object_link(worker, &binding.class)?;
        }
        let classes = self.class_records().classes(worker);
        let link = |(class, namespace)| ObjectLink::new(worker.to_owned(), class, namespace);
        Ok(classes.into_iter().map(link).collect())
    }

    fn object_link(&self, worker: &str, class: &str) -> Result<ObjectLink, CommandError> {
        let namespace = self.class_records().namespace(worker, class).map_err(CommandError::Classes)?;
        Ok(ObjectLink::new(worker.to_owned(), class.to_owned(), namespace))
    }

    fn class_records(&self) -> MutexGuard<'_, ClassRecords> {
        // A record is changed only by what has succeeded.
        self.classes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The consumers of the queues that a Worker gets messages of.
    pub(crate) fn consumers(&self, plan: &Plan) -> Result<Vec<Arc<QueueConsumer>>, CommandError> {
        let consumer = |configured: &ConfiguredConsumer| {
            let queue = Arc::new(self.queue(&configured.queue)?);
            Ok(Arc::new(QueueConsumer::new(queue, rules(configured), Arc::clone(&self.clock))))
        };
        self.open_pulls(plan)?;
        plan.queue_consumers.iter().map(consumer).collect()
    }

    fn email(&self, SendEmail { destination, destinations, senders, .. }: &SendEmail) -> Arc<dyn Service> {
        let rules = EmailRules {
            destination: destination.clone(),
            destinations: destinations.clone(),
            senders: senders.clone(),
        };
        Arc::new(EmailService::new(&self.email, rules, Arc::clone(&self.clock)))
    }

    /// What takes the messages that an `email` handler forwards and replies.
    pub(crate) fn mail(&self) -> Arc<dyn Service> {
        Arc::new(EmailService::new(&self.email, EmailRules::default(), Arc::clone(&self.clock)))
    }

    /// The workflows whose classes a Worker has, each with its class.
    pub(crate) fn workflows<'a>(&self, plan: &'a Plan) -> Vec<(&'a str, Arc<WorkflowRuns>)> {
        let own = plan.workflows.iter().filter(|workflow| {
            workflow.script_name.as_ref().is_none_or(|script| Some(script) == plan.name.as_ref())
        });
        let runs = |workflow: &'a Workflow| {
            let runs = WorkflowRuns::new(self.workflows.clone(), &workflow.name, workflow.steps_max);
            (workflow.class_name.as_str(), Arc::new(runs))
        };
        own.map(runs).collect()
    }

    /// What runs a Worker by the clock.
    pub(crate) fn crons(&self, plan: &Plan) -> Option<CronTriggers> {
        let triggers = || CronTriggers { schedules: plan.crons.clone(), log: Arc::clone(&self.crons) };
        (!plan.crons.is_empty()).then(triggers)
    }

    /// A queue.
    pub(crate) fn queue(&self, name: &str) -> Result<SqliteQueue, CommandError> {
        let unopened = |source: QueueError| CommandError::Queue { name: name.to_owned(), source };
        self.queues.queue(name).map_err(unopened)
    }

    /// The files that are served beside a Worker. What is wrong in their rules is said as a warning.
    pub(crate) fn assets(&self, plan: &Plan) -> Result<Option<Arc<Assets>>, CommandError> {
        let Some(configured) = &plan.assets else { return Ok(None) };
        let unusable = |source| CommandError::Assets { folder: configured.directory.clone(), source };
        let assets = Assets::open(assets::options(plan, configured)).map_err(unusable)?;
        assets.remarks().iter().for_each(|remark| self.console.warning(remark));
        Ok(Some(Arc::new(assets)))
    }

    /// The caches of a Worker, which no other Worker sees.
    pub(crate) fn cache(&self, worker: &str) -> Result<Arc<dyn Service>, CommandError> {
        Ok(Arc::new(CacheService::new(Arc::new(self.cached(worker)?), Arc::clone(&self.clock))))
    }

    /// What the caches of a Worker hold.
    pub(crate) fn cached(&self, worker: &str) -> Result<SqliteNamespace, CommandError> {
        self.cache
            .namespace(worker)
            .map_err(|source| CommandError::Namespace { id: worker.to_owned(), source })
    }

    /// When a cron trigger of a Worker was due last and ran, in milliseconds since the epoch.
    pub(crate) fn last_run(&self, worker: &str, cron: &str) -> Result<Option<i64>, RunLogError> {
        self.crons.last_run(worker, cron)
    }

    /// The instances of all workflows.
    pub(crate) fn workflow_store(&self) -> &Workflows {
        &self.workflows
    }

    /// A Vectorize index.
    pub(crate) fn index(&self, name: &str) -> SqliteIndex {
        self.vectorize.index(name)
    }

    /// A Worker's classes of Durable Objects as far as any was used or migrated to, and where their objects are kept.
    pub(crate) fn classes_of(&self, worker: &str) -> Vec<(String, Namespace)> {
        self.class_records().classes(worker)
    }

    /// A KV namespace.
    pub(crate) fn namespace(&self, id: &str) -> Result<SqliteNamespace, CommandError> {
        self.kv.namespace(id).map_err(|source| CommandError::Namespace { id: id.to_owned(), source })
    }

    /// A D1 database.
    pub(crate) fn database(&self, id: &str) -> SqliteDatabase {
        self.d1.database(id)
    }

    /// An R2 bucket.
    pub(crate) fn bucket(&self, name: &str) -> Result<SqliteBucket, CommandError> {
        self.r2.bucket(name).map_err(|source| CommandError::Bucket { name: name.to_owned(), source })
    }

    fn kv_service(&self, id: &str) -> Result<Arc<dyn Service>, CommandError> {
        let namespace = self.namespace(id)?;
        Ok(Arc::new(KvService::new(Arc::new(namespace), Arc::clone(&self.clock))))
    }
}

fn migration(configured: &ConfiguredMigration) -> Migration {
    let configured = configured.clone();
    Migration {
        tag: configured.tag,
        new_classes: configured.new_classes,
        new_sqlite_classes: configured.new_sqlite_classes,
        renamed_classes: configured.renamed_classes,
        deleted_classes: configured.deleted_classes,
        transferred_classes: configured.transferred_classes,
    }
}

fn rules(configured: &ConfiguredConsumer) -> ConsumerRules {
    ConsumerRules {
        batch_size_max: configured.batch_size_max as usize,
        batch_timeout_ms: 1000 * configured.batch_timeout_s as i64,
        concurrency_max: configured.concurrency_max.map_or(CONCURRENCY, |most| most as usize),
        retries: RetryRules {
            retries_max: configured.retries_max as u32,
            delay_s: configured.retry_delay_s as i64,
            dead_letter_queue: configured.dead_letter_queue.clone(),
        },
    }
}

//! What the served Workers have, for whoever looks at their data from outside: which namespaces, databases, buckets, queues,
//! indexes and workflows there are, and who calls them what; their schedules; and Workers AI as each is given it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hognose_config::{Plan, Schedule};
use hognose_services::Service;
use serde::Serialize;

use crate::plan;

/// What each Worker has, by the Worker's name, as of its last reading.
#[derive(Default)]
pub(crate) struct Catalog(Mutex<BTreeMap<String, Entry>>);

/// What one Worker has.
struct Entry {
    resources: Vec<Resource>,
    crons: Vec<Schedule>,
    ai: Option<Arc<dyn Service>>,
    /// The share of its invocations that are traced for a collector.
    sampling: f64,
}

/// Something that a binding leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Resource {
    /// What it is.
    pub kind: ResourceKind,
    /// What its data is kept under.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// Its name in the Worker's `env`; none for a queue that the Worker only consumes.
    pub binding: Option<String>,
    /// The Worker.
    pub worker: String,
}

/// The kinds of what can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ResourceKind {
    Kv,
    D1,
    R2,
    Queue,
    Vectorize,
    Workflow,
}

impl Catalog {
    /// Notes what a Worker has, in place of what it had.
    pub(crate) fn set(&self, plan: &Plan, ai: &Arc<dyn Service>) {
        let worker = plan::name(plan).to_owned();
        let ai = plan.ai.as_ref().map(|_| Arc::clone(ai));
        let (resources, crons) = (resources(plan, &worker), plan.crons.clone());
        let entry = Entry { resources, crons, ai, sampling: sampling(plan) };
        self.entries().insert(worker, entry);
    }

    /// Forgets a Worker.
    pub(crate) fn remove(&self, worker: &str) {
        self.entries().remove(worker);
    }

    /// Everything of one kind.
    pub(crate) fn all(&self, kind: ResourceKind) -> Vec<Resource> {
        let entries = self.entries();
        entries
            .values()
            .flat_map(|entry| &entry.resources)
            .filter(|resource| resource.kind == kind)
            .cloned()
            .collect()
    }

    /// Whether a Worker has this.
    pub(crate) fn has(&self, kind: ResourceKind, id: &str) -> bool {
        self.all(kind).iter().any(|resource| resource.id == id)
    }

    /// The names of the Workers.
    pub(crate) fn workers(&self) -> Vec<String> {
        self.entries().keys().cloned().collect()
    }

    /// The schedules of each Worker that has any.
    pub(crate) fn crons(&self) -> Vec<(String, Vec<Schedule>)> {
        let entries = self.entries();
        let scheduled = entries.iter().filter(|(_, entry)| !entry.crons.is_empty());
        scheduled.map(|(worker, entry)| (worker.clone(), entry.crons.clone())).collect()
    }

    /// Workers AI as a Worker has it, where it does.
    pub(crate) fn ai(&self, worker: &str) -> Option<Arc<dyn Service>> {
        self.entries().get(worker)?.ai.clone()
    }

    /// The share of a Worker's invocations that are traced for a collector, 0 to 1.
    pub(crate) fn sampling(&self, worker: &str) -> f64 {
        self.entries().get(worker).map_or(0.0, |entry| entry.sampling)
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the configuration says nothing of observability, whoever names a collector wants all of it.
fn sampling(plan: &Plan) -> f64 {
    let Some(observability) = &plan.observability else { return 1.0 };
    if observability.traces.enabled { observability.traces.head_sampling_rate } else { 0.0 }
}

fn resources(plan: &Plan, worker: &str) -> Vec<Resource> {
    let one = |kind, id: &str, title: &str, binding: Option<&str>| Resource {
        kind,
        id: id.to_owned(),
        title: title.to_owned(),
        binding: binding.map(str::to_owned),
        worker: worker.to_owned(),
    };
    let kv =
        plan.kv_namespaces.iter().map(|kv| one(ResourceKind::Kv, &kv.id, &kv.binding, Some(&kv.binding)));
    let d1 = plan
        .d1_databases
        .iter()
        .map(|d1| one(ResourceKind::D1, &d1.id, d1.name.as_ref().unwrap_or(&d1.binding), Some(&d1.binding)));
    let r2 = plan.r2_buckets.iter().map(|r2| one(ResourceKind::R2, &r2.name, &r2.name, Some(&r2.binding)));
    let producers = plan
        .queue_producers
        .iter()
        .map(|queue| one(ResourceKind::Queue, &queue.queue, &queue.queue, Some(&queue.binding)));
    let consumers =
        plan.queue_consumers.iter().map(|queue| one(ResourceKind::Queue, &queue.queue, &queue.queue, None));
    let indexes = plan.vectorize.iter().map(|index| {
        one(ResourceKind::Vectorize, &index.index_name, &index.index_name, Some(&index.binding))
    });
    let workflows = plan
        .workflows
        .iter()
        .map(|workflow| one(ResourceKind::Workflow, &workflow.name, &workflow.name, Some(&workflow.binding)));
    let queues = producers.chain(consumers);
    kv.chain(d1).chain(r2).chain(queues).chain(indexes).chain(workflows).collect()
}

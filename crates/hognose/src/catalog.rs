//! What the served Workers have in `env`, for whoever looks at their data from outside: which namespaces, databases,
//! buckets and queues there are, and who calls them what.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hognose_config::Plan;
use serde::Serialize;

use crate::plan;

/// What each Worker has, by the Worker's name, as of its last reading.
#[derive(Default)]
pub(crate) struct Catalog(Mutex<BTreeMap<String, Vec<Resource>>>);

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
}

impl Catalog {
    /// Notes what a Worker has, in place of what it had.
    pub(crate) fn set(&self, plan: &Plan) {
        let worker = plan::name(plan).to_owned();
        self.entries().insert(worker.clone(), resources(plan, &worker));
    }

    /// Forgets a Worker.
    pub(crate) fn remove(&self, worker: &str) {
        self.entries().remove(worker);
    }

    /// Everything of one kind.
    pub(crate) fn all(&self, kind: ResourceKind) -> Vec<Resource> {
        let entries = self.entries();
        entries.values().flatten().filter(|resource| resource.kind == kind).cloned().collect()
    }

    /// Whether a Worker has this.
    pub(crate) fn has(&self, kind: ResourceKind, id: &str) -> bool {
        self.all(kind).iter().any(|resource| resource.id == id)
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Resource>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
    kv.chain(d1).chain(r2).chain(producers).chain(consumers).collect()
}

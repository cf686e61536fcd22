//! Durable Objects: which isolate each live one is in, and how events reach it.
//!
//! At most one instance of an object is live. It is placed in an isolate by the first event for it, and stays there until
//! it is *ended*: it was idle for long, it asked to be reset, its Worker was replaced, its isolate died. Ending has an
//! order: what the object was given fails, then its storage is closed, and only then can another instance be placed.
//! Events that come meanwhile wait, in the order in which they came.

mod alarms;
mod calls;
mod commits;
mod facets;
mod questions;
mod socket_events;
mod sockets;
mod storages;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use hognose_services::objects::{Namespace, ObjectStore};
use hognose_wire::objects::ObjectNumber;
use hognose_wire::{Frame, RemoteError};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use crate::isolate::Isolate;
use crate::links::{Directory, Raised};
use facets::Facets;
use sockets::{Kept, ObjectSockets};

pub(crate) use alarms::wake_objects;
pub(crate) use calls::ToObject;
pub(crate) use commits::Bell;
pub(crate) use facets::Facet;
pub(crate) use sockets::ObjectSocket;
pub(crate) use storages::Storages;

/// What its callers are told where an object ends because its Worker has a new version.
const UPDATED: &str = "Durable Object reset because its code was updated.";

/// How often it is looked which objects are idle, at most.
const SWEEP_MAX: Duration = Duration::from_secs(10);

/// Where a binding to a namespace of Durable Objects leads.
#[derive(Clone, Debug)]
pub struct ObjectLink {
    /// The Worker that has the class.
    pub worker: String,
    /// The class.
    pub class: String,
    /// Where its objects are kept.
    pub namespace: Namespace,
    /// What else there is to know where it leads to one facet of an object.
    pub(crate) facet: Option<Facet>,
}

impl ObjectLink {
    /// To all objects of a class.
    pub fn new(worker: String, class: String, namespace: Namespace) -> Self {
        Self { worker, class, namespace, facet: None }
    }
}

/// An object, apart from its instances.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    namespace: String,
    digits: String,
}

/// A live instance.
#[derive(Clone)]
pub(crate) struct Placed {
    pub(crate) isolate: Arc<Isolate>,
    pub(crate) number: ObjectNumber,
}

/// Hands an event to the instance, or learns why there is none. It must not wait.
type Delivery = Box<dyn FnOnce(Result<&Placed, Raised>) + Send>;

/// An event that waits, and the binding that it came through.
struct Waiting {
    link: Arc<ObjectLink>,
    delivery: Delivery,
}

enum Place {
    /// An instance is being placed or ended; these events wait.
    Changing(Vec<Waiting>),
    /// It is there.
    Live { placed: Placed, worker: String, used: Instant },
}

/// All objects of a server.
pub(crate) struct Objects {
    pub(crate) store: Arc<dyn ObjectStore>,
    directory: Arc<Directory>,
    tasks: TaskTracker,
    /// Storage's threads, which are not the runtime's, end instances, too.
    runtime: Handle,
    idle_max: Duration,
    places: Mutex<Places>,
    facets: Mutex<Facets>,
    /// The hibernating sockets of those that have any, or live; the others' are swept out.
    sockets: Mutex<HashMap<Key, Weak<ObjectSockets>>>,
    /// What all sockets of a Worker's objects keep.
    kept: Mutex<HashMap<String, Kept>>,
}

#[derive(Default)]
struct Places {
    of: HashMap<Key, Place>,
    last: u32,
    swept: bool,
}

impl Objects {
    /// Must be called within the server's runtime.
    pub(crate) fn new(
        store: Arc<dyn ObjectStore>,
        directory: Arc<Directory>,
        tasks: TaskTracker,
        idle_max: Duration,
    ) -> Self {
        let runtime = Handle::current();
        Self {
            store,
            directory,
            tasks,
            runtime,
            idle_max,
            places: Mutex::default(),
            facets: Mutex::default(),
            sockets: Mutex::default(),
            kept: Mutex::default(),
        }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(task, &self.runtime);
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all_sockets(&self) -> MutexGuard<'_, HashMap<Key, Weak<ObjectSockets>>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sockets of an object, which outlive its instances.
    fn sockets_of(&self, link: &Arc<ObjectLink>, key: &Key) -> Arc<ObjectSockets> {
        let mut all = self.all_sockets();
        all.get(key).and_then(Weak::upgrade).unwrap_or_else(|| {
            let kept = self.kept().entry(link.worker.clone()).or_default().clone();
            let sockets = ObjectSockets::new(Arc::clone(link), key.digits.clone(), kept);
            all.insert(key.clone(), Arc::downgrade(&sockets));
            sockets
        })
    }

    /// Breaks off all hibernating sockets, of one Worker's objects where one is named.
    pub(crate) fn break_off_sockets(&self, worker: Option<&str>) {
        let all: Vec<_> = self.all_sockets().values().filter_map(Weak::upgrade).collect();
        let broken = all.iter().filter(|sockets| worker.is_none_or(|worker| sockets.link.worker == worker));
        broken.for_each(|sockets| sockets.break_off());
    }

    /// Gives an object an event, in the order of these calls.
    pub(crate) fn deliver(self: &Arc<Self>, link: &Arc<ObjectLink>, digits: &str, delivery: Delivery) {
        if let Some(raised) = link.facet.as_ref().and_then(Facet::broken) {
            return delivery(Err(raised));
        }
        let key = Key { namespace: link.namespace.key.clone(), digits: digits.to_owned() };
        let mut places = self.places();
        match places.of.get_mut(&key) {
            Some(Place::Live { placed, used, .. }) => {
                *used = Instant::now();
                delivery(Ok(placed));
            }
            Some(Place::Changing(waiting)) => waiting.push(Waiting { link: Arc::clone(link), delivery }),
            None => {
                self.enter_facet(&key, link);
                places
                    .of
                    .insert(key.clone(), Place::Changing(vec![Waiting { link: Arc::clone(link), delivery }]));
                drop(places);
                self.begin_to_place(link, key);
            }
        }
    }

    fn begin_to_place(self: &Arc<Self>, link: &Arc<ObjectLink>, key: Key) {
        let (objects, link) = (Arc::clone(self), Arc::clone(link));
        self.spawn(async move {
            let isolate = objects.find_isolate(&link).await;
            objects.place(&link, key, isolate);
        });
    }

    async fn find_isolate(&self, link: &ObjectLink) -> Result<Arc<Isolate>, Raised> {
        if let Some(isolate) = link.facet.as_ref().and_then(Facet::home) {
            return Ok(isolate);
        }
        let Some(slot) = self.directory.find(&link.worker) else {
            return Err(Raised::error(format!("Worker \"{}\" not found.", link.worker)));
        };
        let version = slot.enter().await.map_err(|failure| Raised::error(&failure.message))?;
        version.isolate().await.map_err(|error| Raised::error(error.to_string()))
    }

    /// The object is in the isolate from now on; what waits for it is delivered.
    fn place(self: &Arc<Self>, link: &Arc<ObjectLink>, key: Key, isolate: Result<Arc<Isolate>, Raised>) {
        let mut places = self.places();
        let Some(Place::Changing(waiting)) = places.of.remove(&key) else {
            unreachable!("invariant: only its own task changes an object that is being placed")
        };
        let isolate = match isolate {
            Ok(isolate) => isolate,
            Err(raised) => {
                return waiting.into_iter().for_each(|waiting| (waiting.delivery)(Err(raised.clone())));
            }
        };
        places.last += 1;
        let number = ObjectNumber(places.last);
        let storage = self.store.storage(&link.namespace, &key.digits);
        isolate.storages.open(&isolate, number, storage, self.sockets_of(link, &key));
        let placed = Placed { isolate, number };
        for waiting in waiting {
            (waiting.delivery)(Ok(&placed));
        }
        let ended = placed.isolate.state().is_closing();
        let worker = link.worker.clone();
        places.of.insert(key, Place::Live { placed: placed.clone(), worker, used: Instant::now() });
        let first = !std::mem::replace(&mut places.swept, true);
        drop(places);
        if first {
            self.begin_to_sweep();
        }
        if ended {
            // It died before it could be told what it hosts.
            self.lost(&placed.isolate);
        }
    }

    /// Ends an instance: what it was given and has not answered fails with this, and its sockets break off. Nothing
    /// happens where it has ended.
    pub(crate) fn end(self: &Arc<Self>, isolate: &Arc<Isolate>, number: ObjectNumber, raised: &Raised) {
        if let Some(sockets) = isolate.storages.sockets(number) {
            sockets.break_off();
        }
        let here = |placed: &Placed| placed.number == number && Arc::ptr_eq(&placed.isolate, isolate);
        self.end_where(|_, placed, _, _| here(placed), raised);
    }

    /// Ends all instances in an isolate that is no more.
    pub(crate) fn lost(self: &Arc<Self>, isolate: &Arc<Isolate>) {
        self.end_where(|_, placed, _, _| Arc::ptr_eq(&placed.isolate, isolate), &Raised::lost());
    }

    /// Ends all instances of a Worker's classes: it has a new version.
    pub(crate) fn updated(self: &Arc<Self>, worker: &str) {
        self.end_where(|_, _, of, _| of == worker, &Raised::reset(UPDATED));
        self.break_off_sockets(Some(worker));
    }

    fn end_where(self: &Arc<Self>, ends: impl Fn(&Key, &Placed, &str, Instant) -> bool, raised: &Raised) {
        let mut ended = Vec::new();
        for (key, place) in &mut self.places().of {
            let Place::Live { placed, worker, used } = place else { continue };
            if ends(key, placed, worker, *used) {
                ended.push((key.clone(), placed.clone()));
                *place = Place::Changing(Vec::new());
            }
        }
        let parents: Vec<Key> = ended.iter().map(|(key, _)| key.clone()).collect();
        ended.extend(self.take_facets(&parents));
        for (key, placed) in ended {
            placed.isolate.give_up_object(placed.number, raised);
            placed.isolate.state().send(Frame::EndObject { object: placed.number });
            let objects = Arc::clone(self);
            self.spawn(async move { objects.close(key, placed).await });
        }
    }

    /// Closes the storage of an instance that has ended; then there can be another.
    async fn close(self: Arc<Self>, key: Key, placed: Placed) {
        let (storages, number) = (Arc::clone(&placed.isolate.storages), placed.number);
        // Only a panic in the storage fails here, which then is closed, too.
        let _closed = tokio::task::spawn_blocking(move || storages.close(number)).await;
        self.erase_deleted(&key).await;
        self.let_go(key);
    }

    /// Nobody has the storage any more: what came meanwhile has the object placed.
    fn let_go(self: &Arc<Self>, key: Key) {
        let mut places = self.places();
        let Some(Place::Changing(waiting)) = places.of.remove(&key) else {
            unreachable!("invariant: only its own task changes an object that nobody is to have")
        };
        let Some(link) = waiting.last().map(|waiting| Arc::clone(&waiting.link)) else { return };
        places.of.insert(key.clone(), Place::Changing(waiting));
        drop(places);
        self.begin_to_place(&link, key);
    }

    fn begin_to_sweep(self: &Arc<Self>) {
        let objects = Arc::downgrade(self);
        let pause = (self.idle_max / 2).min(SWEEP_MAX);
        // Not among the tasks that a shutdown waits for: it has nothing to finish.
        self.runtime.spawn(async move {
            loop {
                tokio::time::sleep(pause).await;
                let Some(objects) = Weak::upgrade(&objects) else { return };
                objects.end_idle();
            }
        });
    }

    /// Ends instances that have had nothing to do for long.
    fn end_idle(self: &Arc<Self>) {
        for place in self.places().of.values_mut() {
            if let Place::Live { placed, used, .. } = place
                && placed.isolate.state().works_for(placed.number)
            {
                *used = Instant::now();
            }
        }
        self.end_where(|_, _, _, used| used.elapsed() >= self.idle_max, &Raised::lost());
        self.all_sockets().retain(|_, sockets| sockets.strong_count() > 0);
    }
}

impl Isolate {
    /// An object of this isolate says that it cannot go on.
    pub(crate) fn object_reset(self: &Arc<Self>, number: ObjectNumber, error: RemoteError<'_>) {
        if let Some(objects) = &self.grants.objects {
            objects.end(self, number, &Raised::from(error).of_reset());
        }
    }
}

//! Facets of Durable Objects: objects below an object, which it starts with a class of its own choice. They are placed and
//! ended like all objects; that they end with the one above them, and what a name leads to, is kept here.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, MutexGuard, OnceLock, PoisonError, Weak};

use hognose_services::objects::{Namespace, facet_id};
use hognose_wire::facets::{FACET_DEPTH_MAX, FacetOperation, FacetRequest, FacetStart};
use hognose_wire::objects::{Answer, ObjectId};

use super::{Key, ObjectLink, Objects, Place, Placed};
use crate::isolate::{Breach, Isolate};
use crate::links::{Handle, ObjectHandle, Raised};
use crate::loader::Loaded;

/// What its callers are told of a facet that was deleted.
const DELETED: &str = "Facet was deleted.";

/// What a link to a facet has beside its Worker, its class and its namespace.
#[derive(Clone, Debug)]
pub(crate) struct Facet {
    /// `ctx.props`, as JSON of an object.
    pub(super) props: String,
    digits: String,
    name: Option<String>,
    /// Where the object above it lives, if its class is of the same Worker.
    home: Option<Weak<Isolate>>,
    /// The dynamic Worker that has the class, which is kept.
    kept_by: Option<Arc<Loaded>>,
    /// Why calls through this link fail from now on.
    broken: Arc<OnceLock<Raised>>,
}

impl Facet {
    /// What `ctx.id` is.
    pub(super) fn id(&self) -> ObjectId<'_> {
        ObjectId { digits: &self.digits, name: self.name.as_deref() }
    }

    /// The isolate that it is to be placed in, where that is known.
    pub(super) fn home(&self) -> Option<Arc<Isolate>> {
        self.home.as_ref().and_then(Weak::upgrade).filter(|isolate| !isolate.state().is_closing())
    }

    pub(super) fn broken(&self) -> Option<Raised> {
        self.broken.get().cloned()
    }
}

/// What is known of all facets.
#[derive(Default)]
pub(super) struct Facets {
    /// Those that were started and have not ended since.
    started: HashMap<Key, Arc<ObjectLink>>,
    /// Those whose storage goes once nobody has it.
    deleted: HashSet<Key>,
}

impl Objects {
    fn facets(&self) -> MutexGuard<'_, Facets> {
        self.facets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers an object of that isolate.
    pub(super) fn ask_of_facet(
        self: &Arc<Self>,
        isolate: &Arc<Isolate>,
        (link, digits): (&Arc<ObjectLink>, &str),
        asked: &FacetRequest<'_>,
    ) -> Result<Answer<'static>, Breach> {
        let key = Key { namespace: link.namespace.key.clone(), digits: facet_id(digits, &asked.name) };
        if key.digits.matches('.').count() >= FACET_DEPTH_MAX {
            let message = format!(
                "Facet nesting depth limit exceeded. The maximum depth including the root Durable Object is \
                 {FACET_DEPTH_MAX}."
            );
            return Ok(Answer::Failed { name: "Error".into(), message: message.into(), reset: false });
        }
        match &asked.operation {
            FacetOperation::Find => {
                let found = self.facets().started.get(&key).cloned();
                found.map_or(Ok(Answer::Facet(None)), |found| give(isolate, found, key))
            }
            FacetOperation::Start(start) => {
                let link = link_to(isolate, link, start)?;
                let started = Arc::clone(self.facets().started.entry(key.clone()).or_insert(link));
                give(isolate, started, key)
            }
            FacetOperation::Abort(reason) => {
                self.end_facet(&key, &Raised::error(reason.as_ref()));
                Ok(Answer::Done)
            }
            FacetOperation::Delete => {
                self.delete_facet(key);
                Ok(Answer::Done)
            }
        }
    }

    fn end_facet(self: &Arc<Self>, key: &Key, raised: &Raised) {
        if let Some(facet) = self.facets().started.get(key).and_then(|link| link.facet.as_ref()) {
            // Another reason may have been first.
            let _first = facet.broken.set(raised.clone());
        }
        self.end_where(|other, _, _, _| other == key, raised);
        self.facets().started.remove(key);
    }

    fn delete_facet(self: &Arc<Self>, key: Key) {
        self.end_facet(&key, &Raised::error(DELETED));
        let mut places = self.places();
        let mut facets = self.facets();
        let below = places.of.keys().filter(|other| is_below(other, &key)).cloned();
        facets.deleted.extend(below);
        facets.deleted.insert(key.clone());
        drop(facets);
        if places.of.contains_key(&key) {
            // It is being closed, which goes on with this.
            return;
        }
        places.of.insert(key.clone(), Place::Changing(Vec::new()));
        drop(places);
        let objects = Arc::clone(self);
        self.spawn(async move {
            objects.erase_deleted(&key).await;
            objects.let_go(key);
        });
    }

    /// Removes what a facet has stored that was deleted, now that nobody has it.
    pub(super) async fn erase_deleted(self: &Arc<Self>, key: &Key) {
        if !self.facets().deleted.remove(key) {
            return;
        }
        let (store, gone) = (Arc::clone(&self.store), key.clone());
        let erasing = tokio::task::spawn_blocking(move || {
            store.erase(&Namespace { key: gone.namespace, sql: true }, &gone.digits)
        });
        if !matches!(erasing.await, Ok(Ok(()))) {
            // It is tried again when the facet ends the next time.
            self.facets().deleted.insert(key.clone());
        }
    }

    /// A facet is placed by a stub that was there before it ended: it is to end with the object above it, too.
    pub(super) fn enter_facet(&self, key: &Key, link: &Arc<ObjectLink>) {
        if link.facet.is_some() {
            self.facets().started.entry(key.clone()).or_insert_with(|| Arc::clone(link));
        }
    }

    /// Takes the instances of the facets of objects that end, which end with them.
    pub(super) fn take_facets(&self, parents: &[Key]) -> Vec<(Key, Placed)> {
        let mut facets = self.facets();
        let is_of = |key: &Key| parents.iter().any(|parent| parent == key || is_below(key, parent));
        let ended: Vec<Key> = facets.started.keys().filter(|key| is_of(key)).cloned().collect();
        for key in &ended {
            facets.started.remove(key);
        }
        drop(facets);
        let mut places = self.places();
        let mut taken = Vec::new();
        for key in ended {
            let Some(place) = places.of.get_mut(&key) else { continue };
            if let Place::Live { placed, .. } = place {
                taken.push((key, placed.clone()));
                *place = Place::Changing(Vec::new());
            }
        }
        taken
    }
}

fn is_below(key: &Key, parent: &Key) -> bool {
    let rest = key.digits.strip_prefix(&parent.digits);
    key.namespace == parent.namespace && rest.is_some_and(|rest| rest.starts_with('.'))
}

/// Gives the isolate a capability of a facet.
fn give(isolate: &Arc<Isolate>, link: Arc<ObjectLink>, key: Key) -> Result<Answer<'static>, Breach> {
    let handle = Handle::Object(Arc::new(ObjectHandle { link, digits: key.digits }));
    let held = isolate.state().exports.insert(handle);
    held.map(|cap| Answer::Facet(Some(cap))).map_err(|full| Breach::new(full.to_string()))
}

fn link_to(
    isolate: &Arc<Isolate>,
    above: &Arc<ObjectLink>,
    start: &FacetStart<'_>,
) -> Result<Arc<ObjectLink>, Breach> {
    start.check()?;
    let loaded = match start.loaded.map(|cap| isolate.handle(cap)).transpose()? {
        None => None,
        Some(Handle::Loaded(loaded)) => Some(loaded),
        Some(_) => return Err(Breach::new("it took a class from what is no dynamic Worker")),
    };
    let worker =
        loaded.as_ref().map_or_else(|| above.worker.clone(), |loaded| loaded.slot().name().to_owned());
    let own = || above.facet.as_ref().and_then(|facet| facet.kept_by.clone());
    let facet = Facet {
        props: start.props.clone().into_owned(),
        digits: start.digits.clone().into_owned(),
        name: start.id_name.clone().map(Cow::into_owned),
        home: loaded.is_none().then(|| Arc::downgrade(isolate)),
        kept_by: loaded.or_else(own),
        broken: Arc::default(),
    };
    let namespace = above.namespace.clone();
    let class = start.class.clone().into_owned();
    Ok(Arc::new(ObjectLink { worker, class, namespace, facet: Some(facet) }))
}

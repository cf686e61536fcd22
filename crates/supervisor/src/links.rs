//! What Workers call of each other: where a service binding leads, capabilities that one isolate hosts and another
//! holds, and values on their way between the two.
//!
//! A capability is only ever named by a number in a table of the connection it is used on. Looking it up gives a
//! [`Handle`]; a handle that goes to another isolate gets a number in that one's table. So an isolate reaches what it
//! was given and nothing else.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};

use hognose_services::assets::Assets;
use hognose_wire::objects::digits_of;
use hognose_wire::{Access, CapId, CapRef, Exports, Frame, Payload, RemoteError};

use crate::body::Body;
use crate::calls::Grants;
use crate::identities::Identity;
use crate::isolate::{Answer, Breach, Isolate, Origin, Pending, State};
use crate::loader::{Loaded, Loader};
use crate::objects::ObjectLink;
use crate::slot::Slot;
use crate::streams::Parcel;
use crate::watch::Excess;
use crate::websocket::WebSocket;

/// How deep Workers may call each other on behalf of one event (Cloudflare's).
pub(crate) const DEPTH_MAX: u32 = 32;

/// What Workers say beyond that.
const TOO_DEEP: &str = "Subrequest depth limit exceeded. This request recursed through Workers too many times. This can \
                        happen e.g. if you have a Worker or Durable Object that calls other Workers or objects \
                        recursively.";

/// What a cell did that names a capability which no value can hold.
const PASSED_ON: &str = "it passed on what only its own Worker may use";

/// What a holder is told where the host has gone.
pub(crate) const HOST_GONE: &str = "The execution context which hosts this callback is no longer running.";

/// Where a service binding leads.
#[derive(Clone, Debug)]
pub struct ServiceLink {
    /// The Worker's name.
    pub worker: String,
    /// The class that serves; `None`: the default export.
    pub entrypoint: Option<String>,
    /// `ctx.props` there, as JSON of an object.
    pub props: String,
    /// Keeps the Worker, where it was loaded at run time.
    pub(crate) loaded: Option<Arc<Loaded>>,
}

/// The Workers of a server, by name.
#[derive(Default)]
pub(crate) struct Directory {
    given: RwLock<Vec<Weak<Slot>>>,
    /// Those that others have loaded at run time, and how many there were.
    loaded: RwLock<Vec<Weak<Slot>>>,
    loaded_count: AtomicU64,
}

impl Directory {
    /// Enters these in the place of all others that the server was given.
    pub(crate) fn fill(&self, slots: &[Arc<Slot>]) {
        let entries = slots.iter().map(Arc::downgrade).collect();
        *self.given.write().unwrap_or_else(PoisonError::into_inner) = entries;
    }

    /// Enters a Worker that was loaded at run time.
    pub(crate) fn put_in(&self, slot: &Arc<Slot>) {
        self.loaded.write().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(slot));
    }

    /// Forgets it.
    pub(crate) fn take_out(&self, slot: &Arc<Slot>) {
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        loaded.retain(|other| !std::ptr::eq(other.as_ptr(), Arc::as_ptr(slot)));
    }

    /// Those that were loaded at run time.
    pub(crate) fn loaded(&self) -> Vec<Arc<Slot>> {
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        loaded.iter().filter_map(Weak::upgrade).collect()
    }

    /// A number for one more of them.
    pub(crate) fn next_number(&self) -> u64 {
        self.loaded_count.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Where the objects of a namespace live.
    pub(crate) fn class_of(&self, namespace: &str) -> Option<Arc<ObjectLink>> {
        let entries = self.given.read().unwrap_or_else(PoisonError::into_inner);
        entries.iter().filter_map(Weak::upgrade).find_map(|slot| slot.class_of(namespace))
    }

    pub(crate) fn find(&self, name: &str) -> Option<Arc<Slot>> {
        let named = |entries: &RwLock<Vec<Weak<Slot>>>| {
            let entries = entries.read().unwrap_or_else(PoisonError::into_inner);
            entries.iter().rev().filter_map(Weak::upgrade).find(|slot| slot.name() == name)
        };
        named(&self.given).or_else(|| named(&self.loaded))
    }
}

/// Something that an isolate can call.
#[derive(Clone)]
pub(crate) enum Handle {
    /// A service of its Worker's, which the grants know. It cannot be passed on.
    Granted,
    /// Static files.
    Assets(Arc<Assets>),
    /// The way out, with a client certificate.
    Identity(Arc<Identity>),
    /// A Worker.
    Service(Arc<ServiceLink>),
    /// A namespace of Durable Objects.
    Objects(Arc<ObjectLink>),
    /// One Durable Object.
    Object(Arc<ObjectHandle>),
    /// A function or an object in an isolate.
    Hosted(Arc<Hosted>),
    /// A WebSocket that nobody has opened.
    Socket(Arc<WebSocket>),
    /// What loads Workers. It cannot be passed on.
    Loader(Arc<Loader>),
    /// A Worker that was loaded. It cannot be passed on.
    Loaded(Arc<Loaded>),
}

/// A Durable Object whose stub was passed on.
pub(crate) struct ObjectHandle {
    pub(crate) link: Arc<ObjectLink>,
    pub(crate) digits: String,
}

/// A binding in the `env` of a Worker that is loaded at run time.
#[derive(Clone, Debug)]
pub enum GivenLink {
    /// To a Worker.
    Worker(ServiceLink),
    /// To one Durable Object.
    Object(GivenObject),
}

/// One Durable Object that a Worker gives to one that it loads.
#[derive(Clone)]
pub struct GivenObject(pub(crate) Arc<ObjectHandle>);

impl std::fmt::Debug for GivenObject {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0.digits)
    }
}

/// One reference to what an isolate hosts. It is given back when this is dropped.
pub(crate) struct Hosted {
    pub(crate) isolate: Arc<Isolate>,
    pub(crate) cap: CapId,
}

impl Drop for Hosted {
    fn drop(&mut self) {
        self.isolate.state().send(Frame::Release { cap: self.cap, count: 1 });
    }
}

/// A structured clone between two isolates.
#[derive(Default)]
pub(crate) struct Value {
    pub(crate) bytes: Body,
    pub(crate) caps: Vec<Handle>,
    pub(crate) bodies: Vec<Body>,
}

/// An error between two isolates.
#[derive(Clone, Debug, Default)]
pub(crate) struct Raised {
    pub(crate) name: String,
    pub(crate) message: String,
    pub(crate) stack: String,
    pub(crate) retryable: bool,
    pub(crate) properties: Vec<u8>,
    /// The limit of the Worker's that was in the way, where it was one.
    pub(crate) exceeded: Option<Excess>,
}

impl Raised {
    /// A plain `Error`.
    pub(crate) fn error(message: impl Into<String>) -> Self {
        Self { name: "Error".into(), message: message.into(), ..Self::default() }
    }

    /// What the holder of a Durable Object's stub is told whose instance was lost by no fault of its own.
    pub(crate) fn lost() -> Self {
        Self { retryable: true, ..Self::error("Network connection lost.").of_reset() }
    }

    /// The same where there is a reason.
    pub(crate) fn reset(reason: &str) -> Self {
        Self::error(reason).of_reset()
    }

    /// The same error, by which an instance of a Durable Object ended.
    pub(crate) fn of_reset(self) -> Self {
        Self { properties: flags(&["durableObjectReset"]), ..self }
    }

    /// A Durable Object has too much to do.
    pub(crate) fn overloaded(reason: &str) -> Self {
        Self { properties: flags(&["overloaded"]), ..Self::error(reason) }
    }

    pub(crate) fn too_deep() -> Self {
        Self::error(TOO_DEEP)
    }

    /// What a call of anything but `fetch` on static files comes to (workerd's text).
    pub(crate) fn no_method(call: &MethodCall) -> Self {
        let message = format!("The RPC receiver does not implement the method \"{}\".", call.method);
        Self { name: "TypeError".into(), ..Self::error(message) }
    }

    pub(crate) fn wire(&self) -> RemoteError<'_> {
        let Self { name, message, stack, retryable, properties, exceeded: _ } = self;
        RemoteError { name, message, stack, retryable: *retryable, properties }
    }
}

/// Own properties of an error, all of them `true`, as the cells' structured clones have an object.
fn flags(names: &[&str]) -> Vec<u8> {
    let mut object = vec![serde_json::Value::from("o")];
    object.extend(names.iter().flat_map(|name| [(*name).into(), true.into()]));
    let text = serde_json::Value::Array(object).to_string();
    let mut bytes = (text.len() as u32).to_le_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

impl From<RemoteError<'_>> for Raised {
    fn from(error: RemoteError<'_>) -> Self {
        Self {
            name: error.name.into(),
            message: error.message.into(),
            stack: error.stack.into(),
            retryable: error.retryable,
            properties: error.properties.into(),
            exceeded: None,
        }
    }
}

/// A method call on a handle, apart from its arguments.
#[derive(Clone, Debug)]
pub(crate) struct MethodCall {
    pub(crate) method: String,
    pub(crate) path: Vec<String>,
    pub(crate) read: bool,
}

impl MethodCall {
    pub(crate) fn new(method: &str, access: Access<'_>) -> Self {
        let path = access.path.iter().map(|name| (*name).to_owned()).collect();
        Self { method: method.to_owned(), path, read: access.read }
    }

    pub(crate) fn access(&self) -> Access<'_> {
        Access { path: self.path.iter().map(String::as_str).collect(), read: self.read, ..Access::default() }
    }
}

impl ServiceLink {
    /// To a Worker that the server was given; `entrypoint`: `None` is the default export; `props` is JSON of an object.
    pub fn new(worker: String, entrypoint: Option<String>, props: String) -> Self {
        Self { worker, entrypoint, props, loaded: None }
    }

    /// Whom an event through this link is for.
    pub(crate) fn origin(&self, depth: u32) -> Origin<'_> {
        Origin { entrypoint: self.entrypoint.as_deref(), props: &self.props, depth, object: None }
    }

    /// Gives an event to an isolate of the Worker; `begin` hands it over, or gives it back where the isolate is full.
    pub(crate) async fn invoke<E>(
        &self,
        directory: &Directory,
        mut event: E,
        begin: impl Fn(&Arc<Isolate>, E) -> Result<Pending, E>,
    ) -> Result<Answer, Raised> {
        let slot = self.loaded.as_ref().map(|loaded| loaded.slot()).or_else(|| directory.find(&self.worker));
        let Some(slot) = slot else {
            return Err(Raised::error(format!("Worker \"{}\" not found.", self.worker)));
        };
        let version = slot.enter().await.map_err(|failure| Raised::error(&failure.message))?;
        loop {
            let isolate = version.isolate().await.map_err(|error| Raised::error(error.to_string()))?;
            match begin(&isolate, event) {
                Ok(pending) => {
                    let answer = pending.answer().await;
                    version.succeeded();
                    return Ok(answer);
                }
                Err(unsent) => event = unsent,
            }
        }
    }
}

/// What an isolate holds from the start, under the numbers that its Worker's `env` names.
pub(crate) fn granted(grants: &Grants) -> Exports<Handle> {
    let mut exports = Exports::new();
    exports.pin(grants.outbound, Handle::Granted);
    for cap in grants.services.keys() {
        exports.pin(*cap, Handle::Granted);
    }
    if let Some((cap, assets)) = &grants.assets {
        exports.pin(*cap, Handle::Assets(Arc::clone(assets)));
    }
    for (cap, link) in &grants.links {
        exports.pin(*cap, Handle::Service(Arc::clone(link)));
    }
    if let Some((first, links)) = grants.loopback.get() {
        for (number, handle) in (first.0..).zip(links) {
            exports.pin(CapId(number), handle.clone());
        }
    }
    for (cap, loader) in &grants.loaders {
        exports.pin(*cap, Handle::Loader(Arc::clone(loader)));
    }
    for (cap, identity) in &grants.identities {
        exports.pin(*cap, Handle::Identity(Arc::clone(identity)));
    }
    for (cap, link) in &grants.object_links {
        exports.pin(*cap, Handle::Objects(Arc::clone(link)));
    }
    for (cap, object) in &grants.given_objects {
        exports.pin(*cap, Handle::Object(Arc::clone(&object.0)));
    }
    exports
}

/// A value as the frame to one isolate names it.
pub(crate) struct Packed {
    bytes: Parcel,
    caps: Vec<CapRef>,
    bodies: Vec<Parcel>,
    /// What goes home is held until the frame has been written, for its host might forget it otherwise.
    _held: Vec<Handle>,
}

impl Packed {
    pub(crate) fn wire(&self) -> Payload<'_> {
        Payload {
            bytes: self.bytes.wire(),
            caps: self.caps.clone(),
            bodies: self.bodies.iter().map(Parcel::wire).collect(),
        }
    }
}

impl Isolate {
    /// Takes a value out of a frame of this isolate.
    pub(crate) fn take_value(self: &Arc<Self>, payload: Payload<'_>) -> Result<Value, Breach> {
        let caps = payload.caps.into_iter().map(|cap| self.take_cap(cap)).collect::<Result<_, _>>()?;
        let bodies = payload.bodies.into_iter().map(|body| self.accept(body, None));
        let bodies = bodies.collect::<Result<_, _>>()?;
        Ok(Value { bytes: self.accept(payload.bytes, None)?, caps, bodies })
    }

    fn take_cap(self: &Arc<Self>, cap: CapRef) -> Result<Handle, Breach> {
        match cap {
            CapRef::Sender(cap) => Ok(Handle::Hosted(Arc::new(Hosted { isolate: Arc::clone(self), cap }))),
            CapRef::Receiver(cap) => match self.handle(cap)? {
                Handle::Loader(_) | Handle::Loaded(_) => Err(Breach::new(PASSED_ON)),
                handle => Ok(handle),
            },
            CapRef::Object { namespace, key } => match self.handle(namespace)? {
                Handle::Objects(link) => {
                    Ok(Handle::Object(Arc::new(ObjectHandle { link, digits: digits_of(&key) })))
                }
                _ => Err(Breach::new("it named an object of what is no namespace")),
            },
        }
    }

    /// What this isolate means by a capability of ours.
    pub(crate) fn handle(&self, cap: CapId) -> Result<Handle, Breach> {
        match self.state().exports.get(cap)? {
            Handle::Granted => Err(Breach::new(PASSED_ON)),
            handle => Ok(handle.clone()),
        }
    }

    /// Makes a value ready for a frame to this isolate; it comes back where there is no room.
    pub(crate) fn pack(state: &mut State, value: Value) -> Result<Packed, Value> {
        let Value { bytes, caps, bodies } = value;
        let room = state.streams.has_room_for(bodies.len() + 1) && state.exports.has_room_for(caps.len());
        if !room {
            return Err(Value { bytes, caps, bodies });
        }
        // What the isolate hosts itself has no other form: a Worker that calls itself need not know that it does.
        let name = |handle: &Handle| state.exports.insert(handle.clone());
        let named = caps.iter().map(name).map(|cap| CapRef::Sender(cap.expect("invariant: there is room")));
        let named = named.collect();
        Ok(Packed {
            bytes: state.streams.offer(bytes),
            caps: named,
            bodies: bodies.into_iter().map(|body| state.streams.offer(body)).collect(),
            _held: caps,
        })
    }
}

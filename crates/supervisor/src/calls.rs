//! Calls that an isolate makes on what its Worker was granted: its bindings, and `fetch()`.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hognose_services::assets::Assets;
use hognose_services::{Answer, Call, CallError, Pending, Service};
use hognose_wire::control::Export;
use hognose_wire::handing;
use hognose_wire::limits::VALUE_INLINE_MAX;
use hognose_wire::messages::OPEN;
use hognose_wire::objects::ObjectId;
use hognose_wire::{
    Access, Body as WireBody, CallId, CapId, CapRef, Frame, HttpRequest, InvocationId, LogLevel, Payload,
};
use http::response::Parts;
use tokio_util::task::TaskTracker;

use crate::body::Body;
use crate::egress::{Egress, FetchError, Fetched, Outgoing};
use crate::events::Events;
use crate::exchange;
use crate::identities::Identity;
use crate::isolate::{Breach, Isolate};
use crate::links::{Directory, GivenObject, Handle, MethodCall, ServiceLink};
use crate::loader::{Loader, WayOut};
use crate::objects::{ObjectLink, Objects, ToObject};
use crate::questions::Forks;
use crate::recorder::Tracing;
use crate::streams::{Parcel, remote_error};
use crate::watch::WorkerLimits;
use crate::websocket::WebSocket;

/// The one method of what takes requests. No other can have its name.
const FETCH: &str = "fetch";

/// What an isolate asks of its Worker's own entrypoints only: the same one with other props. No method of a Worker's can be
/// called so, for it is a reserved one with a blank.
const WITH_PROPS: &str = "constructor with props";

/// What an instance of a Durable Object is told that goes on after its end.
const ENDED: &str = "This instance of the Durable Object has ended.";

/// What a Worker is told that has no way into the network (workerd's text).
const NO_WAY_OUT: &str = "This worker is not permitted to access the internet via global functions like fetch(). It must \
                          use capabilities (such as bindings in 'env') to talk to the outside world.";

/// What a Worker is told whose invocation has asked too often.
const TOO_MANY_SUBREQUESTS: &str = "Too many subrequests.";

/// What the isolates of one Worker version may reach, and what they are charged and heard through.
pub(crate) struct Grants {
    /// The Worker's name.
    pub(crate) worker: Arc<str>,
    /// Its bindings.
    pub(crate) services: HashMap<CapId, Arc<dyn Service>>,
    /// The files that are served beside it, and the binding by which it fetches them itself.
    pub(crate) assets: Option<(CapId, Arc<Assets>)>,
    /// Its bindings that lead to Workers.
    pub(crate) links: HashMap<CapId, Arc<ServiceLink>>,
    /// Those that lead to the Worker itself, in the order of its exports, from [`hognose_wire::control::Worker::loopback`]
    /// on; known once it has loaded.
    pub(crate) loopback: OnceLock<(CapId, Vec<Handle>)>,
    /// Its own classes of Durable Objects whose objects are kept somewhere.
    pub(crate) classes: Vec<Arc<ObjectLink>>,
    /// Its bindings that lead to namespaces of Durable Objects.
    pub(crate) object_links: HashMap<CapId, Arc<ObjectLink>>,
    /// Its bindings that lead to one Durable Object.
    pub(crate) given_objects: Vec<(CapId, GivenObject)>,
    /// Its bindings that present a client certificate.
    pub(crate) identities: HashMap<CapId, Arc<Identity>>,
    /// The Durable Objects of the server; a script has none.
    pub(crate) objects: Option<Arc<Objects>>,
    /// Where those are looked up.
    pub(crate) directory: Arc<Directory>,
    /// Its bindings that load Workers at run time.
    pub(crate) loaders: HashMap<CapId, Arc<Loader>>,
    /// The capability through which `fetch()` leaves.
    pub(crate) outbound: CapId,
    /// Where that leads.
    pub(crate) way_out: WayOut,
    pub(crate) egress: Arc<Egress>,
    /// The forks that were ordered of its templates.
    pub(crate) forks: Arc<Forks>,
    pub(crate) events: Arc<Events>,
    /// All tasks of the server, so that a shutdown can wait for them.
    pub(crate) tasks: TaskTracker,
    /// How long what was passed to `waitUntil` may go on after the response.
    pub(crate) wait_until_max: Duration,
    /// Where what is remembered of invocations goes.
    pub(crate) tracing: Tracing,
    /// What the Worker may use.
    pub(crate) limits: WorkerLimits,
}

impl Grants {
    /// Enters a Worker's own exports.
    pub(crate) fn loop_back(&self, first: Option<CapId>, exports: &[Export]) {
        let Some(first) = first else { return };
        let link = |export: &Export| {
            if let Some(class) = self.classes.iter().find(|link| link.class == export.name) {
                return Handle::Objects(Arc::clone(class));
            }
            let entrypoint = Some(export.name.clone()).filter(|name| name != "default");
            let link = ServiceLink::new(self.worker.to_string(), entrypoint, String::new());
            Handle::Service(Arc::new(link))
        };
        // A Worker is loaded once.
        let _once = self.loopback.set((first, exports.iter().map(link).collect()));
    }

    fn is_loopback(&self, cap: CapId) -> bool {
        let last = |(first, links): &(CapId, Vec<_>)| first.0 + links.len() as u32;
        self.loopback.get().is_some_and(|known| cap.0 >= known.0.0 && cap.0 < last(known))
    }
}

impl Isolate {
    /// Acts on a call of the cell: answers it, or starts the task that will.
    pub(crate) fn call(
        self: &Arc<Self>,
        call: CallId,
        invocation: Option<InvocationId>,
        target: CapRef,
        (method, access): (&str, Access<'_>),
        params: Payload<'_>,
    ) -> Result<(), Breach> {
        let CapRef::Receiver(cap) = target else { return Err(Breach::new("it called itself")) };
        self.state().begin_call(call, invocation, (cap, method), &self.grants.tracing)?;
        if self.state().is_given_up(invocation) {
            self.answer_error(call, "Error", ENDED, false);
            return Ok(());
        }
        // Neither is a request: what opens a socket that is there, and what says by which props an export is called.
        let counts = !matches!(method, OPEN | WITH_PROPS);
        if counts && !self.state().spend_subrequest(invocation, self.grants.limits.subrequests_max) {
            self.answer_error(call, "Error", TOO_MANY_SUBREQUESTS, false);
            return Ok(());
        }
        if cap == self.grants.outbound {
            return self.call_outbound(call, invocation, method, params);
        }
        if let Some(service) = self.grants.services.get(&cap) {
            return self.call_service(call, &**service, method, params);
        }
        let depth = self.state().depth_below(invocation);
        match self.handle(cap)? {
            Handle::Service(link) if method == WITH_PROPS && self.grants.is_loopback(cap) => {
                self.specialize(call, &link, params)
            }
            Handle::Objects(link) => {
                let id = access.object.ok_or_else(|| Breach::new("it called no object of a namespace"))?;
                self.call_on_object(call, ToObject::new(link, id, depth), (method, access), params)
            }
            Handle::Object(object) => {
                let id = ObjectId { digits: &object.digits, name: access.object.and_then(|id| id.name) };
                let to = ToObject::new(Arc::clone(&object.link), id, depth);
                self.call_on_object(call, to, (method, access), params)
            }
            Handle::Service(link) if method == handing::SCHEDULED => {
                self.hand_scheduled(call, link, depth, params)
            }
            Handle::Service(link) if method == handing::QUEUE => self.hand_queue(call, link, depth, params),
            Handle::Service(link) if method == FETCH => self.call_worker(call, link, depth, params),
            Handle::Assets(assets) if method == FETCH => self.call_assets(call, &assets, params),
            Handle::Loader(loader) => self.call_loader(call, loader, method, params),
            Handle::Loaded(loaded) => self.enter_loaded(call, loaded, method, params),
            Handle::Identity(identity) if method == FETCH => {
                self.fetch_for_cell(call, params, Some(identity))
            }
            Handle::Socket(socket) if method == OPEN => self.open_socket(call, socket, params),
            Handle::Socket(_) => Err(Breach::new("a WebSocket can only be opened")),
            handle => self.call_method(call, handle, depth, MethodCall::new(method, access), params),
        }
    }

    fn call_on_object(
        self: &Arc<Self>,
        call: CallId,
        to: ToObject,
        (method, access): (&str, Access<'_>),
        params: Payload<'_>,
    ) -> Result<(), Breach> {
        match method {
            FETCH => self.fetch_object(call, to, params),
            _ => self.call_object(call, to, MethodCall::new(method, access), params),
        }
    }

    fn call_service(
        self: &Arc<Self>,
        call: CallId,
        service: &dyn Service,
        method: &str,
        params: Payload<'_>,
    ) -> Result<(), Breach> {
        let accepted: Result<Vec<Body>, Breach> =
            params.bodies.iter().map(|body| self.accept(*body, None)).collect();
        let bodies = accepted?.into_iter().map(Body::into_content).collect();
        match service.call(Call { method, params: inline(params.bytes)?, bodies }) {
            Pending::Ready(result) => self.answer_service(call, result),
            Pending::Later(future) => {
                let isolate = Arc::clone(self);
                self.follow(call, async move {
                    if let Err(breach) = isolate.answer_service(call, future.await) {
                        isolate.expel(breach);
                    }
                });
                Ok(())
            }
        }
    }

    fn call_outbound(
        self: &Arc<Self>,
        call: CallId,
        invocation: Option<InvocationId>,
        method: &str,
        params: Payload<'_>,
    ) -> Result<(), Breach> {
        match &self.grants.way_out {
            WayOut::Network => {}
            WayOut::Worker(link) if method == FETCH => {
                let depth = self.state().depth_below(invocation);
                return self.call_worker(call, Arc::new(link.clone()), depth, params);
            }
            WayOut::Worker(_) | WayOut::Nowhere => {
                self.answer_error(call, "Error", NO_WAY_OUT, false);
                return Ok(());
            }
        }
        match method {
            FETCH => self.fetch_for_cell(call, params, None),
            "connect" => self.connect(call, inline(params.bytes)?),
            "startTls" => self.start_tls(call, inline(params.bytes)?),
            _ => Err(Breach::new(format!("the way out has no method `{}`", method.escape_debug()))),
        }
    }

    /// Performs a request, as whom the binding says where it goes through one.
    fn fetch_for_cell(
        self: &Arc<Self>,
        call: CallId,
        params: Payload<'_>,
        identity: Option<Arc<Identity>>,
    ) -> Result<(), Breach> {
        let request = read_request(inline(params.bytes)?)?;
        let body = self.accept(request.body, None)?;
        let outgoing = match exchange::request(&request) {
            Ok(head) => {
                let web_socket = exchange::asks_for_web_socket(&request);
                Outgoing { head, body, follow_redirects: request.follow_redirects, web_socket }
            }
            Err(error) => {
                self.answer_error(call, "TypeError", &error.to_string(), false);
                return Ok(());
            }
        };
        let isolate = Arc::clone(self);
        self.follow(call, async move {
            match identity.as_deref() {
                Some(Err(missing)) => isolate.answer_error(call, "Error", missing, false),
                Some(Ok(egress)) => isolate.answer_fetch(call, egress.fetch(outgoing).await),
                None => isolate.answer_fetch(call, isolate.grants.egress.fetch(outgoing).await),
            }
        });
        Ok(())
    }

    pub(crate) fn answer_fetch(self: &Arc<Self>, call: CallId, result: Result<Fetched, FetchError>) {
        match result {
            Ok(Fetched { mut head, body, url, redirected, web_socket }) => {
                exchange::strip_hop_by_hop(&mut head.headers);
                let tasks = self.grants.tasks.clone();
                let socket = web_socket.map(|socket| WebSocket::of_network(socket, tasks));
                self.answer_response(call, &head, (&url, redirected), body, socket);
            }
            Err(error) => {
                if let Some(cause) = error.cause() {
                    self.grants.events.log(&self.grants.worker, LogLevel::Debug, cause);
                }
                self.answer_error(call, error.name(), &error.to_string(), false);
            }
        }
    }

    /// Answers a call with a response, and the WebSocket that may come with it.
    pub(crate) fn answer_response(
        self: &Arc<Self>,
        call: CallId,
        head: &Parts,
        url: (&str, bool),
        body: Body,
        socket: Option<Arc<WebSocket>>,
    ) {
        let socket = match socket.map(|socket| self.name_socket(socket)).transpose() {
            Ok(socket) => socket,
            Err(full) => return self.answer_error(call, "Error", &full.to_string(), false),
        };
        let answered = self
            .answer(call, vec![body], |bodies| (exchange::wire_response(head, url, bodies[0], socket), &[]));
        if let (false, Some(CapRef::Sender(cap))) = (answered, socket) {
            let unwanted = self.state().exports.release(cap, 1);
            drop(unwanted);
        }
    }

    fn answer_service(&self, call: CallId, result: Result<Answer, CallError>) -> Result<(), Breach> {
        match result {
            Ok(Answer { bytes, bodies }) => {
                let bodies = bodies.into_iter().map(Body::from).collect();
                self.answer(call, bodies, |bodies| (bytes, bodies));
            }
            Err(CallError::Violation(what)) => return Err(Breach::new(what)),
            Err(CallError::Failed(failure)) => {
                if let Some(cause) = &failure.cause {
                    self.grants.events.log(&self.grants.worker, LogLevel::Error, cause.as_str());
                }
                self.answer_error(call, &failure.name, &failure.message, failure.retryable);
            }
        }
        Ok(())
    }

    /// Answers a call, unless the cell has lost interest. `write` is given the bodies as the frame names them, and says
    /// what the answer's bytes are and which bodies stand beside them (others stand within the bytes). `false`: nobody
    /// has got them.
    pub(crate) fn answer(
        &self,
        call: CallId,
        bodies: Vec<Body>,
        write: impl for<'w> FnOnce(&'w [WireBody<'w>]) -> (Vec<u8>, &'w [WireBody<'w>]),
    ) -> bool {
        // What is not handed over is dropped after the lock is released, being declared before it is taken.
        let mut state = self.state();
        if !state.end_call(call) {
            return false;
        }
        if !state.streams.has_room_for(bodies.len() + 1) {
            let error = remote_error("Error", "Too many streams are open at once.");
            state.send(Frame::Return { call, result: Err(error) });
            return false;
        }
        let parcels: Vec<Parcel> = bodies.into_iter().map(|body| state.streams.offer(body)).collect();
        let named: Vec<WireBody<'_>> = parcels.iter().map(Parcel::wire).collect();
        let (bytes, beside) = write(&named);
        if bytes.len() <= VALUE_INLINE_MAX {
            let bytes = if bytes.is_empty() { WireBody::None } else { WireBody::Inline(&bytes) };
            state.send_return(call, bytes, beside.to_vec());
            return true;
        }
        let bytes = state.streams.offer(Body::Whole(bytes.into()));
        state.send_return(call, bytes.wire(), beside.to_vec());
        true
    }

    pub(crate) fn answer_error(&self, call: CallId, name: &str, message: &str, retryable: bool) {
        let mut state = self.state();
        if state.fail_call(call, message) {
            let mut error = remote_error(name, message);
            error.retryable = retryable;
            state.send(Frame::Return { call, result: Err(error) });
        }
    }

    /// Runs what finds a call's answer, so that the cell's cancelling it, or its death, stops it.
    pub(crate) fn follow(&self, call: CallId, task: impl Future<Output = ()> + Send + 'static) {
        let task = self.grants.tasks.spawn(task);
        self.state().follow_call(call, task.abort_handle());
    }
}

pub(crate) fn read_request(bytes: &[u8]) -> Result<HttpRequest<'_>, Breach> {
    hognose_wire::decode(bytes).map_err(|error| Breach::new(error.to_string()))
}

/// Arguments that stand in the frame itself, as those of every method do: large things are bodies beside them.
pub(crate) fn inline(bytes: WireBody<'_>) -> Result<&[u8], Breach> {
    match bytes {
        WireBody::None => Ok(&[]),
        WireBody::Inline(bytes) => Ok(bytes),
        WireBody::Stream { .. } | WireBody::Returned { .. } => {
            Err(Breach::new("it streamed a call's arguments"))
        }
    }
}

//! Giving an isolate an event to work on.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use hognose_wire::object_sockets::SocketNumber;
use hognose_wire::objects::Object;
use hognose_wire::{
    Body as WireBody, Event, Frame, HttpRequest, MessageKind, Payload, SocketEvent, StreamId,
};
use tokio::sync::oneshot;

use super::account::Account;
use super::answers::{Invocation, Pending, Wants};
use super::{Isolate, State};
use crate::body::Body;
use crate::limits::EVENT_MAX;
use crate::links::{MethodCall, Value};
use crate::trace::OpenTrace;

/// On whose behalf and to whom an event is given; the default: a client's, to the default export.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Origin<'a> {
    /// The class that serves.
    pub(crate) entrypoint: Option<&'a str>,
    /// `ctx.props` as JSON, empty where there are none.
    pub(crate) props: &'a str,
    /// How many Workers called each other before.
    pub(crate) depth: u32,
    /// The Durable Object that it is for.
    pub(crate) object: Option<Object<'a>>,
}

/// The isolate can take no more; the request can go to another one.
pub(crate) struct Refused(pub(crate) Body);

impl Isolate {
    /// Gives the isolate an HTTP request. `request.body` is ignored in favour of `body`.
    pub(crate) fn fetch(
        self: &Arc<Self>,
        origin: Origin<'_>,
        request: HttpRequest<'_>,
        body: Body,
    ) -> Result<Pending, Refused> {
        let mut state = self.state();
        if !state.takes_work() {
            drop(state);
            return Err(Refused(body));
        }
        let parcel = state.streams.offer(body);
        let event = Event::Fetch(HttpRequest { body: parcel.wire(), ..request });
        Ok(self.invoke(&mut state, origin, Wants::Response, parcel.stream(), event))
    }

    /// Has the isolate call a method of an entrypoint; the arguments come back where it can take no more.
    pub(crate) fn rpc(
        self: &Arc<Self>,
        origin: Origin<'_>,
        call: &MethodCall,
        arguments: Value,
    ) -> Result<Pending, Value> {
        let mut state = self.state();
        if !state.takes_work() {
            drop(state);
            return Err(arguments);
        }
        let packed = match Self::pack(&mut state, arguments) {
            Ok(packed) => packed,
            Err(arguments) => {
                drop(state);
                return Err(arguments);
            }
        };
        let event = Event::Rpc { method: &call.method, access: call.access(), args: packed.wire() };
        let pending = self.invoke(&mut state, origin, Wants::Value, None, event);
        drop(state);
        Ok(pending)
    }

    /// Gives the isolate a batch of a queue's messages (a [`hognose_wire::queues::Delivery`]), unless it can take no
    /// more.
    pub(crate) fn queue(self: &Arc<Self>, queue: &str, delivery: &[u8]) -> Option<Pending> {
        let mut state = self.state();
        if !state.takes_work() {
            return None;
        }
        let batch = Payload { bytes: WireBody::Inline(delivery), ..Payload::default() };
        let event = Event::Queue { queue, batch };
        Some(self.invoke(&mut state, Origin::default(), Wants::Nothing, None, event))
    }

    /// Has the isolate run the tests of one of the Worker's entrypoints; `None`: it can take no more.
    pub(crate) fn test(self: &Arc<Self>, entrypoint: Option<&str>) -> Option<Pending> {
        let mut state = self.state();
        if !state.takes_work() {
            return None;
        }
        let origin = Origin { entrypoint, ..Origin::default() };
        Some(self.invoke(&mut state, origin, Wants::Nothing, None, Event::Test))
    }

    /// Gives the isolate an event whose handler's decisions are reported, unless it can take no more.
    pub(crate) fn report(self: &Arc<Self>, origin: Origin<'_>, event: Event<'_>) -> Option<Pending> {
        let mut state = self.state();
        if !state.takes_work() {
            return None;
        }
        Some(self.invoke(&mut state, origin, Wants::Value, None, event))
    }

    /// Gives the isolate an event of a kind that only its handler's name tells, with a value of another Worker's, to report
    /// what it decides; the value comes back where the isolate can take no more.
    pub(crate) fn hand(
        self: &Arc<Self>,
        origin: Origin<'_>,
        handler: &str,
        value: Value,
    ) -> Result<Pending, Value> {
        let mut state = self.state();
        if !state.takes_work() {
            drop(state);
            return Err(value);
        }
        let packed = match Self::pack(&mut state, value) {
            Ok(packed) => packed,
            Err(value) => {
                drop(state);
                return Err(value);
            }
        };
        let pending = self.invoke(
            &mut state,
            origin,
            Wants::Value,
            None,
            Event::Other { handler, payload: packed.wire() },
        );
        drop(state);
        Ok(pending)
    }

    /// Gives the isolate an event whose handler returns nothing; `None`: it can take no more.
    pub(crate) fn notify(self: &Arc<Self>, origin: Origin<'_>, event: Event<'_>) -> Option<Pending> {
        let mut state = self.state();
        if !state.takes_work() {
            return None;
        }
        Some(self.invoke(&mut state, origin, Wants::Nothing, None, event))
    }

    /// Gives the isolate a message that came on a hibernating WebSocket; `None`: it can take no more.
    pub(crate) fn socket_message(
        self: &Arc<Self>,
        origin: Origin<'_>,
        socket: SocketNumber,
        kind: MessageKind,
        content: Bytes,
    ) -> Option<Pending> {
        let mut state = self.state();
        if !state.takes_work() {
            return None;
        }
        let parcel = state.streams.offer(Body::Whole(content));
        let event = SocketEvent::Message { kind, bytes: parcel.wire() };
        let event = Event::WebSocket { socket, event };
        Some(self.invoke(&mut state, origin, Wants::Nothing, parcel.stream(), event))
    }

    /// Gives the isolate a message (a [`hognose_wire::email::Delivery`] and the message itself), unless it can take no
    /// more.
    pub(crate) fn email(self: &Arc<Self>, delivery: &[u8], message: &Bytes) -> Option<Pending> {
        let mut state = self.state();
        if !state.takes_work() {
            return None;
        }
        let parcel = state.streams.offer(Body::Whole(message.clone()));
        let bytes = WireBody::Inline(delivery);
        let payload = Payload { bytes, bodies: vec![parcel.wire()], ..Payload::default() };
        let event = Event::Other { handler: "email", payload };
        Some(self.invoke(&mut state, Origin::default(), Wants::Value, parcel.stream(), event))
    }

    /// Gives the isolate an event of a kind that only its handler's name tells, unless it can take no more.
    pub(crate) fn other(
        self: &Arc<Self>,
        origin: Origin<'_>,
        handler: &str,
        payload: &Bytes,
    ) -> Option<Pending> {
        let mut state = self.state();
        if !state.takes_work() {
            return None;
        }
        let parcel = state.streams.offer(Body::Whole(payload.clone()));
        let payload = Payload { bytes: parcel.wire(), ..Payload::default() };
        let event = Event::Other { handler, payload };
        Some(self.invoke(&mut state, origin, Wants::Nothing, parcel.stream(), event))
    }

    /// How long an event may take to be answered.
    fn wall_max(&self, event: &Event<'_>) -> Option<Duration> {
        let unwatched = matches!(event, Event::Queue { .. } | Event::Scheduled { .. } | Event::Alarm { .. });
        self.grants.limits.wall_max.or(unwatched.then_some(EVENT_MAX))
    }

    fn invoke(
        self: &Arc<Self>,
        state: &mut State,
        origin: Origin<'_>,
        wants: Wants,
        body: Option<StreamId>,
        event: Event<'_>,
    ) -> Pending {
        let (sender, answer) = oneshot::channel();
        let (tracing, pid) = (&self.grants.tracing, self.process.pid());
        let mut trace = OpenTrace::begin(tracing, pid, origin.entrypoint, &event);
        if let Some(object) = origin.object {
            trace.serve_object(object.id.digits);
        }
        let open = Invocation {
            answer: Some(sender),
            body,
            wants,
            depth: origin.depth,
            object: origin.object.map(|object| object.number),
            given_up: false,
            deadline: None,
            account: Account::default(),
            trace: Some(trace),
        };
        let wall_max = self.wall_max(&event);
        let invocation = state.begin(open);
        if let (Some(wall_max), Some(open)) = (wall_max, state.invocations.get_mut(invocation)) {
            open.deadline = Some(self.end_after(invocation, wall_max));
        }
        if !std::mem::replace(&mut state.watched, true) {
            self.begun.notify_one();
        }
        let props = match origin.props {
            "" => WireBody::None,
            json => WireBody::Inline(json.as_bytes()),
        };
        let props = Payload { bytes: props, ..Payload::default() };
        state.send(Frame::Invoke {
            invocation,
            entrypoint: origin.entrypoint,
            object: origin.object,
            props,
            event,
        });
        Pending { isolate: Arc::clone(self), invocation, answer, over: false }
    }
}

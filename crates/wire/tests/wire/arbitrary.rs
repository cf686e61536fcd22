//! Frames of every shape, for property tests. Text and bytes are slices of two constants, so that a frame borrows from
//! something that outlives it. Boxed where they nest: the value trees of a whole frame are too much for a test thread's stack.

use hognose_wire::object_sockets::SocketNumber;
use hognose_wire::objects::{Object, ObjectId, ObjectNumber};
use hognose_wire::{
    Access, Body, CallId, CapId, CapRef, Envelope, Event, Frame, HttpRequest, HttpResponse, InvocationId,
    LogLevel, MessageKind, Outcome, Payload, RemoteError, SocketEvent, StreamId, WriteSeq,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

const TEXTS: &[&str] =
    &["", "get", "GET", "Ünïcode → 🐍", "https://example.com/a?b=c", "\0\n\"", "default", "0123456789"];

/// Every byte value, and long enough that lengths take one, two and three bytes.
static BYTES: [u8; 20_000] = {
    let mut bytes = [0; 20_000];
    let mut index = 0;
    while index < bytes.len() {
        bytes[index] = (index % 251) as u8;
        index += 1;
    }
    bytes
};

fn text() -> impl Strategy<Value = &'static str> {
    select(TEXTS)
}

fn bytes() -> impl Strategy<Value = &'static [u8]> {
    prop_oneof![0..4_usize, 126..130_usize, 16_382..16_386_usize].prop_map(|length| &BYTES[..length])
}

fn invocation() -> impl Strategy<Value = InvocationId> {
    any::<u32>().prop_map(InvocationId)
}

fn call() -> impl Strategy<Value = CallId> {
    any::<u32>().prop_map(CallId)
}

fn stream() -> impl Strategy<Value = StreamId> {
    any::<u32>().prop_map(StreamId)
}

fn cap() -> impl Strategy<Value = CapId> {
    any::<u32>().prop_map(CapId)
}

fn cap_ref() -> impl Strategy<Value = CapRef> {
    prop_oneof![cap().prop_map(CapRef::Sender), cap().prop_map(CapRef::Receiver)]
}

fn body() -> impl Strategy<Value = Body<'static>> {
    prop_oneof![
        Just(Body::None),
        bytes().prop_map(Body::Inline),
        (stream(), any::<Option<u64>>()).prop_map(|(stream, length)| Body::Stream { stream, length }),
        stream().prop_map(|stream| Body::Returned { stream }),
    ]
}

fn payload() -> BoxedStrategy<Payload<'static>> {
    (body(), vec(cap_ref(), 0..4), vec(body(), 0..4))
        .prop_map(|(bytes, caps, bodies)| Payload { bytes, caps, bodies })
        .boxed()
}

fn access() -> impl Strategy<Value = Access<'static>> {
    (vec(text(), 0..4), option::of(object_id()), any::<bool>(), option::of(cap()))
        .prop_map(|(path, object, read, promise)| Access { path, object, read, promise })
}

fn object_id() -> impl Strategy<Value = ObjectId<'static>> {
    (text(), option::of(text())).prop_map(|(digits, name)| ObjectId { digits, name })
}

fn object() -> impl Strategy<Value = Object<'static>> {
    (any::<u32>(), object_id(), any::<bool>()).prop_map(|(number, id, sql)| Object {
        number: ObjectNumber(number),
        id,
        sql,
    })
}

fn remote_error() -> BoxedStrategy<RemoteError<'static>> {
    (text(), text(), text(), any::<bool>(), bytes())
        .prop_map(|(name, message, stack, retryable, properties)| RemoteError {
            name,
            message,
            stack,
            retryable,
            properties,
        })
        .boxed()
}

fn headers() -> impl Strategy<Value = Vec<(&'static str, &'static [u8])>> {
    vec((text(), bytes()), 0..4)
}

fn http_request() -> BoxedStrategy<HttpRequest<'static>> {
    (text(), text(), headers(), text(), any::<bool>(), body())
        .prop_map(|(method, url, headers, cf, follow_redirects, body)| HttpRequest {
            method,
            url,
            headers,
            cf,
            follow_redirects,
            body,
        })
        .boxed()
}

fn http_response() -> BoxedStrategy<HttpResponse<'static>> {
    let flags = (any::<u16>(), any::<bool>(), any::<bool>());
    (flags, text(), text(), headers(), body(), option::of(cap_ref()))
        .prop_map(|((status, redirected, encoded), status_text, url, headers, body, web_socket)| {
            HttpResponse { status, status_text, url, redirected, headers, encoded, body, web_socket }
        })
        .boxed()
}

fn message_kind() -> impl Strategy<Value = MessageKind> {
    select(&[MessageKind::Text, MessageKind::Binary][..])
}

fn socket_event() -> impl Strategy<Value = SocketEvent<'static>> {
    prop_oneof![
        (message_kind(), body()).prop_map(|(kind, bytes)| SocketEvent::Message { kind, bytes }),
        (any::<u16>(), text(), any::<bool>()).prop_map(|(code, reason, was_clean)| SocketEvent::Close {
            code,
            reason,
            was_clean
        }),
        remote_error().prop_map(SocketEvent::Error),
    ]
}

fn event() -> BoxedStrategy<Event<'static>> {
    let time = -1e15..1e15_f64;
    prop_oneof![
        http_request().prop_map(Event::Fetch),
        (text(), access(), payload()).prop_map(|(method, access, args)| Event::Rpc { method, access, args }),
        (text(), time.clone())
            .prop_map(|(cron, scheduled_time_ms)| Event::Scheduled { cron, scheduled_time_ms }),
        (text(), payload()).prop_map(|(queue, batch)| Event::Queue { queue, batch }),
        (any::<u32>(), time)
            .prop_map(|(retry_count, scheduled_time_ms)| Event::Alarm { retry_count, scheduled_time_ms }),
        (any::<u32>().prop_map(SocketNumber), socket_event())
            .prop_map(|(socket, event)| Event::WebSocket { socket, event }),
        Just(Event::Test),
        (text(), payload()).prop_map(|(handler, payload)| Event::Other { handler, payload }),
    ]
    .boxed()
}

fn outcome() -> BoxedStrategy<Outcome<'static>> {
    prop_oneof![
        http_response().prop_map(Outcome::Response),
        payload().prop_map(Outcome::Value),
        Just(Outcome::Done),
        remote_error().prop_map(Outcome::Error),
    ]
    .boxed()
}

fn log_level() -> impl Strategy<Value = LogLevel> {
    use LogLevel::{Debug, Error, Info, Stderr, Stdout, Warn};
    select(&[Debug, Info, Stdout, Stderr, Warn, Error][..])
}

fn invocation_frame() -> BoxedStrategy<Frame<'static>> {
    prop_oneof![
        (invocation(), option::of(text()), option::of(object()), payload(), event()).prop_map(
            |(invocation, entrypoint, object, props, event)| Frame::Invoke {
                invocation,
                entrypoint,
                object,
                props,
                event
            }
        ),
        (invocation(), text())
            .prop_map(|(invocation, reason)| Frame::CancelInvocation { invocation, reason }),
        any::<u32>().prop_map(|object| Frame::EndObject { object: ObjectNumber(object) }),
        (any::<u32>(), remote_error())
            .prop_map(|(object, error)| Frame::ResetObject { object: ObjectNumber(object), error }),
        (any::<u32>(), any::<u32>(), any::<bool>(), body()).prop_map(|(object, socket, last, message)| {
            let (object, socket) = (ObjectNumber(object), SocketNumber(socket));
            Frame::SocketMessage { object, socket, last, message }
        }),
        Just(Frame::OutOfMemory),
        invocation().prop_map(|invocation| Frame::Started { invocation }),
        (invocation(), outcome()).prop_map(|(invocation, outcome)| Frame::Complete { invocation, outcome }),
        (invocation(), any::<u64>()).prop_map(|(invocation, cpu_us)| Frame::Settled { invocation, cpu_us }),
        (option::of(invocation()), log_level(), text(), text())
            .prop_map(|(invocation, level, text, given)| Frame::Log { invocation, level, text, given }),
    ]
    .boxed()
}

fn call_frame() -> BoxedStrategy<Frame<'static>> {
    prop_oneof![
        (call(), option::of(invocation()), cap_ref(), text(), access(), payload()).prop_map(
            |(call, invocation, target, method, access, params)| Frame::Call {
                call,
                invocation,
                target,
                method,
                access,
                params
            }
        ),
        (call(), payload()).prop_map(|(call, value)| Frame::Return { call, result: Ok(value) }),
        (call(), remote_error()).prop_map(|(call, error)| Frame::Return { call, result: Err(error) }),
        call().prop_map(|call| Frame::CancelCall { call }),
        (cap(), any::<u32>()).prop_map(|(cap, count)| Frame::Release { cap, count }),
    ]
    .boxed()
}

fn stream_frame() -> BoxedStrategy<Frame<'static>> {
    prop_oneof![
        (stream(), bytes()).prop_map(|(stream, bytes)| Frame::StreamData { stream, bytes }),
        stream().prop_map(|stream| Frame::StreamEnd { stream }),
        (stream(), remote_error()).prop_map(|(stream, error)| Frame::StreamAbort { stream, error }),
        (stream(), any::<u32>()).prop_map(|(stream, bytes)| Frame::StreamCredit { stream, bytes }),
        (stream(), text()).prop_map(|(stream, reason)| Frame::StreamCancel { stream, reason }),
    ]
    .boxed()
}

/// A frame of any variant, well formed but not necessarily allowed.
pub(crate) fn frame() -> impl Strategy<Value = Frame<'static>> {
    prop_oneof![invocation_frame(), call_frame(), stream_frame()]
}

/// A frame in its envelope.
pub(crate) fn envelope() -> impl Strategy<Value = Envelope<'static>> {
    (any::<u64>(), frame()).prop_map(|(after, frame)| Envelope { after: WriteSeq(after), frame })
}

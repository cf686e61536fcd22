//! Which frames are allowed: direction, and every bound at it and one past it.

use hognose_wire::fetch::{self, ReadError};
use hognose_wire::limits::{
    BODIES_PER_VALUE_MAX, CAPS_PER_VALUE_MAX, CF_MAX, CHUNK_MAX, ERROR_TEXT_MAX, HEADER_BYTES_MAX,
    HEADERS_MAX, INLINE_MAX, LOG_LINE_MAX, NAME_MAX, PATH_MAX, URL_MAX, VALUE_INLINE_MAX,
};
use hognose_wire::object_sockets::SocketNumber;
use hognose_wire::objects::{ID_DIGITS, Object, ObjectId, ObjectNumber};
use hognose_wire::{
    Access, Body, CallId, CapId, CapRef, Event, Frame, HttpRequest, HttpResponse, InvocationId, LogLevel,
    MessageKind, Outcome, Payload, RemoteError, Side, SocketEvent, StreamId, Violation, encode,
};
use proptest::prelude::*;

use crate::arbitrary::frame;

const CALL: CallId = CallId(0);
const INVOCATION: InvocationId = InvocationId(0);
const CELLS: StreamId = StreamId(1);
const SUPERVISORS: StreamId = StreamId(2);

proptest! {
    #[test]
    fn checking_never_panics(frame in frame()) {
        for side in [Side::Supervisor, Side::Cell] {
            let _either_will_do = frame.check(side);
        }
    }
}

/// `build(limit)` passes, `build(limit + 1)` does not.
fn check_limit<'a>(limit: usize, from: Side, build: impl Fn(usize) -> Frame<'a>) {
    assert_eq!(build(limit).check(from), Ok(()));
    match build(limit + 1).check(from) {
        Err(Violation::TooLong { size, limit: named, .. }) => assert_eq!((size, named), (limit + 1, limit)),
        Err(Violation::TooMany { count, limit: named, .. }) => assert_eq!((count, named), (limit + 1, limit)),
        other => panic!("{other:?}"),
    }
}

/// Names and texts of any length; the last takes the largest limit of all.
fn text(length: usize) -> &'static str {
    static TEXT: [u8; VALUE_INLINE_MAX + 1] = [b'x'; VALUE_INLINE_MAX + 1];
    std::str::from_utf8(&TEXT[..length]).unwrap()
}

fn bytes(length: usize) -> &'static [u8] {
    text(length).as_bytes()
}

fn invoke(event: Event) -> Frame {
    Frame::Invoke { invocation: INVOCATION, entrypoint: None, object: None, props: Payload::default(), event }
}

fn complete(outcome: Outcome) -> Frame {
    Frame::Complete { invocation: INVOCATION, outcome }
}

fn request() -> HttpRequest<'static> {
    HttpRequest { method: "GET", url: "", headers: vec![], cf: "", follow_redirects: false, body: Body::None }
}

fn response(status: u16) -> HttpResponse<'static> {
    HttpResponse {
        status,
        status_text: "",
        url: "",
        redirected: false,
        headers: vec![],
        encoded: false,
        body: Body::None,
        web_socket: None,
    }
}

fn call<'a>(method: &'a str, access: Access<'a>, params: Payload<'a>) -> Frame<'a> {
    let target = CapRef::Receiver(CapId(1));
    Frame::Call { call: CALL, invocation: None, target, method, access, params }
}

fn returned(params: Payload) -> Frame {
    Frame::Return { call: CALL, result: Ok(params) }
}

fn failed(error: RemoteError) -> Frame {
    Frame::Return { call: CALL, result: Err(error) }
}

#[test]
fn bounds_of_http_hold() {
    let fetch = |request| invoke(Event::Fetch(request));
    check_limit(NAME_MAX, Side::Supervisor, |n| fetch(HttpRequest { method: text(n), ..request() }));
    check_limit(URL_MAX, Side::Supervisor, |n| fetch(HttpRequest { url: text(n), ..request() }));
    check_limit(CF_MAX, Side::Supervisor, |n| fetch(HttpRequest { cf: text(n), ..request() }));
    check_limit(HEADERS_MAX, Side::Supervisor, |n| {
        fetch(HttpRequest { headers: vec![("a", b"b"); n], ..request() })
    });
    check_limit(HEADER_BYTES_MAX, Side::Supervisor, |n| {
        fetch(HttpRequest { headers: vec![("name", &bytes(n)[4..])], ..request() })
    });
    check_limit(INLINE_MAX, Side::Supervisor, |n| {
        fetch(HttpRequest { body: Body::Inline(bytes(n)), ..request() })
    });

    let answer = |response| complete(Outcome::Response(response));
    check_limit(NAME_MAX, Side::Cell, |n| answer(HttpResponse { status_text: text(n), ..response(200) }));
    check_limit(URL_MAX, Side::Cell, |n| answer(HttpResponse { url: text(n), ..response(200) }));
    check_limit(HEADERS_MAX, Side::Cell, |n| {
        answer(HttpResponse { headers: vec![("a", b"b"); n], ..response(200) })
    });
    check_limit(INLINE_MAX, Side::Cell, |n| {
        answer(HttpResponse { body: Body::Inline(bytes(n)), ..response(200) })
    });
}

#[test]
fn a_response_has_a_status_that_responses_have() {
    for status in [101, 200, 599] {
        assert_eq!(complete(Outcome::Response(response(status))).check(Side::Cell), Ok(()));
    }
    for status in [0, 100, 102, 199, 600] {
        let checked = complete(Outcome::Response(response(status))).check(Side::Cell);
        assert_eq!(checked, Err(Violation::Status { status }));
    }
    for (status, allowed) in [(600, true), (999, true), (199, false), (1000, false)] {
        assert_eq!(response(status).check(Side::Supervisor).is_ok(), allowed);
    }
}

#[test]
fn bounds_of_calls_and_values_hold() {
    let side = Side::Cell;
    let none = Payload::default;
    check_limit(NAME_MAX, side, |n| call(text(n), Access::default(), none()));
    check_limit(NAME_MAX, side, |n| call("", Access { path: vec![text(n)], ..Access::default() }, none()));
    check_limit(PATH_MAX, side, |n| call("", Access { path: vec!["a"; n], ..Access::default() }, none()));
    check_limit(VALUE_INLINE_MAX, side, |n| returned(Payload { bytes: Body::Inline(bytes(n)), ..none() }));
    check_limit(INLINE_MAX, side, |n| returned(Payload { bodies: vec![Body::Inline(bytes(n))], ..none() }));
    check_limit(BODIES_PER_VALUE_MAX, side, |n| returned(Payload { bodies: vec![Body::None; n], ..none() }));
    check_limit(CAPS_PER_VALUE_MAX, side, |n| {
        returned(Payload { caps: vec![CapRef::Sender(CapId(1)); n], ..none() })
    });
    check_limit(NAME_MAX, side, |n| failed(RemoteError { name: text(n), ..RemoteError::default() }));
    check_limit(ERROR_TEXT_MAX, side, |n| failed(RemoteError { message: text(n), ..RemoteError::default() }));
    check_limit(ERROR_TEXT_MAX, side, |n| failed(RemoteError { stack: text(n), ..RemoteError::default() }));
    check_limit(ERROR_TEXT_MAX, side, |n| {
        failed(RemoteError { properties: bytes(n), ..RemoteError::default() })
    });
}

#[test]
fn bounds_of_events_hold() {
    let side = Side::Supervisor;
    let digits = "0".repeat(ID_DIGITS);
    let invoked = |entrypoint, name| Frame::Invoke {
        invocation: INVOCATION,
        entrypoint: Some(entrypoint),
        object: Some(Object {
            number: ObjectNumber(1),
            id: ObjectId { digits: &digits, name: Some(name) },
            sql: true,
        }),
        props: Payload::default(),
        event: Event::Test,
    };
    let empty = Payload::default;
    let socket = SocketNumber(1);
    let happened = |event| invoke(Event::WebSocket { socket, event });
    check_limit(NAME_MAX, side, |n| invoked(text(n), ""));
    check_limit(NAME_MAX, side, |n| invoked("", text(n)));
    check_limit(NAME_MAX, side, |n| invoke(Event::Scheduled { cron: text(n), scheduled_time_ms: 0.0 }));
    check_limit(NAME_MAX, side, |n| invoke(Event::Queue { queue: text(n), batch: empty() }));
    check_limit(NAME_MAX, side, |n| invoke(Event::Other { handler: text(n), payload: empty() }));
    check_limit(NAME_MAX, side, |n| {
        invoke(Event::Rpc { method: text(n), access: Access::default(), args: empty() })
    });
    check_limit(INLINE_MAX, side, |n| {
        happened(SocketEvent::Message { kind: MessageKind::Binary, bytes: Body::Inline(bytes(n)) })
    });
    check_limit(ERROR_TEXT_MAX, side, |n| {
        happened(SocketEvent::Close { code: 1000, reason: text(n), was_clean: true })
    });
    check_limit(ERROR_TEXT_MAX, side, |n| Frame::CancelInvocation {
        invocation: INVOCATION,
        reason: text(n),
    });
    check_limit(LOG_LINE_MAX, Side::Cell, |n| Frame::Log {
        invocation: None,
        level: LogLevel::Info,
        text: text(n),
        given: "",
    });
    check_limit(LOG_LINE_MAX, Side::Cell, |n| Frame::Log {
        invocation: None,
        level: LogLevel::Info,
        text: "",
        given: text(n),
    });
}

#[test]
fn bounds_of_streams_hold() {
    let piece = |bytes| Frame::StreamData { stream: CELLS, bytes };
    check_limit(CHUNK_MAX, Side::Cell, |n| piece(bytes(n)));
    check_limit(ERROR_TEXT_MAX, Side::Supervisor, |n| Frame::StreamCancel { stream: CELLS, reason: text(n) });
    for empty in [piece(b""), Frame::Release { cap: CapId(1), count: 0 }] {
        assert!(matches!(empty.check(Side::Cell), Err(Violation::Empty { .. })), "{empty:?}");
    }
    let credit = |bytes| Frame::StreamCredit { stream: CELLS, bytes }.check(Side::Supervisor);
    assert_eq!(credit(1), Ok(()));
    assert!(matches!(credit(0), Err(Violation::Empty { .. })));
}

#[test]
fn each_side_sends_only_its_frames() {
    let supervisors = [invoke(Event::Test), Frame::CancelInvocation { invocation: INVOCATION, reason: "" }];
    let cells = [
        Frame::Started { invocation: INVOCATION },
        complete(Outcome::Done),
        Frame::Settled { invocation: INVOCATION, cpu_us: 0 },
        Frame::OutOfMemory,
        Frame::Log { invocation: None, level: LogLevel::Info, text: "", given: "" },
    ];
    for (side, frames) in [(Side::Supervisor, &supervisors[..]), (Side::Cell, &cells[..])] {
        for frame in frames {
            let wrong = Violation::WrongDirection { frame: frame.name(), from: side.other() };
            assert_eq!((frame.check(side), frame.check(side.other())), (Ok(()), Err(wrong)));
        }
    }
}

#[test]
fn a_stream_is_used_by_the_sides_that_its_number_says() {
    let written = [
        Frame::StreamData { stream: CELLS, bytes: b"x" },
        Frame::StreamEnd { stream: CELLS },
        Frame::StreamAbort { stream: CELLS, error: RemoteError::default() },
        returned(Payload { bytes: Body::Stream { stream: CELLS, length: None }, ..Payload::default() }),
        returned(Payload { bodies: vec![Body::Returned { stream: SUPERVISORS }], ..Payload::default() }),
    ];
    let read =
        [Frame::StreamCredit { stream: CELLS, bytes: 1 }, Frame::StreamCancel { stream: CELLS, reason: "" }];
    for (side, frames) in [(Side::Cell, &written[..]), (Side::Supervisor, &read[..])] {
        for frame in frames {
            assert_eq!(frame.check(side), Ok(()), "{frame:?}");
            assert!(matches!(frame.check(side.other()), Err(Violation::ForeignStream { .. })), "{frame:?}");
        }
    }
}

#[test]
fn promises_stand_only_where_they_may() {
    let promised = |cap| call("m", Access { promise: Some(cap), ..Access::default() }, Payload::default());
    assert_eq!(promised(CapId::FIRST_PROMISE).check(Side::Cell), Ok(()));
    let below = CapId(CapId::FIRST_PROMISE.0 - 1);
    assert_eq!(promised(below).check(Side::Cell), Err(Violation::MisplacedPromise(below)));

    let listed = |cap| returned(Payload { caps: vec![cap], ..Payload::default() }).check(Side::Cell);
    assert_eq!(listed(CapRef::Sender(below)), Ok(()));
    let promise = CapId::FIRST_PROMISE;
    assert_eq!(listed(CapRef::Sender(promise)), Err(Violation::MisplacedPromise(promise)));
    assert_eq!(listed(CapRef::Receiver(promise)), Err(Violation::MisplacedPromise(promise)));
}

#[test]
fn a_call_goes_to_the_receiver_and_a_read_has_no_arguments() {
    let to = |target| Frame::Call {
        call: CALL,
        invocation: None,
        target,
        method: "m",
        access: Access::default(),
        params: Payload::default(),
    };
    assert_eq!(to(CapRef::Receiver(CapId::FIRST_PROMISE)).check(Side::Cell), Ok(()));
    assert_eq!(to(CapRef::Sender(CapId(3))).check(Side::Cell), Err(Violation::OwnTarget(CapId(3))));

    let read = |params| call("m", Access { read: true, ..Access::default() }, params).check(Side::Cell);
    assert_eq!(read(Payload::default()), Ok(()));
    let arguments = Payload { bytes: Body::Inline(b"[]"), ..Payload::default() };
    assert_eq!(read(arguments), Err(Violation::ArgumentsOfRead));
}

#[test]
fn an_objects_id_is_hexadecimal_digits() {
    let id = |digits| Some(ObjectId { digits, name: None });
    let call =
        |object| call("m", Access { object, ..Access::default() }, Payload::default()).check(Side::Cell);
    let digits = "0123456789abcdef".repeat(4);
    assert_eq!(call(id(&digits)), Ok(()));
    for wrong in [&digits[1..], &"../".repeat(22)[..ID_DIGITS], &digits.to_uppercase(), &digits.repeat(2), ""]
    {
        assert_eq!(call(id(wrong)), Err(Violation::ObjectId));
    }
}

#[test]
fn a_request_at_all_its_limits_fits_into_a_value() {
    let largest = HttpRequest {
        method: text(NAME_MAX),
        url: text(URL_MAX),
        headers: vec![("name", &bytes(HEADER_BYTES_MAX / HEADERS_MAX)[4..]); HEADERS_MAX],
        cf: text(CF_MAX),
        follow_redirects: true,
        body: Body::Inline(bytes(INLINE_MAX)),
    };
    let mut encoded = Vec::new();
    encode(&largest, &mut encoded).unwrap();
    assert!(encoded.len() <= VALUE_INLINE_MAX);
    assert_eq!(fetch::read_request(&encoded[4..], Side::Cell), Ok(largest));
}

#[test]
fn what_stands_within_a_value_is_checked_as_in_a_frame() {
    let foreign = HttpRequest { body: Body::Stream { stream: SUPERVISORS, length: None }, ..request() };
    let mut encoded = Vec::new();
    encode(&foreign, &mut encoded).unwrap();
    let refused = Violation::ForeignStream { stream: SUPERVISORS.0, writer: Side::Cell };
    assert_eq!(fetch::read_request(&encoded[4..], Side::Cell), Err(ReadError::Rule(refused)));
    assert_eq!(fetch::read_request(&encoded[4..], Side::Supervisor), Ok(foreign));

    let mut encoded = Vec::new();
    encode(&response(0), &mut encoded).unwrap();
    let refused = Violation::Status { status: 0 };
    assert_eq!(fetch::read_response(&encoded[4..], Side::Cell), Err(ReadError::Rule(refused)));
    assert!(matches!(fetch::read_response(b"", Side::Cell), Err(ReadError::Protocol(_))));
}

//! What supervisor and isolate say to each other.
//!
//! An *invocation* is one event given to a Worker: it starts with [`Frame::Invoke`], is answered by
//! [`Frame::Complete`], and ends with [`Frame::Settled`] once everything passed to `waitUntil` has settled. A *call*
//! is a request on a capability, in either direction, made on behalf of an invocation. A *stream* is one direction of
//! bytes under credit. Each of the three has its own numbers, chosen by the side that opens it.

use serde::{Deserialize, Serialize};

use crate::form;
use crate::object_sockets::SocketNumber;
use crate::objects::{Object, ObjectNumber};
use crate::value::{Access, Body, CapId, CapRef, Headers, Payload, RemoteError};

/// An invocation's number, chosen by the supervisor, unique on a connection until it is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InvocationId(pub u32);

/// A call's number, chosen by the caller, unique among its open calls on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CallId(pub u32);

/// A stream's number, chosen by its writer: even for streams the supervisor writes, odd for those the cell writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StreamId(pub u32);

/// The number of the last storage write that an outgoing frame depends on; 0: none. The supervisor holds the frame
/// until that write is durable (the output gate), across both sockets.
///
/// The host of the storage numbers the writes, ascending on each isolate's connection, and gives a write's number in
/// the envelope of the [`Frame::Return`] that answers it. The cell puts the largest it has seen for a Durable Object
/// into every envelope that it sends on that object's behalf.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WriteSeq(pub u64);

/// Why an invocation is cancelled: its client has gone. Its signal aborts, everything else goes on.
pub const CLIENT_GONE: &str = "The client has disconnected";
/// Why an invocation is cancelled: it was answered, and what `waitUntil` kept has used up its time. It settles.
pub const WAIT_UNTIL_OVER: &str = "exceededWallTime";
/// Why an invocation is cancelled: it has used up its time, and fails.
pub const TIME_OVER: &str = "exceededTime";

/// A frame and the write it waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope<'a> {
    /// See [`WriteSeq`].
    pub after: WriteSeq,
    /// The message.
    #[serde(borrow)]
    pub frame: Frame<'a>,
}

/// One message. The comment says who may send it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Frame<'a> {
    /// Supervisor: serve this event.
    Invoke {
        /// Its number.
        invocation: InvocationId,
        /// The class that serves it; `None`: the default export.
        entrypoint: Option<&'a str>,
        /// The Durable Object it is for; `None` where stateless.
        object: Option<Object<'a>>,
        /// `ctx.props`: an object as JSON text; no bytes at all: an empty one.
        props: Payload<'a>,
        /// What happened.
        #[serde(borrow)]
        event: Event<'a>,
    },
    /// Supervisor: the client has gone or the time is up; signals abort, `waitUntil` work goes on.
    CancelInvocation {
        /// Which.
        invocation: InvocationId,
        /// [`CLIENT_GONE`] or [`WAIT_UNTIL_OVER`].
        reason: &'a str,
    },
    /// Cell: the handler of this invocation has begun. Sent only where the turn of the loop that began it sends no
    /// other word of it, so that the supervisor can tell an isolate that computes from one that waits.
    Started {
        /// Which.
        invocation: InvocationId,
    },
    /// Cell: the handler's result.
    Complete {
        /// Which.
        invocation: InvocationId,
        /// The result.
        #[serde(borrow)]
        outcome: Outcome<'a>,
    },
    /// Cell: handler and `waitUntil` work are over, no capability that the invocation handed out is held any longer, and
    /// its number is free again.
    Settled {
        /// Which.
        invocation: InvocationId,
        /// Thread CPU time charged to it, in microseconds.
        cpu_us: u64,
    },
    /// Cell: no memory is left to go on with. It ends now, and whatever it was given has failed of that.
    OutOfMemory,
    /// Supervisor: this object is no longer here. What it does from now on reaches nobody; its storage is closed.
    EndObject {
        /// Which.
        object: ObjectNumber,
    },
    /// Cell: this object cannot go on (it was aborted, or could not be made). What it was given and has not answered
    /// fails with the error; who asks for it next finds another one.
    ResetObject {
        /// Which.
        object: ObjectNumber,
        /// Why.
        #[serde(borrow)]
        error: RemoteError<'a>,
    },
    /// Cell: a message on a socket of an object's that hibernates.
    SocketMessage {
        /// Whose.
        object: ObjectNumber,
        /// On which.
        socket: SocketNumber,
        /// Whether it closes the socket.
        last: bool,
        /// One message in the form of [`crate::messages`].
        message: Body<'a>,
    },
    /// Either side: call a method of a capability that the receiver hosts.
    Call {
        /// Its number.
        call: CallId,
        /// On whose behalf.
        invocation: Option<InvocationId>,
        /// What to call.
        target: CapRef,
        /// The method, in the vocabulary of the capability's kind (`kv.get`, `fetch`, an RPC method's name).
        method: &'a str,
        /// How JavaScript RPC reaches the method from the target; the default for every other kind.
        access: Access<'a>,
        /// The arguments, in the encoding of the capability's kind.
        #[serde(borrow)]
        params: Payload<'a>,
    },
    /// Either side: the answer to a call.
    Return {
        /// Which.
        call: CallId,
        /// The result, in the encoding of the capability's kind.
        #[serde(borrow)]
        result: Result<Payload<'a>, RemoteError<'a>>,
    },
    /// The caller no longer wants the answer. The other side still answers, so that the number can be freed.
    CancelCall {
        /// Which.
        call: CallId,
    },
    /// The receiver of a capability gives back `count` references to it.
    Release {
        /// In the table of this frame's receiver.
        cap: CapId,
        /// How many.
        count: u32,
    },
    /// The writer of a byte stream: the next piece, within the credit granted.
    StreamData {
        /// Which.
        stream: StreamId,
        /// At most [`crate::limits::CHUNK_MAX`] bytes, not empty.
        #[serde(serialize_with = "form::bytes")]
        bytes: &'a [u8],
    },
    /// The writer: that was all.
    StreamEnd {
        /// Which.
        stream: StreamId,
    },
    /// The writer: the rest will not come.
    StreamAbort {
        /// Which.
        stream: StreamId,
        /// Why.
        #[serde(borrow)]
        error: RemoteError<'a>,
    },
    /// The reader: that many more bytes may be sent.
    StreamCredit {
        /// Which.
        stream: StreamId,
        /// How many more.
        bytes: u32,
    },
    /// The reader: nothing more is wanted. The writer stops and forgets the stream.
    StreamCancel {
        /// Which.
        stream: StreamId,
        /// Why, shown to the writer.
        reason: &'a str,
    },
    /// Cell: a line of `print`, `console` or a traceback.
    Log {
        /// Whose; `None` outside any invocation.
        invocation: Option<InvocationId>,
        /// How loud.
        level: LogLevel,
        /// At most [`crate::limits::LOG_LINE_MAX`] bytes.
        text: &'a str,
        /// What a `console` method was given, in JSON for tail consumers; empty where nobody asks. As long at the most.
        given: &'a str,
    },
}

/// What a Worker can be asked to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event<'a> {
    /// An HTTP request, from outside or through a service binding.
    #[serde(borrow)]
    Fetch(HttpRequest<'a>),
    /// A method call on an entrypoint or Durable Object.
    Rpc {
        /// The method.
        method: &'a str,
        /// How the method is reached from the entrypoint.
        #[serde(borrow)]
        access: Access<'a>,
        /// Its arguments: an array as structured-clone bytes.
        args: Payload<'a>,
    },
    /// A cron trigger.
    Scheduled {
        /// The pattern as configured.
        cron: &'a str,
        /// When it was due, in milliseconds since the epoch.
        scheduled_time_ms: f64,
    },
    /// A batch of queue messages.
    Queue {
        /// The queue's name.
        queue: &'a str,
        /// The messages, in the encoding of the queue service.
        batch: Payload<'a>,
    },
    /// A Durable Object's alarm.
    Alarm {
        /// How many times it has failed before.
        retry_count: u32,
        /// When it was due, in milliseconds since the epoch.
        scheduled_time_ms: f64,
    },
    /// Something happened on a hibernatable WebSocket of a Durable Object.
    WebSocket {
        /// The socket.
        socket: SocketNumber,
        /// What happened.
        event: SocketEvent<'a>,
    },
    /// `test()`: run the Worker's own tests.
    Test,
    /// Any other event (`email`, `tail`, `trace` ...): the handler's name and its argument.
    Other {
        /// The handler's name.
        handler: &'a str,
        /// Its argument, in the encoding that the handler's kind defines.
        payload: Payload<'a>,
    },
}

/// What happened on a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SocketEvent<'a> {
    /// A message came.
    Message {
        /// Text or binary.
        kind: MessageKind,
        /// Its content.
        #[serde(borrow)]
        bytes: Body<'a>,
    },
    /// The other end closed.
    Close {
        /// RFC 6455 code.
        code: u16,
        /// The reason given.
        reason: &'a str,
        /// Whether a close frame came.
        was_clean: bool,
    },
    /// The connection broke in a way that its user is told of.
    Error(#[serde(borrow)] RemoteError<'a>),
}

/// Which kind of WebSocket message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MessageKind {
    /// UTF-8 text.
    Text,
    /// Bytes.
    Binary,
}

/// What a handler gave back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome<'a> {
    /// To [`Event::Fetch`].
    #[serde(borrow)]
    Response(HttpResponse<'a>),
    /// To [`Event::Rpc`], and what other handlers decided (a queue's acknowledgements, `noRetry`).
    Value(Payload<'a>),
    /// To events whose handlers return nothing and decide nothing.
    Done,
    /// The handler raised, or gave something that is not its kind of answer.
    Error(RemoteError<'a>),
}

/// An HTTP request on its way into or out of a cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRequest<'a> {
    /// `GET` ...
    pub method: &'a str,
    /// Absolute, normalised.
    pub url: &'a str,
    /// In order, names in lower case.
    #[serde(borrow, serialize_with = "form::headers", deserialize_with = "form::headers_max")]
    pub headers: Headers<'a>,
    /// `request.cf` as JSON; empty: undefined. On a `fetch`: `init.cf`.
    pub cf: &'a str,
    /// Whether redirects are followed by the one who performs the request.
    pub follow_redirects: bool,
    /// The body.
    pub body: Body<'a>,
}

/// An HTTP response on its way into or out of a cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpResponse<'a> {
    /// 101 or 200 to 599.
    pub status: u16,
    /// The reason phrase.
    pub status_text: &'a str,
    /// The final URL where redirects were followed; empty for responses a Worker made.
    pub url: &'a str,
    /// Whether a redirect was followed.
    pub redirected: bool,
    /// In order, names in lower case.
    #[serde(borrow, serialize_with = "form::headers", deserialize_with = "form::headers_max")]
    pub headers: Headers<'a>,
    /// Whether the body is already in the content encoding its headers name (`encodeBody: "manual"`).
    pub encoded: bool,
    /// The body.
    pub body: Body<'a>,
    /// With status 101: the socket's capability ([`crate::messages`]).
    pub web_socket: Option<CapRef>,
}

/// How loud a log line is, as in `console`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogLevel {
    /// `console.debug`.
    Debug,
    /// `console.log`, `console.info`.
    Info,
    /// `print` to standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// `console.warn`.
    Warn,
    /// `console.error`, and uncaught exceptions.
    Error,
}

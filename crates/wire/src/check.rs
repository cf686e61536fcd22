//! What a frame may say, whoever reads it: which side may send it, and the bounds of [`crate::limits`]. Both sides check
//! twice, before writing and after reading; what depends on what was said before is for the tables to see.

use crate::frame::{Event, Frame, HttpRequest, HttpResponse, Outcome, SocketEvent, StreamId};
use crate::limits::{
    BODIES_PER_VALUE_MAX, CAPS_PER_VALUE_MAX, CF_MAX, CHUNK_MAX, ERROR_TEXT_MAX, HEADER_BYTES_MAX,
    HEADERS_MAX, INLINE_MAX, LOG_LINE_MAX, NAME_MAX, PATH_MAX, URL_MAX, VALUE_INLINE_MAX,
};
use crate::objects::ObjectId;
use crate::side::Side;
use crate::value::{Access, Body, CapRef, Headers, Payload, RemoteError};
use crate::violation::Violation;

pub(crate) type Checked = Result<(), Violation>;

impl Frame<'_> {
    /// Whether `from` may send this on the asynchronous socket.
    pub fn check(&self, from: Side) -> Checked {
        match self {
            Self::Invoke { entrypoint, object, props, event, .. } => {
                self.only(Side::Supervisor, from)?;
                at_most("entrypoint", entrypoint.map_or(0, str::len), NAME_MAX)?;
                object.map_or(Ok(()), |object| event_object_id(&object.id))?;
                payload(props, from)?;
                check_event(event, from)
            }
            Self::CancelInvocation { reason, .. } => {
                self.only(Side::Supervisor, from)?;
                at_most("reason", reason.len(), ERROR_TEXT_MAX)
            }
            Self::EndObject { .. } => self.only(Side::Supervisor, from),
            Self::ResetObject { error, .. } => {
                self.only(Side::Cell, from)?;
                remote_error(error)
            }
            Self::SocketMessage { message, .. } => {
                self.only(Side::Cell, from)?;
                body(message, from)
            }
            Self::Started { .. } | Self::Settled { .. } | Self::OutOfMemory => self.only(Side::Cell, from),
            Self::Complete { outcome, .. } => {
                self.only(Side::Cell, from)?;
                check_outcome(outcome, from)
            }
            Self::Call { target, method, access, params, .. } => call(*target, method, access, params, from),
            Self::Return { result: Ok(value), .. } => payload(value, from),
            Self::Return { result: Err(error), .. } => remote_error(error),
            Self::CancelCall { .. } => Ok(()),
            Self::Release { count, .. } => not_empty("a release", *count as usize),
            Self::Log { text, given, .. } => {
                self.only(Side::Cell, from)?;
                at_most("log line", text.len(), LOG_LINE_MAX)?;
                at_most("logged arguments", given.len(), LOG_LINE_MAX)
            }
            _ => self.check_stream(from),
        }
    }

    /// The variant's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Invoke { .. } => "Invoke",
            Self::CancelInvocation { .. } => "CancelInvocation",
            Self::Started { .. } => "Started",
            Self::Complete { .. } => "Complete",
            Self::Settled { .. } => "Settled",
            Self::OutOfMemory => "OutOfMemory",
            Self::EndObject { .. } => "EndObject",
            Self::ResetObject { .. } => "ResetObject",
            Self::SocketMessage { .. } => "SocketMessage",
            Self::Call { .. } => "Call",
            Self::Return { .. } => "Return",
            Self::CancelCall { .. } => "CancelCall",
            Self::Release { .. } => "Release",
            Self::StreamData { .. } => "StreamData",
            Self::StreamEnd { .. } => "StreamEnd",
            Self::StreamAbort { .. } => "StreamAbort",
            Self::StreamCredit { .. } => "StreamCredit",
            Self::StreamCancel { .. } => "StreamCancel",
            Self::Log { .. } => "Log",
        }
    }

    fn check_stream(&self, from: Side) -> Checked {
        match self {
            Self::StreamData { stream, bytes } => {
                written_by(*stream, from)?;
                not_empty("a piece of a stream", bytes.len())?;
                at_most("piece of a stream", bytes.len(), CHUNK_MAX)
            }
            Self::StreamEnd { stream } => written_by(*stream, from),
            Self::StreamAbort { stream, error } => {
                written_by(*stream, from)?;
                remote_error(error)
            }
            Self::StreamCredit { stream, bytes } => {
                written_by(*stream, from.other())?;
                not_empty("credit", *bytes as usize)
            }
            Self::StreamCancel { stream, reason } => {
                written_by(*stream, from.other())?;
                at_most("reason", reason.len(), ERROR_TEXT_MAX)
            }
            _ => Ok(()),
        }
    }

    fn only(&self, side: Side, from: Side) -> Checked {
        if side == from { Ok(()) } else { Err(Violation::WrongDirection { frame: self.name(), from }) }
    }
}

fn check_event(event: &Event, from: Side) -> Checked {
    match event {
        Event::Fetch(request) => request.check(from),
        Event::Rpc { method, access, args } => member(method, access, args, from),
        Event::Scheduled { cron, .. } => at_most("cron pattern", cron.len(), NAME_MAX),
        Event::Queue { queue, batch } => {
            at_most("queue name", queue.len(), NAME_MAX)?;
            payload(batch, from)
        }
        Event::Alarm { .. } | Event::Test => Ok(()),
        Event::WebSocket { event, .. } => socket_event(event, from),
        Event::Other { handler, payload: value } => {
            at_most("handler", handler.len(), NAME_MAX)?;
            payload(value, from)
        }
    }
}

fn socket_event(event: &SocketEvent, from: Side) -> Checked {
    match event {
        SocketEvent::Message { bytes, .. } => body(bytes, from),
        SocketEvent::Close { reason, .. } => at_most("reason", reason.len(), ERROR_TEXT_MAX),
        SocketEvent::Error(error) => remote_error(error),
    }
}

fn check_outcome(outcome: &Outcome, from: Side) -> Checked {
    match outcome {
        Outcome::Response(response) => response.check(from),
        Outcome::Value(value) => payload(value, from),
        Outcome::Done => Ok(()),
        Outcome::Error(error) => remote_error(error),
    }
}

impl HttpRequest<'_> {
    /// Whether `from` may make this request: its bounds, and whose streams it names.
    pub fn check(&self, from: Side) -> Checked {
        not_empty("an HTTP method", self.method.len())?;
        at_most("HTTP method", self.method.len(), NAME_MAX)?;
        at_most("URL", self.url.len(), URL_MAX)?;
        at_most("cf", self.cf.len(), CF_MAX)?;
        headers(&self.headers)?;
        body(&self.body, from)
    }
}

impl HttpResponse<'_> {
    /// Whether `from` may give this response: its status, its bounds, and whose streams it names.
    pub fn check(&self, from: Side) -> Checked {
        // Servers out there invent statuses; a Worker may not.
        let last = if from == Side::Cell { 599 } else { 999 };
        if self.status != 101 && !(200..=last).contains(&self.status) {
            return Err(Violation::Status { status: self.status });
        }
        at_most("reason phrase", self.status_text.len(), NAME_MAX)?;
        at_most("URL", self.url.len(), URL_MAX)?;
        headers(&self.headers)?;
        self.web_socket.map_or(Ok(()), listed)?;
        body(&self.body, from)
    }
}

fn headers(headers: &Headers) -> Checked {
    no_more("headers", headers.len(), HEADERS_MAX)?;
    let bytes = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    at_most("header fields", bytes, HEADER_BYTES_MAX)
}

fn call(target: CapRef, method: &str, access: &Access, params: &Payload, from: Side) -> Checked {
    if let CapRef::Sender(cap) = target {
        return Err(Violation::OwnTarget(cap));
    }
    member(method, access, params, from)
}

fn member(method: &str, access: &Access, params: &Payload, from: Side) -> Checked {
    at_most("method", method.len(), NAME_MAX)?;
    no_more("properties of a path", access.path.len(), PATH_MAX)?;
    access.path.iter().try_for_each(|property| at_most("property", property.len(), NAME_MAX))?;
    access.object.map_or(Ok(()), |id| object_id(&id))?;
    if let Some(promise) = access.promise.filter(|cap| !cap.is_promise()) {
        return Err(Violation::MisplacedPromise(promise));
    }
    if access.read && *params != Payload::default() {
        return Err(Violation::ArgumentsOfRead);
    }
    payload(params, from)
}

/// The id of an object that an event is for; that of a facet may be a text.
pub(crate) fn event_object_id(id: &ObjectId) -> Checked {
    match id {
        ObjectId { digits: "", name: Some(text) } => at_most("facet's id", text.len(), NAME_MAX),
        id => object_id(id),
    }
}

fn object_id(id: &ObjectId) -> Checked {
    if !id.is_well_formed() {
        return Err(Violation::ObjectId);
    }
    at_most("object's name", id.name.map_or(0, str::len), NAME_MAX)
}

fn payload(value: &Payload, from: Side) -> Checked {
    no_more("capabilities", value.caps.len(), CAPS_PER_VALUE_MAX)?;
    no_more("bodies", value.bodies.len(), BODIES_PER_VALUE_MAX)?;
    value.caps.iter().copied().try_for_each(|cap| in_value(cap, from))?;
    value.bodies.iter().try_for_each(|part| body(part, from))?;
    match value.bytes {
        Body::Inline(bytes) => at_most("inline value", bytes.len(), VALUE_INLINE_MAX),
        _ => body(&value.bytes, from),
    }
}

/// The supervisor has a number for each object that it hands out.
fn in_value(cap: CapRef, from: Side) -> Checked {
    if let (CapRef::Object { namespace, .. }, Side::Supervisor) = (cap, from) {
        return Err(Violation::UnknownCap(namespace));
    }
    listed(cap)
}

/// A promise is only ever called: neither its host nor its holder lists it in a value.
fn listed(cap: CapRef) -> Checked {
    let (CapRef::Sender(cap) | CapRef::Receiver(cap) | CapRef::Object { namespace: cap, .. }) = cap;
    if cap.is_promise() { Err(Violation::MisplacedPromise(cap)) } else { Ok(()) }
}

fn body(body: &Body, from: Side) -> Checked {
    match body {
        Body::None => Ok(()),
        Body::Inline(bytes) => at_most("inline body", bytes.len(), INLINE_MAX),
        Body::Stream { stream, .. } => written_by(*stream, from),
        Body::Returned { stream } => written_by(*stream, from.other()),
    }
}

fn remote_error(error: &RemoteError) -> Checked {
    at_most("error name", error.name.len(), NAME_MAX)?;
    at_most("error message", error.message.len(), ERROR_TEXT_MAX)?;
    at_most("error stack", error.stack.len(), ERROR_TEXT_MAX)?;
    at_most("error properties", error.properties.len(), ERROR_TEXT_MAX)
}

fn written_by(stream: StreamId, writer: Side) -> Checked {
    if stream.writer() == writer {
        Ok(())
    } else {
        Err(Violation::ForeignStream { stream: stream.0, writer })
    }
}

pub(crate) fn at_most(what: &'static str, size: usize, limit: usize) -> Checked {
    if size > limit { Err(Violation::TooLong { what, size, limit }) } else { Ok(()) }
}

pub(crate) fn no_more(what: &'static str, count: usize, limit: usize) -> Checked {
    if count > limit { Err(Violation::TooMany { what, count, limit }) } else { Ok(()) }
}

fn not_empty(what: &'static str, size: usize) -> Checked {
    if size == 0 { Err(Violation::Empty { what }) } else { Ok(()) }
}

//! The outside, as the web platform sees it: `web`'s host trait over the link and the event loop; and the translations
//! between the web platform's bodies and errors and the wire's.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use hognose_engine::{Context, Deferred, Result, Thrown, Value};
use hognose_ffi::event_loop;
use hognose_web::{
    BodyId, BodySource, Done, HeaderList, Host, HostError, IncomingBody, IncomingMessage, IncomingResponse,
    LogLevel as WebLevel, OutgoingMessage, OutgoingRequest, RequestHandle, RequestHead, SocketConnection,
    SocketRequest, TimerId,
};
use hognose_wire::{Body, CallId, CapId, HttpRequest, LogLevel, Payload, Side, StreamId, fetch};
use pyo3::Python;

use crate::cell::Cell;
use crate::link::{Content, Link, OwnedError};
use crate::objects::Target;
use crate::random::Random;
use crate::{sockets, web_sockets};

/// What Workers say to I/O at the top level.
pub(crate) const GLOBAL_SCOPE: &str = "Disallowed operation called within global scope. Asynchronous I/O (ex: fetch() \
    or connect()), setting a timeout, and generating random values are not allowed within global scope. To fix this \
    error, perform this operation within a handler. https://developers.cloudflare.com/workers/runtime-apis/handlers/";

/// What Workers say when a connection breaks.
pub(crate) const LOST: &str = "Network connection lost.";
/// A number that no stream has: what is written to it is refused.
const NO_STREAM: BodyId = BodyId(u32::MAX);

/// See the module.
pub(crate) struct CellHost {
    cell: Weak<Cell>,
    /// The calls behind fetches under way, and the handles that JavaScript knows them by.
    fetches: Rc<RefCell<Fetches>>,
    start: Instant,
}

#[derive(Default)]
struct Fetches {
    last: u32,
    calls: HashMap<RequestHandle, CallId>,
}

impl CellHost {
    pub(crate) fn new(cell: &Rc<Cell>) -> Self {
        Self { cell: Rc::downgrade(cell), fetches: Rc::default(), start: Instant::now() }
    }

    fn cell(&self) -> Rc<Cell> {
        self.cell.upgrade().expect("invariant: a process's cell lives as long as the process")
    }

    fn link(&self) -> std::result::Result<Rc<Link>, OwnedError> {
        self.cell().link().ok_or_else(|| OwnedError::error(GLOBAL_SCOPE))
    }

    fn new_handle(&self) -> RequestHandle {
        let mut fetches = self.fetches.borrow_mut();
        fetches.last = fetches.last.wrapping_add(1);
        RequestHandle(fetches.last)
    }

    /// Sends a request through the capability; the answer goes to `done`.
    fn send(
        &self,
        context: Context,
        handle: RequestHandle,
        request: &OutgoingRequest,
        done: Done<IncomingResponse>,
    ) -> std::result::Result<(), (OwnedError, Done<IncomingResponse>)> {
        let prepared = self.link().and_then(|link| {
            let body = wire_body(&link, &request.body)?;
            Ok((Rc::clone(&link), encode_request(request, body)?))
        });
        let (link, bytes) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return Err((error, done)),
        };
        let cell = self.cell();
        let invocation = Python::attach(|py| cell.invocation(py));
        let text = request.target.as_deref();
        let target = text.map_or_else(|| Target::of(cell.outbound()), Target::parse);
        let access = target.access();
        let (fetches, replied) = (Rc::clone(&self.fetches), Rc::clone(&link));
        let done = Rc::new(RefCell::new(Some(done)));
        let answered = Rc::clone(&done);
        let reply = move |_py: Python<'_>, result: std::result::Result<Payload<'_>, OwnedError>| {
            fetches.borrow_mut().calls.remove(&handle);
            let response = result.and_then(|payload| decode_response(&replied, payload, invocation));
            if let Some(done) = answered.borrow_mut().take() {
                done(context, response.map_err(|error| host_error(&error)));
            }
        };
        let payload = Payload { bytes: Body::Inline(&bytes), caps: Vec::new(), bodies: Vec::new() };
        match link.call_method(invocation, target.cap, "fetch", access, payload, reply) {
            Ok(call) => {
                self.fetches.borrow_mut().calls.insert(handle, call);
                Ok(())
            }
            Err(error) => match done.take() {
                Some(done) => Err((error, done)),
                None => Ok(()),
            },
        }
    }
}

impl Host for CellHost {
    fn fetch(
        &self,
        context: Context,
        request: OutgoingRequest,
        done: Done<IncomingResponse>,
    ) -> RequestHandle {
        let handle = self.new_handle();
        if let Err((error, done)) = self.send(context, handle, &request, done) {
            done(context, Err(host_error(&error)));
        }
        handle
    }

    fn cancel_fetch(&self, request: RequestHandle) {
        let call = self.fetches.borrow_mut().calls.remove(&request);
        if let (Some(call), Ok(link)) = (call, self.link()) {
            link.cancel_call(call);
        }
    }

    fn connect(&self, context: Context, request: SocketRequest, done: Done<SocketConnection>) {
        match self.link() {
            Ok(link) => sockets::connect(context, &self.cell(), link, &request, done),
            Err(error) => done(context, Err(host_error(&error))),
        }
    }

    fn start_tls(
        &self,
        context: Context,
        socket: u32,
        host: &str,
        writes: BodyId,
        done: Done<SocketConnection>,
    ) {
        match self.link() {
            Ok(link) => sockets::start_tls(context, &self.cell(), link, (socket, host, writes), done),
            Err(error) => done(context, Err(host_error(&error))),
        }
    }

    fn read_body(&self, context: Context, body: BodyId, done: Done<Option<Vec<u8>>>) {
        match self.link() {
            Ok(link) => Python::attach(|py| {
                link.read_stream(py, StreamId(body.0), move |_py, piece| {
                    done(context, piece.map_err(|error| host_error(&error)));
                });
            }),
            Err(error) => done(context, Err(host_error(&error))),
        }
    }

    fn cancel_body(&self, body: BodyId, reason: &Value) {
        if let Ok(link) = self.link() {
            link.cancel_stream(StreamId(body.0), &describe_error(reason));
        }
    }

    fn open_body(&self, _length: Option<u64>) -> BodyId {
        self.link().and_then(|link| link.open_stream()).map_or(NO_STREAM, |stream| BodyId(stream.0))
    }

    fn write_body(&self, context: Context, body: BodyId, chunk: Vec<u8>, done: Done<()>) {
        match self.link() {
            Ok(link) => link.write_stream(StreamId(body.0), chunk, move |_py, written| {
                done(context, written.map_err(|error| host_error(&error)));
            }),
            Err(error) => done(context, Err(host_error(&error))),
        }
    }

    fn close_body(&self, body: BodyId) {
        if let Ok(link) = self.link() {
            link.end_stream(StreamId(body.0));
        }
    }

    fn abort_body(&self, _context: Context, body: BodyId, reason: &Value) {
        if let Ok(link) = self.link() {
            link.abort_stream(StreamId(body.0), owned_error(&Thrown(reason.clone())));
        }
    }

    fn watch_body(&self, context: Context, body: BodyId, done: Done<()>) {
        if let Ok(link) = self.link() {
            link.watch_stream(StreamId(body.0), move |_py| done(context, Ok(())));
        }
    }

    fn open_socket(&self, context: Context, capability: u32, done: Done<BodyId>) -> BodyId {
        match self.link().and_then(|link| Ok((link.open_stream()?, link))) {
            Ok((stream, link)) => {
                web_sockets::open(context, &self.cell(), link, CapId(capability), stream, done);
                BodyId(stream.0)
            }
            Err(error) => {
                done(context, Err(host_error(&error)));
                NO_STREAM
            }
        }
    }

    fn send_message(&self, body: BodyId, message: OutgoingMessage<'_>) -> bool {
        self.link().is_ok_and(|link| web_sockets::send(&link, StreamId(body.0), message))
    }

    fn receive_messages(&self, context: Context, body: BodyId, done: Done<Option<Vec<IncomingMessage>>>) {
        match self.link() {
            Ok(link) => web_sockets::receive(context, &self.cell(), &link, StreamId(body.0), done),
            Err(error) => done(context, Err(host_error(&error))),
        }
    }

    fn keep_alive(&self, promise: &Value) {
        web_sockets::keep_alive(&self.cell(), promise);
    }

    fn set_timer(
        &self,
        _context: Context,
        delay_ms: f64,
        repeat: bool,
        callback: Value,
    ) -> std::result::Result<TimerId, HostError> {
        Ok(TimerId(self.cell().event_loop.set_timer(delay_ms, repeat, callback).0))
    }

    fn clear_timer(&self, timer: TimerId) {
        self.cell().event_loop.clear_timer(event_loop::TimerId(timer.0));
    }

    fn log(&self, level: WebLevel, text: &str, given: &str) {
        let level = match level {
            WebLevel::Debug => LogLevel::Debug,
            WebLevel::Info | WebLevel::Log => LogLevel::Info,
            WebLevel::Warn => LogLevel::Warn,
            WebLevel::Error => LogLevel::Error,
        };
        let cell = self.cell();
        Python::attach(|py| cell.log_given(py, level, text, given));
    }

    fn is_tailed(&self) -> bool {
        self.cell().isolate().is_some_and(|isolate| isolate.is_tailed())
    }

    fn random(&self, bytes: &mut [u8]) -> std::result::Result<(), HostError> {
        Random::fill(bytes);
        Ok(())
    }

    fn now_ms(&self) -> f64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    }

    fn monotonic_ms(&self) -> f64 {
        self.start.elapsed().as_secs_f64() * 1000.0
    }

    fn report_error(&self, _context: Context, error: &Value) {
        self.cell().note_uncaught();
        self.log(WebLevel::Error, &describe_error(error), "");
    }
}

fn encode_request(request: &OutgoingRequest, body: Body<'_>) -> std::result::Result<Vec<u8>, OwnedError> {
    let request = HttpRequest {
        method: &request.method,
        url: &request.url,
        headers: request.headers.iter().map(|(name, value)| (name, value.as_bytes())).collect(),
        cf: request.cf_json.as_deref().unwrap_or_default(),
        follow_redirects: request.follow_redirects,
        body,
    };
    request.check(Side::Cell).map_err(|violation| OwnedError::type_error(&violation.to_string()))?;
    Ok(postcard::to_allocvec(&request).expect("invariant: a request is plain data"))
}

fn decode_response(
    link: &Link,
    payload: Payload<'_>,
    invocation: Option<hognose_wire::InvocationId>,
) -> std::result::Result<IncomingResponse, OwnedError> {
    let Body::Inline(bytes) = payload.bytes else { return Err(OwnedError::error(LOST)) };
    let response = fetch::read_response(bytes, Side::Supervisor).map_err(|_| OwnedError::error(LOST))?;
    let content = link.accept(response.body, invocation).map_err(|_| OwnedError::error(LOST))?;
    let web_socket = match (response.web_socket, Cell::current()) {
        (Some(cap), Some(cell)) => {
            web_sockets::hold(&cell, cap, invocation).map_err(|_| OwnedError::error(LOST)).map(Some)?
        }
        _ => None,
    };
    Ok(IncomingResponse {
        status: response.status,
        status_text: response.status_text.to_owned(),
        headers: response.headers.iter().copied().collect(),
        body: incoming_body(content),
        url: response.url.to_owned(),
        redirected: response.redirected,
        web_socket,
    })
}

/// The start of a request, as the web platform takes it.
pub(crate) fn request_head(request: &HttpRequest<'_>, body: Content) -> RequestHead {
    RequestHead {
        method: request.method.to_owned(),
        url: request.url.to_owned(),
        headers: request.headers.iter().copied().collect::<HeaderList>(),
        cf_json: Some(request.cf).filter(|json| !json.is_empty()).map(str::to_owned),
        body: incoming_body(body),
    }
}

/// A body from the wire, as the web platform takes it.
pub(crate) fn incoming_body(content: Content) -> IncomingBody {
    match content {
        Content::None => IncomingBody::None,
        Content::Bytes(bytes) => IncomingBody::Bytes(bytes),
        Content::Stream { stream, length } => IncomingBody::Stream { body: BodyId(stream.0), length },
    }
}

/// A body of the web platform's, as the wire takes it.
pub(crate) fn wire_body<'a>(
    link: &Rc<Link>,
    source: &'a BodySource,
) -> std::result::Result<Body<'a>, OwnedError> {
    Ok(match source {
        BodySource::None => Body::None,
        BodySource::Bytes(bytes) => link.body(bytes)?,
        BodySource::Stream { body, length } => Body::Stream { stream: StreamId(body.0), length: *length },
        BodySource::Untouched(body) => {
            let stream = StreamId(body.0);
            link.return_stream(stream);
            Body::Returned { stream }
        }
    })
}

pub(crate) fn host_error(error: &OwnedError) -> HostError {
    HostError { name: error.name.clone(), message: error.message.clone(), retryable: error.retryable }
}

/// The JavaScript error for one that crossed the wire.
pub(crate) fn js_error(context: Context, error: &OwnedError) -> Thrown {
    Thrown(host_error(error).to_value(context))
}

/// The wire's form of what JavaScript threw.
pub(crate) fn owned_error(thrown: &Thrown) -> OwnedError {
    let text = |name| thrown.0.get(name).ok().and_then(|value| value.as_string());
    OwnedError {
        name: text("name").unwrap_or_else(|| "Error".to_owned()),
        message: text("message").unwrap_or_else(|| thrown.to_string()),
        stack: thrown.stack().unwrap_or_default(),
        retryable: false,
        properties: Cell::current().map(|cell| cell.rpc().own_properties(&thrown.0)).unwrap_or_default(),
    }
}

/// An uncaught error as a person reads it: name, message, and the lines of its stack that are not ours.
pub(crate) fn describe_error(error: &Value) -> String {
    let thrown = Thrown(error.clone());
    let stack = thrown.stack().unwrap_or_default();
    let own_lines = stack.lines().filter(|line| !line.trim().is_empty() && !line.contains("(hognose:"));
    own_lines.fold(thrown.to_string().trim_end().to_owned(), |text, line| text + "\n" + line)
}

/// Settles a promise. What JavaScript itself does to the promise's reactions is no concern of the caller's.
pub(crate) fn settle(deferred: &Deferred, outcome: Result<Value>) {
    let settled = match outcome {
        Ok(value) => deferred.resolve(&value),
        Err(thrown) => deferred.reject(&thrown.0),
    };
    // Only a heap that is full can refuse, and then the isolate ends of it.
    drop(settled);
}

//! The border to the outside: what the platform asks of the cell that carries it.

use hognose_engine::{Context, ErrorKind, Thrown, Value};

use crate::{
    BodySource, HeaderList, IncomingMessage, IncomingResponse, OutgoingMessage, SocketConnection,
    SocketRequest,
};

/// What to call when the outside has answered. May be called at once or from the event loop, on the same thread; if it
/// is dropped, the promise behind it stays pending.
pub type Done<T> = Box<dyn FnOnce(Context, Result<T, HostError>)>;

/// A body's number. Both kinds share one numbering: bodies that come from outside and are read, and bodies that
/// JavaScript produces and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BodyId(pub u32);

/// A fetch under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestHandle(pub u32);

/// A timer, as `setTimeout` returns it; never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimerId(pub u32);

/// The level of a line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the console's method of that name")]
pub enum LogLevel {
    Debug,
    Info,
    Log,
    Warn,
    Error,
}

/// A request on its way out. Redirects are followed by the host, which alone knows whether a body can be sent twice.
#[derive(Debug)]
pub struct OutgoingRequest {
    /// Upper case.
    pub method: String,
    /// Absolute and serialised as the URL standard says; `http` or `https`.
    pub url: String,
    /// As the script set them.
    pub headers: HeaderList,
    /// The `cf` properties, as JSON.
    pub cf_json: Option<String>,
    /// Whether a redirect is to be followed (else the 3xx itself is the answer).
    pub follow_redirects: bool,
    /// The body.
    pub body: BodySource,
    /// Whether the response's body is wanted as it is encoded on the network.
    pub raw_response_body: bool,
    /// The capability the request goes through; the network at large if there is none.
    pub target: Option<String>,
}

/// What went wrong outside, told to JavaScript as an error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {message}")]
pub struct HostError {
    /// The class of the error: `Error`, `TypeError`, `RangeError`; any other name becomes a `DOMException`.
    pub name: String,
    /// The text that the API documents.
    pub message: String,
    /// Sets the error's `retryable` property: whether trying again may help.
    pub retryable: bool,
}

impl HostError {
    /// A plain `Error`.
    pub fn new(message: impl Into<String>) -> Self {
        Self { name: "Error".to_owned(), message: message.into(), retryable: false }
    }

    /// An error of another class.
    pub fn named(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { name: name.into(), message: message.into(), retryable: false }
    }

    /// The JavaScript error. If there is no memory for it, the exception that says so.
    pub fn to_value(&self, context: Context) -> Value {
        let error = match self.name.as_str() {
            "Error" => Thrown::new(context, ErrorKind::Error, &self.message),
            "RangeError" => Thrown::range_error(context, &self.message),
            "ReferenceError" => Thrown::new(context, ErrorKind::ReferenceError, &self.message),
            "SyntaxError" => Thrown::new(context, ErrorKind::SyntaxError, &self.message),
            "TypeError" => Thrown::type_error(context, &self.message),
            name => Thrown::dom_exception(context, name, &self.message),
        };
        if !self.retryable {
            return error.0;
        }
        match error.0.define("retryable", &context.boolean(true)) {
            Ok(()) => error.0,
            Err(thrown) => thrown.0,
        }
    }
}

/// What a cell must offer. All calls come from the thread of the context, none may block.
pub trait Host {
    /// Starts a request.
    fn fetch(
        &self,
        context: Context,
        request: OutgoingRequest,
        done: Done<IncomingResponse>,
    ) -> RequestHandle;

    /// Gives a request up, whose answer nobody awaits any more; `done` need not be called. Unknown handles are ignored.
    fn cancel_fetch(&self, request: RequestHandle);

    /// Makes a TCP connection.
    fn connect(&self, context: Context, request: SocketRequest, done: Done<SocketConnection>);

    /// Goes on with TLS on the connection `socket`, whose bodies end now; `host` is whom the certificate must name, and
    /// `writes` the body that holds what is written from now on.
    fn start_tls(
        &self,
        context: Context,
        socket: u32,
        host: &str,
        writes: BodyId,
        done: Done<SocketConnection>,
    );

    /// Asks for the next chunk of a body from outside; `None` is its end. One call at a time per body.
    fn read_body(&self, context: Context, body: BodyId, done: Done<Option<Vec<u8>>>);

    /// Says that no more of a body from outside is wanted. `reason` is whatever the script gave.
    fn cancel_body(&self, body: BodyId, reason: &Value);

    /// Opens a body that JavaScript is going to write; `length` in bytes where the script promised one.
    fn open_body(&self, length: Option<u64>) -> BodyId;

    /// Writes a chunk; `done` says that the next one may come. One call at a time per body.
    fn write_body(&self, context: Context, body: BodyId, chunk: Vec<u8>, done: Done<()>);

    /// Ends a body that JavaScript writes.
    fn close_body(&self, body: BodyId);

    /// Breaks off a body that JavaScript writes. `reason` is what its stream failed with.
    fn abort_body(&self, context: Context, body: BodyId, reason: &Value);

    /// Calls `done` once when the other side no longer reads a body that JavaScript writes, or has gone. Never where the
    /// body has ended before.
    fn watch_body(&self, context: Context, body: BodyId, done: Done<()>);

    /// Opens a WebSocket that came from outside: the body that JavaScript writes its messages into, and to `done` the
    /// one that gives the other side's.
    fn open_socket(&self, context: Context, capability: u32, done: Done<BodyId>) -> BodyId;

    /// Writes a message into a body. `false`: too much waits there already.
    fn send_message(&self, body: BodyId, message: OutgoingMessage<'_>) -> bool;

    /// Asks for the messages that come next in a body; `None`: it has ended, or is none. One call at a time per body.
    fn receive_messages(&self, context: Context, body: BodyId, done: Done<Option<Vec<IncomingMessage>>>);

    /// Keeps the invocation that runs going until the promise has settled.
    fn keep_alive(&self, promise: &Value);

    /// Calls `callback` without arguments after `delay_ms`, again and again if `repeat`. The callback does not throw.
    ///
    /// # Errors
    ///
    /// What `setTimeout` is to throw, for instance in the global scope.
    fn set_timer(
        &self,
        context: Context,
        delay_ms: f64,
        repeat: bool,
        callback: Value,
    ) -> Result<TimerId, HostError>;

    /// Forgets a timer. Unknown ids are ignored.
    fn clear_timer(&self, timer: TimerId);

    /// Writes to the log: a text and, where [`Host::is_tailed`], what it was made of, as JSON.
    fn log(&self, level: LogLevel, text: &str, given: &str);

    /// Whether anybody wants to know what the texts of the log were made of.
    fn is_tailed(&self) -> bool;

    /// Fills with random bytes fit for cryptography.
    ///
    /// # Errors
    ///
    /// What `crypto` is to throw, for instance in the global scope.
    fn random(&self, bytes: &mut [u8]) -> Result<(), HostError>;

    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> f64;

    /// Milliseconds since some fixed moment, never going back: `performance.now()`.
    fn monotonic_ms(&self) -> f64;

    /// Takes an error that no script caught.
    fn report_error(&self, context: Context, error: &Value);
}

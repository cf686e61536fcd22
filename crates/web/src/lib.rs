//! The web platform as JavaScript globals: `Request`, `fetch`, streams, `URL`, timers, `console` and the rest.
//!
//! Most of it is written in JavaScript (the folder `js/`, one file per API), which [`Web::install`] evaluates once, in
//! the zygote; forks find it ready. Rust does what JavaScript cannot, or not quickly: URL parsing, text codecs, form
//! bodies (the module `natives`). Everything that leaves the cell goes through one trait, [`Host`], which the cell
//! implements: this crate knows no sockets, no Python and no bindings.
//!
//! Nothing is built that nobody asks for. A header list crosses the border as one string ([`HeaderList`]) and becomes
//! a `Headers` object when a script looks; a body stays a string, bytes or a number until somebody wants its stream;
//! a body that nobody has read leaves by its number ([`BodySource::Untouched`]), and no byte of it enters the cell.

mod compression;
mod headers;
mod host;
mod message;
mod modules;
mod multipart;
mod natives;
mod socket;
mod web_socket;

pub use headers::HeaderList;
pub use host::{BodyId, Done, Host, HostError, LogLevel, OutgoingRequest, RequestHandle, TimerId};
pub use message::{BodySource, GivenSocket, IncomingBody, IncomingResponse, RequestHead, ResponseParts};
pub use modules::PlatformModules;
pub use natives::urls::read_data_url;
pub use socket::{SocketConnection, SocketRequest, SocketSecurity};
pub use web_socket::{IncomingMessage, OutgoingMessage};

/// What is said of a handler's answer that is no response.
pub const NO_RESPONSE: &str = "Incorrect type for Promise: the Promise did not resolve to 'Response'.";

use std::rc::Rc;

use hognose_engine::{Context, Result, Thrown, Value};

/// The installed platform: what the cell calls to make requests of what came in and to take answers apart.
#[derive(Clone, Debug)]
pub struct Web {
    context: Context,
    entry: Entry,
}

/// The functions that `js/main.js` hands over.
#[derive(Clone, Debug)]
struct Entry {
    set_flags: Value,
    incoming_request: Value,
    abort_request: Value,
    response_parts: Value,
    fetch_through: Value,
    send_body: Value,
    stream_of_body: Value,
    hibernation: Value,
    report_error: Value,
    report_unhandled_rejection: Value,
    report_handled_rejection: Value,
}

impl Web {
    /// Puts the platform on the global object. Takes a few milliseconds; meant to be done once, before any user code
    /// and before the embedder sets its own module loader (this one needs the place for itself while it loads).
    ///
    /// # Errors
    ///
    /// Only what a full heap makes a script throw.
    pub fn install(context: Context, host: Rc<dyn Host>) -> Result<Self> {
        let natives = natives::object(context, host)?;
        modules::load(context, &natives)?;
        let entry = natives.get("entry")?;
        let entry = Entry {
            set_flags: entry.get("setFlags")?,
            incoming_request: entry.get("incomingRequest")?,
            abort_request: entry.get("abortRequest")?,
            response_parts: entry.get("responseParts")?,
            fetch_through: entry.get("fetchThrough")?,
            send_body: entry.get("sendBody")?,
            stream_of_body: entry.get("streamOfBody")?,
            hibernation: entry.get("hibernation")?,
            report_error: entry.get("reportError")?,
            report_unhandled_rejection: entry.get("reportUnhandledRejection")?,
            report_handled_rejection: entry.get("reportHandledRejection")?,
        };
        Ok(Self { context, entry })
    }

    /// Tells the compatibility flags of the Worker, by their enabling names. Where none are told, all is as newer dates
    /// have it. Meant to be done once, before the Worker's code.
    pub fn set_flags<'name>(&self, flags: impl IntoIterator<Item = (&'name str, bool)>) -> Result<()> {
        let table = self.context.object()?;
        for (name, on) in flags {
            table.set(name, &self.context.boolean(on))?;
        }
        self.entry.set_flags.call_function(&[table]).map(drop)
    }

    /// A `Request` for what came in: its headers are immutable, its redirect mode is `manual`.
    pub fn incoming_request(&self, head: RequestHead) -> Result<Value> {
        let context = self.context;
        let cf = match &head.cf_json {
            Some(json) => context.string(json)?,
            None => context.undefined(),
        };
        let (body, length) = head.body.into_values(context)?;
        self.entry.incoming_request.call_function(&[
            context.string(&head.method)?,
            context.string(&head.url)?,
            context.string(head.headers.as_str())?,
            cf,
            body,
            length,
        ])
    }

    /// Aborts the signal of a request that [`incoming_request`](Self::incoming_request) made: its client is gone.
    /// `reason` may be `undefined`, which stands for an `AbortError`.
    pub fn abort_request(&self, request: &Value, reason: &Value) -> Result<()> {
        self.entry.abort_request.call_function(&[request.clone(), reason.clone()]).map(drop)
    }

    /// Takes a handler's answer apart and sends its body on the way: a stream is written to the host from now on.
    ///
    /// # Errors
    ///
    /// A `TypeError` in workerd's words if the value is not a `Response`, or its body has been used.
    pub fn response_parts(&self, response: &Value) -> Result<ResponseParts> {
        let parts = self.entry.response_parts.call_function(std::slice::from_ref(response))?;
        if parts.is_undefined() {
            return Err(Thrown::type_error(self.context, NO_RESPONSE));
        }
        ResponseParts::from_value(&parts)
    }

    /// The `fetch` function of a capability, for instance of a service binding.
    pub fn fetch_through(&self, target: &str) -> Result<Value> {
        self.entry.fetch_through.call_function(&[self.context.string(target)?])
    }

    /// Sends any value that may be a body (a string, buffer, `Blob`, stream ...) to the host: a KV value being put.
    pub fn send_body(&self, body: &Value) -> Result<BodySource> {
        let parts = self.entry.send_body.call_function(std::slice::from_ref(body))?.elements()?;
        BodySource::from_values(&parts)
    }

    /// A body from outside as a `ReadableStream` of bytes.
    pub fn stream_of_body(&self, body: BodyId, length: Option<u64>) -> Result<Value> {
        let length = message::length_value(self.context, length);
        self.entry.stream_of_body.call_function(&[self.context.number(body.0), length])
    }

    /// What sockets that hibernate are made and changed with (`hibernation` of `js/websocket.js`).
    pub fn hibernation(&self) -> Value {
        self.entry.hibernation.clone()
    }

    /// Reports an error that nobody caught: to listeners of "error" first, then to the host.
    pub fn report_error(&self, error: &Value) -> Result<()> {
        self.entry.report_error.call_function(std::slice::from_ref(error)).map(drop)
    }

    /// Reports a rejection that nobody handled: to listeners of "unhandledrejection" first, then to the host.
    pub fn report_unhandled_rejection(&self, promise: &Value, reason: &Value) -> Result<()> {
        let arguments = [promise.clone(), reason.clone()];
        self.entry.report_unhandled_rejection.call_function(&arguments).map(drop)
    }

    /// Tells listeners of "rejectionhandled" that a reported rejection has been handled after all.
    pub fn report_handled_rejection(&self, promise: &Value, reason: &Value) -> Result<()> {
        let arguments = [promise.clone(), reason.clone()];
        self.entry.report_handled_rejection.call_function(&arguments).map(drop)
    }
}

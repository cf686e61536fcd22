//! Requests, responses and bodies as the cell and this crate hand them to each other.

use hognose_engine::{Context, Result, Value};

use crate::{BodyId, HeaderList};

/// The start of a request from outside.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// Upper case.
    pub method: String,
    /// Absolute, as the URL standard serialises it.
    pub url: String,
    /// The header fields.
    pub headers: HeaderList,
    /// The `cf` properties as a JSON object; parsed when a script asks.
    pub cf_json: Option<String>,
    /// The body.
    pub body: IncomingBody,
}

/// A body that comes from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IncomingBody {
    /// `body === null`.
    None,
    /// All of it.
    Bytes(Vec<u8>),
    /// To be read from the host.
    Stream {
        /// Its number.
        body: BodyId,
        /// Its length in bytes, where that is known.
        length: Option<u64>,
    },
}

/// A body that leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodySource {
    /// `body === null`.
    None,
    /// All of it.
    Bytes(Vec<u8>),
    /// Being written to the host.
    Stream {
        /// Its number, from [`Host::open_body`](crate::Host::open_body).
        body: BodyId,
        /// Its length in bytes, where the script promised one.
        length: Option<u64>,
    },
    /// A body from outside that nobody here has read: it can be passed on without its bytes.
    Untouched(BodyId),
}

/// What a fetch brought back.
#[derive(Clone, Debug)]
pub struct IncomingResponse {
    /// The status code.
    pub status: u16,
    /// The reason phrase.
    pub status_text: String,
    /// The header fields.
    pub headers: HeaderList,
    /// The body.
    pub body: IncomingBody,
    /// The URL that answered, after redirects.
    pub url: String,
    /// Whether there were redirects.
    pub redirected: bool,
    /// The WebSocket of an answer to an upgrade: the number of a capability.
    pub web_socket: Option<u32>,
}

/// A WebSocket on its way out.
#[derive(Clone, Debug)]
pub enum GivenSocket {
    /// One that came from outside, untouched: the number of its capability.
    Held(u32),
    /// One end of a pair; to be called with the bodies for both directions, the written one first, once it is opened.
    Pair(Value),
}

impl GivenSocket {
    /// What `giveWebSocket` in `js/websocket.js` returned, or null.
    fn from_value(value: Value) -> Option<Self> {
        match value.as_f64() {
            Some(capability) => Some(Self::Held(capability as u32)),
            None if value.is_nullish() => None,
            None => Some(Self::Pair(value)),
        }
    }
}

/// A handler's answer.
#[derive(Clone, Debug)]
pub struct ResponseParts {
    /// The status code.
    pub status: u16,
    /// The reason phrase.
    pub status_text: String,
    /// The header fields.
    pub headers: HeaderList,
    /// The body.
    pub body: BodySource,
    /// Whether the body is already encoded as `Content-Encoding` says (`encodeBody: "manual"`).
    pub encode_manual: bool,
    /// The end of a WebSocket that goes with status 101.
    pub web_socket: Option<GivenSocket>,
}

impl IncomingBody {
    /// What JavaScript takes for a body: its bytes or its number (else `undefined`), and its length.
    pub(crate) fn into_values(self, context: Context) -> Result<(Value, Value)> {
        let undefined = context.undefined();
        Ok(match self {
            Self::None => (undefined.clone(), undefined),
            Self::Bytes(bytes) => (context.uint8_array(bytes)?, undefined),
            Self::Stream { body, length } => (context.number(body.0), length_value(context, length)),
        })
    }
}

impl BodySource {
    /// Reads the three values that `Content.send` in `js/body.js` returns.
    pub(crate) fn from_values(values: &[Value]) -> Result<Self> {
        let [how, data, length] = values else { return Ok(Self::None) };
        let body = || BodyId(number(data) as u32);
        Ok(match how.as_i32() {
            Some(1) => Self::Bytes(whole(data)?),
            Some(2) => Self::Stream { body: body(), length: length.as_f64().map(|length| length as u64) },
            Some(3) => Self::Untouched(body()),
            _ => Self::None,
        })
    }
}

impl IncomingResponse {
    /// The array that `responseFrom` in `js/fetch.js` takes apart.
    pub(crate) fn into_value(self, context: Context) -> Result<Value> {
        let (body, length) = self.body.into_values(context)?;
        context.array(&[
            context.number(self.status),
            context.string(&self.status_text)?,
            context.string(self.headers.as_str())?,
            body,
            length,
            context.string(&self.url)?,
            context.boolean(self.redirected),
            self.web_socket.map_or_else(|| context.null(), |socket| context.number(socket)),
        ])
    }
}

impl ResponseParts {
    /// Reads the array that `responseParts` in `js/main.js` returns.
    pub(crate) fn from_value(parts: &Value) -> Result<Self> {
        let at = |index: u32| parts.get(index);
        let web_socket = at(7)?;
        Ok(Self {
            status: number(&at(0)?) as u16,
            status_text: at(1)?.to_js_string()?,
            headers: HeaderList::from_text(at(2)?.to_js_string()?),
            body: BodySource::from_values(&[at(3)?, at(4)?, at(5)?])?,
            encode_manual: at(6)?.to_boolean(),
            web_socket: GivenSocket::from_value(web_socket),
        })
    }
}

/// A length as JavaScript has it: a number, or `undefined`.
pub(crate) fn length_value(context: Context, length: Option<u64>) -> Value {
    length.map_or_else(|| context.undefined(), |length| context.number(length as f64))
}

/// A number that our own JavaScript hands over.
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}

/// A whole body: a string becomes UTF-8.
fn whole(data: &Value) -> Result<Vec<u8>> {
    match data.bytes() {
        Some(bytes) => Ok(bytes),
        None => Ok(data.to_js_string()?.into_bytes()),
    }
}

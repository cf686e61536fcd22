//! The parts that several frames share: capabilities, bodies, values, errors.

use serde::{Deserialize, Serialize};

use crate::form;
use crate::frame::StreamId;
use crate::objects::{KEY_BYTES, ObjectId};

/// A capability's number in the table of the side that hosts it. The receiver of a capability can use it, pass it on
/// and release it; it cannot make one up, for the host looks every number up in its own table for this connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CapId(pub u32);

impl CapId {
    /// What each side hosts for the other from the start, without counting: on the supervisor's side what an isolate as
    /// such may ask for, on the isolate's what the supervisor asks of it beside events (to take in a Durable Object, to
    /// let one go).
    pub const ROOT: Self = Self(0);

    /// Numbers from here on name *promises*: results of calls still under way, hosted by the side that runs the call
    /// and numbered by the side that made it (see [`Access::promise`]).
    pub const FIRST_PROMISE: Self = Self(1 << 31);

    /// Whether it names the result of a call still under way.
    pub fn is_promise(self) -> bool {
        self >= Self::FIRST_PROMISE
    }
}

/// A capability as a message names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CapRef {
    /// Hosted by whoever sends this frame. Each time it is listed beside a value the receiver gains one reference,
    /// which it gives back with [`crate::Frame::Release`].
    Sender(CapId),
    /// Hosted by whoever receives this frame (a call's target, or a capability going home).
    Receiver(CapId),
    /// One Durable Object of a namespace that is hosted by whoever receives this frame: its stub in a value, whose receiver
    /// gets a capability of that object alone. Cells only.
    Object {
        /// The namespace.
        namespace: CapId,
        /// The object, see [`crate::objects::key_of`].
        key: [u8; KEY_BYTES],
    },
}

/// A stream of bytes of unknown origin: a request's or response's body, or a large value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body<'a> {
    /// No body at all (`body === null`).
    #[default]
    None,
    /// The whole body, at most [`crate::limits::INLINE_MAX`] bytes ([`crate::limits::VALUE_INLINE_MAX`] where it is the
    /// bytes of a [`Payload`]).
    Inline(#[serde(borrow, serialize_with = "form::bytes")] &'a [u8]),
    /// A stream that the sender of this frame writes. Nothing flows until the receiver grants credit: a body that
    /// nobody reads costs nothing.
    Stream {
        /// Its number, chosen by the writer.
        stream: StreamId,
        /// Its length in bytes where that is known.
        length: Option<u64>,
    },
    /// A stream that the *receiver* of this frame writes and that came to the sender untouched: it goes home, so that
    /// the receiver can join both ends without a byte crossing the wire.
    Returned {
        /// The number under which the receiver had offered it.
        stream: StreamId,
    },
}

/// Header fields in order, names in lower case, repeated names kept apart.
pub type Headers<'a> = Vec<(&'a str, &'a [u8])>;

/// A value as structured-clone bytes (opaque here), with the capabilities and streams it refers to by position.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload<'a> {
    /// The bytes, inline or streamed.
    #[serde(borrow)]
    pub bytes: Body<'a>,
    /// At most [`crate::limits::CAPS_PER_VALUE_MAX`].
    #[serde(deserialize_with = "form::caps_max")]
    pub caps: Vec<CapRef>,
    /// Bodies that travel with the value (a `ReadableStream` in an argument, a KV value being put), at most
    /// [`crate::limits::BODIES_PER_VALUE_MAX`].
    #[serde(deserialize_with = "form::bodies_max")]
    pub bodies: Vec<Body<'a>>,
}

/// What JavaScript RPC adds to a call. `stub.getUser(1).profile.name()` is two calls sent at once: the first, of
/// `getUser`, says under which number its result is to be had; the second goes to that number, along the path `profile`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access<'a> {
    /// The properties between the target and the method, at most [`crate::limits::PATH_MAX`].
    #[serde(borrow, deserialize_with = "form::path_max")]
    pub path: Vec<&'a str>,
    /// The Durable Object that is meant, where the target is a namespace.
    pub object: Option<ObjectId<'a>>,
    /// Whether the property called `method` is read instead of called. There are no arguments then.
    pub read: bool,
    /// The number, a free one from [`CapId::FIRST_PROMISE`] on, under which the receiver hosts the result from now on
    /// as a capability, to which the sender holds one reference. Calls to it wait for the result, and fail as it fails.
    pub promise: Option<CapId>,
}

/// An error that crossed the wire, enough to rebuild the JavaScript error it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteError<'a> {
    /// `Error`, `TypeError` ...
    pub name: &'a str,
    /// The text that the API documents. For a Python exception: its formatted traceback.
    pub message: &'a str,
    /// The stack, empty where there is none.
    pub stack: &'a str,
    /// Whether trying again may help (`retryable` on Durable Object stubs).
    pub retryable: bool,
    /// Its other own properties (`cause`, `code`, `overloaded` ...): an object as structured-clone bytes, empty where
    /// there are none.
    #[serde(serialize_with = "form::bytes")]
    pub properties: &'a [u8],
}

//! The WebSockets of a Durable Object that hibernate: the supervisor holds the connections, with all that the object
//! has said of them, and its instance may go and come back meanwhile. What is asked of them is answered on the isolate's
//! second socket, beside the storage; what is sent on them goes by [`crate::Frame::SocketMessage`], so that it waits for
//! the writes before it like everything else that leaves the isolate.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::form;
use crate::value::CapId;

/// The most sockets of one object at a time (workerd's).
pub const SOCKETS_MAX: usize = 32 << 10;
/// The most tags of one socket (workerd's).
pub const TAGS_MAX: usize = 10;
/// The longest tag, in bytes (workerd's).
pub const TAG_MAX: usize = 256;
/// The largest attachment, in bytes (workerd's).
pub const ATTACHMENT_MAX: usize = 16 << 10;
/// The largest text that is answered by itself, and the largest answer, in bytes (workerd's).
pub const AUTO_RESPONSE_MAX: usize = 2 << 10;

/// A socket's number, chosen by the supervisor and never used again for another socket of the same object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SocketNumber(pub u32);

/// Something an object asks of its sockets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SocketOperation<'a> {
    /// A new one, whose other end the isolate may give away. [`SocketAnswer::Accepted`].
    Accept {
        /// What it can be found by.
        #[serde(borrow)]
        tags: Vec<Cow<'a, str>>,
        /// The object's name, which it is to be told again when the socket wakes it.
        name: Option<Cow<'a, str>>,
    },
    /// Those that are open, the oldest first, with that tag if one is given. [`SocketAnswer::Open`].
    List(Option<Cow<'a, str>>),
    /// [`SocketAnswer::Texts`].
    Tags(SocketNumber),
    /// Keeps bytes beside a socket. [`SocketAnswer::Done`].
    Attach(SocketNumber, #[serde(serialize_with = "form::bytes")] Cow<'a, [u8]>),
    /// [`SocketAnswer::Bytes`].
    Attachment(SocketNumber),
    /// From now on the first text is answered with the second and wakes nobody; or none is. [`SocketAnswer::Done`].
    AutoRespond(Option<(Cow<'a, str>, Cow<'a, str>)>),
    /// [`SocketAnswer::Texts`]: the two, or none.
    AutoResponse,
    /// [`SocketAnswer::Number`]: when a text was last answered so, in milliseconds since the epoch.
    AutoRespondedAt(SocketNumber),
    /// How long the handler of an event may take, in milliseconds. [`SocketAnswer::Done`].
    LimitEvents(Option<u32>),
    /// [`SocketAnswer::Number`]: that time.
    EventLimit,
}

/// A socket, and which of its ends have closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenSocket {
    /// Its number.
    pub number: SocketNumber,
    /// Whether the client has said its last.
    pub closed_incoming: bool,
    /// Whether the object has.
    pub closed_outgoing: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SocketAnswer<'a> {
    /// Nothing to tell.
    Done,
    /// A new socket.
    Accepted {
        /// Its number.
        socket: SocketNumber,
        /// The capability of its other end, with one reference.
        cap: CapId,
    },
    /// Sockets.
    Open(Vec<OpenSocket>),
    /// Texts.
    Texts(#[serde(borrow)] Vec<Cow<'a, str>>),
    /// Bytes, or none.
    Bytes(Option<Cow<'a, [u8]>>),
    /// A number, or none.
    Number(Option<f64>),
}

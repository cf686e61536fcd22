//! What the host and JavaScript say to each other of WebSockets. A socket that leads outside is two bodies, whose
//! bytes only the host understands.

use hognose_engine::{Context, Result, Value};

/// A message that JavaScript sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutgoingMessage<'a> {
    /// A text.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
    /// The last one.
    Close {
        /// RFC 6455's code; 1005 where there is none.
        code: u16,
        /// Why.
        reason: &'a str,
    },
}

/// A message that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IncomingMessage {
    /// A text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// The last one.
    Close {
        /// RFC 6455's code; 1005 where there is none.
        code: u16,
        /// Why.
        reason: String,
    },
    /// The connection broke; what the script is to be told.
    Failed(String),
}

impl IncomingMessage {
    /// Its kind and its data, as `js/websocket/ends.js` takes them.
    pub(crate) fn into_values(self, context: Context) -> Result<[Value; 2]> {
        let (kind, data) = match self {
            Self::Text(text) => (0, context.string(&text)?),
            Self::Binary(bytes) => (1, context.array_buffer(bytes)?),
            Self::Close { code, reason } => {
                (2, context.array(&[context.number(code), context.string(&reason)?])?)
            }
            Self::Failed(why) => (3, context.string(&why)?),
        };
        Ok([context.number(kind), data])
    }
}

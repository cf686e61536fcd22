//! WebSockets on the wire. A socket is a capability with one method, [`OPEN`]: each side gives the other a stream of
//! what it sends, the caller beside its parameters, the host beside its answer. A socket is opened once. Whoever holds
//! it unopened can pass it on, so that a socket travels through Workers without a message of it entering them.
//!
//! Such a stream is a stream of bytes like any other, under the same credit. In it each message has five bytes before
//! it: its kind, and its length as a little-endian `u32`. A stream that ends without a [`SocketMessage::Close`] is a
//! connection that broke.

use crate::limits::MESSAGE_MAX;
use crate::violation::Violation;

/// The method that opens a socket.
pub const OPEN: &str = "open";

/// The code of a close frame that has none (RFC 6455, 7.1.5).
pub const NO_CODE: u16 = 1005;

/// How much room stands ready between two messages, in bytes; an idle socket shall cost little.
const IDLE_BYTES_MAX: usize = 1 << 10;
const HEADER_BYTES: usize = 5;

/// What one end of a WebSocket tells the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketMessage<'a> {
    /// A text.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
    /// Nothing more will be said.
    Close {
        /// RFC 6455's code; [`NO_CODE`] where there is none.
        code: u16,
        /// Why, in the words of who closes.
        reason: &'a str,
    },
    /// The connection broke in a way that its user is told of.
    Failed(&'a str),
}

impl SocketMessage<'_> {
    /// How many bytes its content has.
    pub fn size(&self) -> usize {
        match self {
            Self::Text(text) | Self::Failed(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
            Self::Close { reason, .. } => 2 + reason.len(),
        }
    }

    /// Appends it to what is sent.
    ///
    /// # Errors
    ///
    /// [`Violation::TooLong`] above [`MESSAGE_MAX`].
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), Violation> {
        let size = check_size(self.size())?;
        out.reserve(HEADER_BYTES + self.size());
        out.push(self.kind());
        out.extend_from_slice(&size.to_le_bytes());
        match self {
            Self::Text(text) | Self::Failed(text) => out.extend_from_slice(text.as_bytes()),
            Self::Binary(bytes) => out.extend_from_slice(bytes),
            Self::Close { code, reason } => {
                out.extend_from_slice(&code.to_le_bytes());
                out.extend_from_slice(reason.as_bytes());
            }
        }
        Ok(())
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Text(_) => 0,
            Self::Binary(_) => 1,
            Self::Close { .. } => 2,
            Self::Failed(_) => 3,
        }
    }

    fn decode(kind: u8, content: &[u8]) -> Result<SocketMessage<'_>, Violation> {
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_| Violation::NotText);
        Ok(match kind {
            0 => SocketMessage::Text(text(content)?),
            1 => SocketMessage::Binary(content),
            2 => {
                let (code, reason) = content.split_first_chunk().ok_or(Violation::MessageForm)?;
                SocketMessage::Close { code: u16::from_le_bytes(*code), reason: text(reason)? }
            }
            3 => SocketMessage::Failed(text(content)?),
            _ => return Err(Violation::MessageForm),
        })
    }
}

/// Finds the messages in the pieces of a stream.
#[derive(Debug, Default)]
pub struct MessageReader {
    bytes: Vec<u8>,
    /// How many of them were given out.
    read: usize,
}

impl MessageReader {
    /// Before the first message.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next piece of the stream has come.
    pub fn push(&mut self, piece: &[u8]) {
        self.bytes.drain(..self.read);
        self.read = 0;
        self.bytes.extend_from_slice(piece);
    }

    /// The next message, if all of it is there.
    ///
    /// # Errors
    ///
    /// A [`Violation`] where the bytes are no message, or it is longer than [`MESSAGE_MAX`].
    #[expect(
        clippy::should_implement_trait,
        reason = "the message borrows from this, which no iterator's item can"
    )]
    pub fn next(&mut self) -> Result<Option<SocketMessage<'_>>, Violation> {
        let Some((header, rest)) = self.bytes[self.read..].split_first_chunk::<HEADER_BYTES>() else {
            self.rest();
            return Ok(None);
        };
        let [kind, size @ ..] = *header;
        let size = check_size(u32::from_le_bytes(size) as usize)? as usize;
        if rest.len() < size {
            return Ok(None);
        }
        let begin = self.read + HEADER_BYTES;
        self.read = begin + size;
        SocketMessage::decode(kind, &self.bytes[begin..self.read]).map(Some)
    }

    /// Whether some of a message has come, but not all of it.
    pub fn is_within_message(&self) -> bool {
        self.read < self.bytes.len()
    }

    /// Between two messages, little memory is kept.
    fn rest(&mut self) {
        if self.read == self.bytes.len() {
            self.read = 0;
            self.bytes.clear();
            self.bytes.shrink_to(IDLE_BYTES_MAX);
        }
    }
}

fn check_size(size: usize) -> Result<u32, Violation> {
    if size > MESSAGE_MAX {
        return Err(Violation::TooLong { what: "message", size, limit: MESSAGE_MAX });
    }
    Ok(size as u32)
}

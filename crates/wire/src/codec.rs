//! Messages to bytes and back: a length, then postcard.

use serde::{Deserialize, Serialize};

use crate::limits::FRAME_MAX;

/// The bytes before each message: its length, little-endian.
const LENGTH_BYTES: usize = 4;

/// A message that may not be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// It is larger than a frame may be.
    #[error("a message of {size} bytes is larger than the wire's limit of {FRAME_MAX}")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// It cannot be represented.
    #[error("a message could not be encoded: {0}")]
    Unrepresentable(String),
}

/// Bytes that are no message. The connection they came from is to be closed: nothing after them can be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// A length above the limit.
    #[error("a frame announced {size} bytes, more than the wire's limit of {FRAME_MAX}")]
    TooLarge {
        /// The announced size in bytes.
        size: usize,
    },
    /// The bytes do not spell a message.
    #[error("a frame could not be read: {0}")]
    Malformed(String),
}

/// Appends `message` to `out`, which may already hold others; on error `out` is as before.
pub fn encode<T: Serialize>(message: &T, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    let taken = std::mem::take(out);
    match postcard::to_extend(message, Appender(taken)) {
        Ok(Appender(filled)) => *out = filled,
        // A message fails to serialise only where it holds something postcard has no form for, never by its size.
        Err(error) => return Err(EncodeError::Unrepresentable(error.to_string())),
    }
    let size = out.len() - start - LENGTH_BYTES;
    if size > FRAME_MAX {
        out.truncate(start);
        return Err(EncodeError::TooLarge { size });
    }
    out[start..start + LENGTH_BYTES].copy_from_slice(&(size as u32).to_le_bytes());
    Ok(())
}

/// Lets postcard append to a vector that it does not own for good.
struct Appender(Vec<u8>);

impl Extend<u8> for Appender {
    fn extend<I: IntoIterator<Item = u8>>(&mut self, bytes: I) {
        self.0.extend(bytes);
    }
}

/// Reads one message from exactly `bytes` (without the length).
pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, ProtocolError> {
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Ok(message),
        Ok((_, rest)) => Err(ProtocolError::Malformed(format!("{} bytes left over", rest.len()))),
        Err(error) => Err(ProtocolError::Malformed(error.to_string())),
    }
}

/// Cuts a byte stream into messages. Feed it with [`Decoder::buffer`] or [`Decoder::push`], then take messages with
/// [`Decoder::next`] until that gives `None`.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    read: usize,
}

impl Decoder {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends what was read from the socket.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer().extend_from_slice(bytes);
    }

    /// The buffer to append to, with the messages already taken dropped from its front.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        if self.read == self.bytes.len() {
            self.bytes.clear();
        } else {
            self.bytes.drain(..self.read);
        }
        self.read = 0;
        &mut self.bytes
    }

    /// The next whole message, borrowing from the buffer; `None`: more bytes are needed.
    #[expect(clippy::should_implement_trait, reason = "an iterator's items cannot borrow from it")]
    pub fn next<'a, T: Deserialize<'a>>(&'a mut self) -> Result<Option<T>, ProtocolError> {
        let Some(length) = self.bytes[self.read..].first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let size = u32::from_le_bytes(*length) as usize;
        if size > FRAME_MAX {
            return Err(ProtocolError::TooLarge { size });
        }
        let start = self.read + LENGTH_BYTES;
        let Some(bytes) = self.bytes.get(start..start + size) else { return Ok(None) };
        self.read = start + size;
        decode(bytes).map(Some)
    }

    /// How many bytes wait for the rest of their message.
    pub fn pending(&self) -> usize {
        self.bytes.len() - self.read
    }
}

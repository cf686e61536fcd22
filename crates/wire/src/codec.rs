//! Messages to bytes and back: a length, then postcard.

use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};

use crate::limits::FRAME_MAX;

/// The bytes before each message: its length, little-endian.
const LENGTH_BYTES: usize = 4;

/// A partly read decoder moves its rest to the front only once at least this many bytes before it are spent, and they
/// are more than the rest: so no byte is moved more than once on average.
const COMPACT_MIN: usize = 64 << 10;

/// An empty decoder keeps at most this much memory, so that an idle connection does not hold on to its largest frame.
const CAPACITY_IDLE_MAX: usize = 256 << 10;

/// A message that may not be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// It is larger than a frame may be.
    #[error("a message of at least {size} bytes is larger than the wire's limit of {FRAME_MAX}")]
    TooLarge {
        /// How many bytes it had when writing it was given up.
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
pub fn encode<T: Serialize + ?Sized>(message: &T, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    let mut refused = None;
    let frame = FrameWriter { out, start: start + LENGTH_BYTES, refused: &mut refused };
    if let Err(error) = postcard::serialize_with_flavor(message, frame) {
        out.truncate(start);
        return Err(match refused {
            Some(size) => EncodeError::TooLarge { size },
            None => EncodeError::Unrepresentable(error.to_string()),
        });
    }
    let size = out.len() - start - LENGTH_BYTES;
    out[start..start + LENGTH_BYTES].copy_from_slice(&(size as u32).to_le_bytes());
    Ok(())
}

/// Lets postcard write straight behind what `out` already holds, up to [`FRAME_MAX`] bytes.
struct FrameWriter<'a> {
    out: &'a mut Vec<u8>,
    /// Where the message begins.
    start: usize,
    /// The size that was too large.
    refused: &'a mut Option<usize>,
}

impl Flavor for FrameWriter<'_> {
    type Output = ();

    #[inline]
    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        let size = self.out.len() - self.start + data.len();
        if size > FRAME_MAX {
            *self.refused = Some(size);
            return Err(postcard::Error::SerializeBufferFull);
        }
        self.out.extend_from_slice(data);
        Ok(())
    }

    #[inline]
    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.try_extend(&[data])
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
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
/// [`Decoder::next`] until that gives `None`. Done so after every read, it never holds more than one unfinished frame
/// beside what that read brought.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    /// Where the first message not yet taken begins.
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

    /// The buffer to append to. What stands in it already belongs to the decoder: append only.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        if self.pending() == 0 {
            self.bytes.clear();
            self.bytes.shrink_to(CAPACITY_IDLE_MAX);
            self.read = 0;
        } else if self.read >= COMPACT_MIN && self.read > self.pending() {
            self.bytes.drain(..self.read);
            self.read = 0;
        }
        &mut self.bytes
    }

    /// The next whole message, borrowing from the buffer; `None`: more bytes are needed.
    pub fn next<'a, T: Deserialize<'a>>(&'a mut self) -> Result<Option<T>, ProtocolError> {
        self.next_if(|_| true)
    }

    /// As [`Decoder::next`], but a message that is not wanted yet stays the next one.
    pub fn next_if<'a, T: Deserialize<'a>>(
        &'a mut self,
        wanted: impl FnOnce(&T) -> bool,
    ) -> Result<Option<T>, ProtocolError> {
        let before = self.read;
        let Some((message, read)) = Self::read_next(&self.bytes, before)? else { return Ok(None) };
        if !wanted(&message) {
            return Ok(None);
        }
        self.read = read;
        Ok(Some(message))
    }

    /// The message that begins at `start`, and where the one after it does.
    fn read_next<'a, T: Deserialize<'a>>(
        bytes: &'a [u8],
        start: usize,
    ) -> Result<Option<(T, usize)>, ProtocolError> {
        let Some(length) = bytes[start..].first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let size = u32::from_le_bytes(*length) as usize;
        if size > FRAME_MAX {
            return Err(ProtocolError::TooLarge { size });
        }
        let (start, end) = (start + LENGTH_BYTES, start + LENGTH_BYTES + size);
        let Some(message) = bytes.get(start..end) else { return Ok(None) };
        Ok(Some((decode(message)?, end)))
    }

    /// How many bytes wait for the rest of their message.
    pub fn pending(&self) -> usize {
        self.bytes.len() - self.read
    }
}

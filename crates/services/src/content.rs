//! Bytes on their way into or out of a service: whole where they are few, else as a stream that is pulled, so that
//! nothing is read or produced faster than the other side takes it.

use std::future::poll_fn;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};

/// A body beside a call or its answer.
pub enum Content {
    /// All of it.
    Whole(Bytes),
    /// More than one wants to hold at a time, or of unknown length.
    Stream(Box<dyn ByteStream>),
}

impl Content {
    /// How many bytes there are, where that is known beforehand.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Whole(bytes) => Some(bytes.len() as u64),
            Self::Stream(stream) => stream.length(),
        }
    }

    /// The same as a stream, whichever it was.
    pub fn into_stream(self) -> Box<dyn ByteStream> {
        match self {
            Self::Whole(bytes) => Box::new(OneChunk(Some(bytes))),
            Self::Stream(stream) => stream,
        }
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(bytes) => write!(formatter, "Whole({} bytes)", bytes.len()),
            Self::Stream(stream) => write!(formatter, "Stream({:?} bytes)", stream.length()),
        }
    }
}

/// Bytes that come piece by piece.
pub trait ByteStream: Send {
    /// The next piece, never empty; `None` at the end. After `None` or an error it is not polled again.
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamError>>>;

    /// How many bytes are still to come, where that is known.
    fn length(&self) -> Option<u64> {
        None
    }
}

/// Why the rest of a stream will not come: the JavaScript error its reader is to see.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StreamError {
    /// `Error`, `TypeError` ...
    pub name: String,
    /// Its text.
    pub message: String,
}

/// Waits for a stream's next piece; `None` at its end.
pub async fn next_chunk(stream: &mut dyn ByteStream) -> Result<Option<Bytes>, StreamError> {
    poll_fn(|context| stream.poll_chunk(context)).await.transpose()
}

/// Reads all of `content` into memory. The caller has bounded it.
pub async fn read_whole(content: Content) -> Result<Bytes, StreamError> {
    let mut stream = match content {
        Content::Whole(bytes) => return Ok(bytes),
        Content::Stream(stream) => stream,
    };
    let mut whole = BytesMut::with_capacity(stream.length().unwrap_or(0) as usize);
    while let Some(chunk) = next_chunk(&mut *stream).await? {
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

/// Reads all of `content` into memory, unless it has more than `limit` bytes.
pub(crate) async fn read_at_most(content: Content, limit: usize) -> Result<Option<Bytes>, StreamError> {
    let mut stream = match content {
        Content::Whole(bytes) => return Ok(Some(bytes).filter(|bytes| bytes.len() <= limit)),
        Content::Stream(stream) => stream,
    };
    let mut whole = BytesMut::new();
    while let Some(chunk) = next_chunk(&mut *stream).await? {
        if whole.len() + chunk.len() > limit {
            return Ok(None);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(Some(whole.freeze()))
}

/// [`Content::Whole`] as a stream.
struct OneChunk(Option<Bytes>);

impl ByteStream for OneChunk {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamError>>> {
        Poll::Ready(self.0.take().filter(|bytes| !bytes.is_empty()).map(Ok))
    }

    fn length(&self) -> Option<u64> {
        Some(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

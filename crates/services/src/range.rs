//! The part of a body that a `Range` field asks for (RFC 9110, 14).

use std::task::{Context, Poll, ready};

use bytes::Bytes;

use crate::{ByteStream, Content, StreamError};

/// Some bytes of a body, at least one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) start: u64,
    pub(crate) length: u64,
    /// How many bytes the whole body has.
    pub(crate) size: u64,
}

/// The part of `size` bytes that a `Range` field means. `None` for what is to be ignored (several ranges, or none that
/// can be read), `Err(size)` for one that is beyond the end.
pub(crate) fn resolve(range: &str, size: u64) -> Option<Result<Part, u64>> {
    let (first, last) = range.trim().strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = (first.trim(), last.trim());
    let (start, end) = if first.is_empty() {
        (size.saturating_sub(last.parse().ok()?), size)
    } else {
        let last: u64 = if last.is_empty() { u64::MAX } else { last.parse().ok()? };
        let start = first.parse().ok()?;
        if last < start {
            return None;
        }
        (start, last.saturating_add(1).min(size))
    };
    Some(if start < end { Ok(Part { start, length: end - start, size }) } else { Err(size) })
}

impl Part {
    /// Those bytes of the whole `value`.
    pub(crate) fn of(self, value: Content) -> Content {
        match value {
            Content::Whole(bytes) => {
                Content::Whole(bytes.slice(self.start as usize..(self.start + self.length) as usize))
            }
            Content::Stream(stream) => {
                Content::Stream(Box::new(Slice { stream, skip: self.start, left: self.length }))
            }
        }
    }
}

/// A part of a stream.
struct Slice {
    stream: Box<dyn ByteStream>,
    skip: u64,
    left: u64,
}

impl ByteStream for Slice {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamError>>> {
        while self.left > 0 {
            let Some(chunk) = ready!(self.stream.poll_chunk(context)).transpose()? else { break };
            let skipped = self.skip.min(chunk.len() as u64);
            self.skip -= skipped;
            let taken = self.left.min(chunk.len() as u64 - skipped);
            self.left -= taken;
            if taken > 0 {
                return Poll::Ready(Some(Ok(chunk.slice(skipped as usize..(skipped + taken) as usize))));
            }
        }
        Poll::Ready(None)
    }

    fn length(&self) -> Option<u64> {
        Some(self.left)
    }
}

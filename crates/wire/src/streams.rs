//! The two ends of a stream, as numbers: what may be sent, what may come, and when to let more come. The bytes
//! themselves are kept by whoever uses this, except for messages that come in fragments, which are put together here.
//!
//! Credit is in bytes. A piece of a byte stream costs its length; a fragment of a message costs
//! [`FRAGMENT_COST`] more. Nothing flows before the reader's first grant.

use std::borrow::Cow;

use crate::frame::MessageKind;
use crate::limits::{CHUNK_MAX, FRAGMENT_COST, MESSAGE_MAX, STREAM_WINDOW};
use crate::violation::Violation;

/// The writing end.
#[derive(Debug)]
pub struct OutgoingStream {
    /// What the reader still lets come.
    credit: u32,
    /// What waits here for credit, in bytes.
    queued: usize,
    queue_max: usize,
}

/// More waits to be sent than may: the writer's own limit, not the peer's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {limit} bytes wait to be sent")]
pub struct QueueFull {
    /// How many bytes may wait.
    pub limit: usize,
}

impl OutgoingStream {
    /// Without credit. At most `queue_max` bytes may wait to be sent.
    pub fn new(queue_max: usize) -> Self {
        Self { credit: 0, queued: 0, queue_max }
    }

    /// The reader lets `bytes` more come.
    pub fn grant(&mut self, bytes: u32) -> Result<(), Violation> {
        self.credit = self.credit.checked_add(bytes).ok_or(Violation::CreditOverflow)?;
        Ok(())
    }

    /// `bytes` more wait to be sent.
    pub fn enqueue(&mut self, bytes: usize) -> Result<(), QueueFull> {
        let limit = self.queue_max;
        self.queued =
            self.queued.checked_add(bytes).filter(|queued| *queued <= limit).ok_or(QueueFull { limit })?;
        Ok(())
    }

    /// How many bytes may still be enqueued.
    pub fn room(&self) -> usize {
        self.queue_max - self.queued
    }

    /// How many bytes wait to be sent.
    pub fn queued(&self) -> usize {
        self.queued
    }

    /// How many of the bytes waiting the next [`crate::Frame::StreamData`] may carry; they are paid for and no longer
    /// wait. 0: send nothing.
    pub fn take(&mut self) -> usize {
        self.take_of(self.queued)
    }

    /// As [`Self::take`], of a piece of which `rest` bytes wait, for a writer that does not join pieces.
    pub fn take_of(&mut self, rest: usize) -> usize {
        let bytes = rest.min(self.queued).min(CHUNK_MAX).min(self.credit as usize);
        self.pay(bytes, 0);
        bytes
    }

    /// How many bytes the next [`crate::Frame::StreamMessage`] may carry of a message of which `rest` bytes wait; they
    /// are paid for and no longer wait. `None`: send nothing. `Some(0)` only for a message that is empty.
    pub fn take_fragment(&mut self, rest: usize) -> Option<usize> {
        let affordable = self.credit.checked_sub(FRAGMENT_COST)? as usize;
        let bytes = rest.min(CHUNK_MAX).min(affordable);
        if bytes == 0 && rest > 0 {
            return None;
        }
        self.pay(bytes, FRAGMENT_COST);
        Some(bytes)
    }

    fn pay(&mut self, bytes: usize, fee: u32) {
        self.queued = self.queued.saturating_sub(bytes);
        self.credit -= bytes as u32 + fee;
    }
}

/// The reading end. What has come and was not read yet, and what may still come, are together at most the window.
#[derive(Debug)]
pub struct IncomingStream {
    window: u32,
    /// What the writer may still send.
    allowed: u32,
    /// What has come and not been read.
    unread: u32,
}

impl Default for IncomingStream {
    fn default() -> Self {
        Self::new(STREAM_WINDOW)
    }
}

impl IncomingStream {
    /// With a window of that many bytes, none of them granted yet.
    pub fn new(window: u32) -> Self {
        Self { window, allowed: 0, unread: 0 }
    }

    /// A piece of a byte stream came.
    pub fn receive(&mut self, bytes: usize) -> Result<(), Violation> {
        self.receive_cost(bytes)
    }

    /// A fragment of a message came. What it costs is read with [`IncomingStream::read_fragment`].
    pub fn receive_fragment(&mut self, bytes: usize) -> Result<(), Violation> {
        self.receive_cost(bytes.saturating_add(FRAGMENT_COST as usize))
    }

    /// So many of the bytes that came were read.
    pub fn read(&mut self, bytes: usize) {
        self.unread = self.unread.saturating_sub(u32::try_from(bytes).unwrap_or(u32::MAX));
    }

    /// A fragment with so many bytes was read.
    pub fn read_fragment(&mut self, bytes: usize) {
        self.read(bytes.saturating_add(FRAGMENT_COST as usize));
    }

    /// What to grant now, with [`crate::Frame::StreamCredit`]: asked when reading begins, and after each read. `None`
    /// while less than half the window could be granted, so that credit does not trickle.
    pub fn grant(&mut self) -> Option<u32> {
        let free = self.window - self.allowed - self.unread;
        if free == 0 || free < self.window / 2 {
            return None;
        }
        self.allowed += free;
        Some(free)
    }

    /// How many bytes came and were not read.
    pub fn unread(&self) -> usize {
        self.unread as usize
    }

    fn receive_cost(&mut self, cost: usize) -> Result<(), Violation> {
        let credit = self.allowed;
        let Some(cost) = u32::try_from(cost).ok().filter(|cost| *cost <= credit) else {
            return Err(Violation::BeyondCredit { cost, credit });
        };
        self.allowed -= cost;
        self.unread += cost;
        Ok(())
    }
}

/// Puts fragments together to messages.
#[derive(Debug, Default)]
pub struct MessageAssembler {
    kind: Option<MessageKind>,
    bytes: Vec<u8>,
}

/// A whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Text is valid UTF-8.
    pub kind: MessageKind,
    /// Borrowed where the message came in one fragment.
    pub bytes: Cow<'a, [u8]>,
}

impl MessageAssembler {
    /// Between two messages.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next fragment, and gives the message if that was its last.
    pub fn push<'a>(
        &mut self,
        kind: MessageKind,
        last: bool,
        bytes: &'a [u8],
    ) -> Result<Option<Message<'a>>, Violation> {
        if self.kind.is_some_and(|begun| begun != kind) {
            return Err(Violation::MixedMessage);
        }
        let size = self.bytes.len() + bytes.len();
        if size > MESSAGE_MAX {
            return Err(Violation::TooLong { what: "message", size, limit: MESSAGE_MAX });
        }
        if !last {
            self.kind = Some(kind);
            self.bytes.extend_from_slice(bytes);
            return Ok(None);
        }
        self.finish(kind, bytes).map(Some)
    }

    /// Whether some of a message has come, but not its last fragment.
    pub fn is_within_message(&self) -> bool {
        self.kind.is_some()
    }

    fn finish<'a>(&mut self, kind: MessageKind, rest: &'a [u8]) -> Result<Message<'a>, Violation> {
        let begun = self.kind.take().is_some();
        let bytes = if begun {
            self.bytes.extend_from_slice(rest);
            Cow::Owned(std::mem::take(&mut self.bytes))
        } else {
            Cow::Borrowed(rest)
        };
        match kind {
            MessageKind::Text if std::str::from_utf8(&bytes).is_err() => Err(Violation::NotText),
            _ => Ok(Message { kind, bytes }),
        }
    }
}

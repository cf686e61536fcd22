//! The two ends of a stream, as numbers: what may be sent, what may come, and when to let more come. The bytes
//! themselves are kept by whoever uses this.
//!
//! Credit is in bytes. Nothing flows before the reader's first grant.

use crate::limits::{CHUNK_MAX, STREAM_WINDOW};
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
        self.pay(bytes);
        bytes
    }

    fn pay(&mut self, bytes: usize) {
        self.queued = self.queued.saturating_sub(bytes);
        self.credit -= bytes as u32;
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
        let credit = self.allowed;
        let Some(cost) = u32::try_from(bytes).ok().filter(|cost| *cost <= credit) else {
            return Err(Violation::BeyondCredit { cost: bytes, credit });
        };
        self.allowed -= cost;
        self.unread += cost;
        Ok(())
    }

    /// So many of the bytes that came were read.
    pub fn read(&mut self, bytes: usize) {
        self.unread = self.unread.saturating_sub(u32::try_from(bytes).unwrap_or(u32::MAX));
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
}

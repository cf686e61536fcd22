//! Large values: written before an entry names them, read while entries change.
//!
//! A value that no entry names stands in the table `unclaimed`, with the time until which it is kept: an upload until
//! its put commits, which takes it out of there in the same transaction that makes the entry name it; a replaced value
//! until its readers are done. A crash leaves at most an unclaimed value behind, which a later sweep removes. Nobody
//! ever sees half a value, and no reader holds up a writer or the write-ahead log.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};

use super::{Store, tables};
use crate::kv::KvError;
use crate::pins::Pin;
use crate::{ByteStream, Content, StreamError, next_chunk};

/// The largest value that lies in its entry's row, and the size of the pieces of those that do not.
pub(super) const CHUNK_BYTES: usize = 64 << 10;
/// How much of an upload is gathered in memory before it is written out.
const APPEND_BYTES: usize = 16 * CHUNK_BYTES;

/// The number of a large value; never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ValueId(pub(super) i64);

/// A value as its entry holds it.
pub(super) enum Stored {
    /// In the entry's row.
    Inline(Bytes),
    /// In rows of its own.
    Apart { value: ValueId, length: u64 },
}

/// Takes a value in: a large one is written out as it comes, and its [`Upload`] is to be kept until it is claimed.
pub(super) async fn store(store: &Arc<Store>, content: Content) -> Result<(Stored, Option<Upload>), KvError> {
    let mut stream = match content {
        Content::Whole(bytes) if bytes.len() <= CHUNK_BYTES => return Ok((Stored::Inline(bytes), None)),
        content => content.into_stream(),
    };
    let (mut gathered, mut upload) = (BytesMut::new(), None);
    while let Some(chunk) = next_chunk(&mut *stream).await.map_err(KvError::Source)? {
        gathered.extend_from_slice(&chunk);
        while gathered.len() >= APPEND_BYTES {
            let bytes = gathered.split_to(APPEND_BYTES).freeze();
            Upload::of(&mut upload, store).await?.append(bytes).await?;
        }
    }
    let rest = gathered.freeze();
    if upload.is_none() && rest.len() <= CHUNK_BYTES {
        return Ok((Stored::Inline(rest), None));
    }
    let open = Upload::of(&mut upload, store).await?;
    open.append(rest).await?;
    Ok((Stored::Apart { value: open.pin.key, length: open.length }, upload))
}

/// A large value that is being written. Dropped before it is claimed, it is forgotten.
pub(super) struct Upload {
    store: Arc<Store>,
    pin: Pin<ValueId>,
    length: u64,
    claimed: bool,
}

impl Upload {
    /// The upload in `slot`, begun where there is none yet.
    async fn of<'a>(slot: &'a mut Option<Self>, store: &Arc<Store>) -> Result<&'a mut Self, KvError> {
        if slot.is_none() {
            let now_s = store.clock.now_s();
            let value =
                store.database.write(move |transaction| tables::begin_value(transaction, now_s)).await?;
            let pin = Pin::new(store.pins.clone(), value);
            *slot = Some(Self { store: store.clone(), pin, length: 0, claimed: false });
        }
        Ok(slot.as_mut().expect("invariant: just filled"))
    }

    /// Writes out the next piece. All but the last are multiples of a chunk.
    async fn append(&mut self, bytes: Bytes) -> Result<(), KvError> {
        let (value, sequence) = (self.pin.key, (self.length / CHUNK_BYTES as u64) as i64);
        let now_s = self.store.clock.now_s();
        self.length += bytes.len() as u64;
        let written = self
            .store
            .database
            .write(move |transaction| tables::append(transaction, value, sequence, &bytes, now_s));
        Ok(written.await?)
    }

    /// An entry names the value now.
    pub(super) fn claimed(mut self) {
        self.claimed = true;
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.claimed {
            let value = self.pin.key;
            drop(self.store.database.write(move |transaction| tables::forget(transaction, value)));
        }
    }
}

/// A large value on its way out, read a chunk at a time, on the reader's thread, whenever it is asked for more.
pub(super) struct ValueReader {
    store: Arc<Store>,
    pin: Pin<ValueId>,
    sequence: i64,
    left: u64,
}

impl ValueReader {
    /// To be called right after the value's entry was found, while a sweep would not yet take it for forgotten.
    pub(super) fn new(store: Arc<Store>, value: ValueId, length: u64) -> Self {
        let pin = Pin::new(store.pins.clone(), value);
        Self { store, pin, sequence: 0, left: length }
    }

    fn next(&mut self) -> Result<Bytes, StreamError> {
        let (value, sequence) = (self.pin.key, self.sequence);
        let chunk = self.store.database.read(|connection| tables::chunk(connection, value, sequence));
        let chunk = chunk.map_err(|error| broken(&KvError::from(error).to_string()))?;
        let chunk =
            chunk.ok_or_else(|| broken("410 The value was replaced long before it was read to its end."))?;
        self.sequence += 1;
        self.left = self.left.saturating_sub(chunk.len() as u64);
        Ok(chunk)
    }
}

fn broken(what: &str) -> StreamError {
    StreamError { name: "Error".to_owned(), message: format!("KV GET failed: {what}") }
}

impl ByteStream for ValueReader {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamError>>> {
        Poll::Ready((self.left > 0).then(|| self.next()))
    }

    fn length(&self) -> Option<u64> {
        Some(self.left)
    }
}

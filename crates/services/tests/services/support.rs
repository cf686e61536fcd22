//! What the tests share: a KV namespace that is called as a cell would, a clock to turn, streams to feed.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hognose_services::kv::{KvService, SqliteKv};
use hognose_services::{
    Answer, ByteStream, Call, CallError, Clock, Content, Service, StreamError, block_on, read_whole,
};
use hognose_wire::kv as wire;
use serde::Serialize;

/// When the tests' clock starts.
pub(crate) const START_S: i64 = 1_800_000_000;

/// A clock that stands still until it is turned.
pub(crate) struct TurnedClock(AtomicI64);

impl TurnedClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(START_S)))
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for TurnedClock {
    fn now_s(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A namespace in a folder of its own.
pub(crate) struct Fixture {
    pub(crate) clock: Arc<TurnedClock>,
    pub(crate) store: SqliteKv,
    kv: Cell,
    pub(crate) folder: tempfile::TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = TurnedClock::new();
        let store = open(folder.path(), clock.clone());
        let kv = Cell::new(&store, "<YOUR_KV_NAMESPACE_ID>", clock.clone());
        Self { clock, store, kv, folder }
    }
}

impl std::ops::Deref for Fixture {
    type Target = Cell;

    fn deref(&self) -> &Cell {
        &self.kv
    }
}

/// The store in `folder`.
pub(crate) fn open(folder: &Path, clock: Arc<dyn Clock>) -> SqliteKv {
    SqliteKv::open(&folder.join("kv.sqlite"), clock).unwrap()
}

/// The cell's side of a KV binding.
pub(crate) struct Cell(KvService);

/// What `put` is given beside key and value.
#[derive(Clone, Copy, Default)]
pub(crate) struct Options<'a> {
    pub(crate) expiration_s: Option<i64>,
    pub(crate) expiration_ttl_s: Option<i64>,
    pub(crate) metadata: Option<&'a str>,
}

/// A value and its metadata.
pub(crate) type Got = Option<(Vec<u8>, Option<String>)>;

/// A page: names, expirations, metadata; and the cursor.
pub(crate) type Listed = (Vec<(String, Option<i64>, Option<String>)>, Option<String>);

impl Cell {
    pub(crate) fn new(store: &SqliteKv, id: &str, clock: Arc<dyn Clock>) -> Self {
        Self(KvService::new(Arc::new(store.namespace(id).unwrap()), clock))
    }

    pub(crate) fn call(
        &self,
        method: &str,
        params: &impl Serialize,
        bodies: Vec<Content>,
    ) -> Result<Answer, CallError> {
        let params = postcard::to_allocvec(params).unwrap();
        block_on(self.0.call(Call { method, params: &params, bodies }).wait())
    }

    /// The value, not read yet.
    pub(crate) fn begin_get(&self, key: &str) -> Result<Option<Content>, String> {
        let answer = self.call("get", &wire::Get { key, cache_ttl_s: None }, vec![]);
        Ok(answer.map_err(text)?.bodies.pop())
    }

    pub(crate) fn get_with(&self, key: &str, cache_ttl_s: Option<i64>) -> Result<Got, String> {
        let mut answer = self.call("get", &wire::Get { key, cache_ttl_s }, vec![]).map_err(text)?;
        let entry: wire::GetResult = postcard::from_bytes(&answer.bytes).unwrap();
        let Some(entry) = entry else { return Ok(None) };
        let value = block_on(read_whole(answer.bodies.pop().unwrap())).map_err(|error| error.to_string())?;
        Ok(Some((value.to_vec(), entry.metadata.map(str::to_owned))))
    }

    /// The value alone.
    pub(crate) fn get(&self, key: &str) -> Result<Option<Vec<u8>>, String> {
        Ok(self.get_with(key, None)?.map(|(value, _)| value))
    }

    pub(crate) fn get_bulk(
        &self,
        keys: &[&str],
        type_name: &str,
    ) -> Result<Vec<(String, Option<String>)>, String> {
        let params = wire::GetBulk { keys: keys.to_vec(), type_name, cache_ttl_s: None };
        let answer = self.call("get_bulk", &params, vec![]).map_err(text)?;
        let result: wire::GetBulkResult = postcard::from_bytes(&answer.bytes).unwrap();
        let entry = |(key, found): (&str, Option<(&str, _)>)| {
            (key.to_owned(), found.map(|(text, _)| text.to_owned()))
        };
        Ok(result.entries.into_iter().map(entry).collect())
    }

    pub(crate) fn put_with(&self, key: &str, value: Content, options: Options<'_>) -> Result<(), String> {
        let Options { expiration_s, expiration_ttl_s, metadata } = options;
        let params = wire::Put { key, expiration_s, expiration_ttl_s, metadata };
        self.call("put", &params, vec![value]).map(drop).map_err(text)
    }

    pub(crate) fn put(&self, key: &str, value: &[u8]) -> Result<(), String> {
        self.put_with(key, Content::Whole(Bytes::copy_from_slice(value)), Options::default())
    }

    pub(crate) fn delete(&self, key: &str) -> Result<(), String> {
        self.call("delete", &wire::Delete { key }, vec![]).map(drop).map_err(text)
    }

    pub(crate) fn list(
        &self,
        prefix: &str,
        limit: Option<i64>,
        cursor: Option<&str>,
    ) -> Result<Listed, String> {
        let answer = self.call("list", &wire::List { prefix, limit, cursor }, vec![]).map_err(text)?;
        let page: wire::ListResult = postcard::from_bytes(&answer.bytes).unwrap();
        let key =
            |key: wire::ListKey<'_>| (key.name.to_owned(), key.expiration_s, key.metadata.map(str::to_owned));
        Ok((page.keys.into_iter().map(key).collect(), page.cursor.map(str::to_owned)))
    }

    /// The names in one page.
    pub(crate) fn names(&self, prefix: &str) -> Vec<String> {
        self.list(prefix, None, None).unwrap().0.into_iter().map(|(name, ..)| name).collect()
    }
}

/// What the Worker would read.
fn text(error: CallError) -> String {
    match error {
        CallError::Failed(failure) => failure.to_string(),
        CallError::Violation(what) => panic!("violation: {what}"),
    }
}

/// A stream of the given pieces, whose length is not known beforehand.
pub(crate) struct Pieces(pub(crate) Vec<Result<Bytes, StreamError>>);

impl Pieces {
    /// `size` bytes in pieces of 64 KiB.
    pub(crate) fn of_size(size: usize) -> Content {
        let whole = Bytes::from(vec![7; size]);
        Self(whole.chunks(64 << 10).rev().map(|piece| Ok(whole.slice_ref(piece))).collect()).into()
    }
}

impl From<Pieces> for Content {
    fn from(pieces: Pieces) -> Self {
        Self::Stream(Box::new(pieces))
    }
}

impl ByteStream for Pieces {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamError>>> {
        Poll::Ready(self.0.pop())
    }
}

//! The calls a cell makes on a KV namespace: from `hognose_wire::kv`'s vocabulary to an engine and back.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hognose_wire::kv as wire;

use super::{Entry, Kv, KvError, ListQuery, Operation, Page, PutOptions, limits};
use crate::{Answer, ByteStream, Call, CallError, Clock, Content, Pending, Service, StreamError, read_whole};

/// A KV namespace as a binding.
pub struct KvService {
    kv: Arc<dyn Kv>,
    clock: Arc<dyn Clock>,
}

type Reply = Pending<Result<Answer, CallError>>;

impl KvService {
    /// Serves `kv`, with `clock` to judge expirations by.
    pub fn new(kv: Arc<dyn Kv>, clock: Arc<dyn Clock>) -> Self {
        Self { kv, clock }
    }

    fn get(&self, call: &Call<'_>) -> Result<Reply, CallError> {
        let params: wire::Get = call.read_params()?;
        let checked =
            limits::check_key(params.key).and_then(|()| limits::check_cache_ttl(params.cache_ttl_s));
        checked.map_err(|error| error.during(Operation::Get))?;
        Ok(reply(Operation::Get, self.kv.get(params.key), get_answer))
    }

    fn get_bulk(&self, call: &Call<'_>) -> Result<Reply, CallError> {
        let params: wire::GetBulk = call.read_params()?;
        let failed = |error: KvError| error.during(Operation::GetBulk);
        limits::check_bulk_keys(&params.keys).map_err(failed)?;
        limits::check_cache_ttl(params.cache_ttl_s).map_err(failed)?;
        let kind = TextKind::named(params.type_name).map_err(failed)?;
        let keys = without_repetitions(&params.keys);
        let entries = self.kv.get_many(&keys);
        let keys: Vec<String> = keys.into_iter().map(str::to_owned).collect();
        Ok(Pending::later(async move {
            let entries = entries.wait().await.map_err(failed)?;
            let texts = read_texts(entries, kind).await.map_err(failed)?;
            Ok(bulk_answer(&keys, &texts))
        }))
    }

    fn put(&self, mut call: Call<'_>) -> Result<Reply, CallError> {
        let params: wire::Put = call.read_params()?;
        let [value] = std::mem::take(&mut call.bodies)
            .try_into()
            .map_err(|_| CallError::violation("`put` takes exactly one body"))?;
        let checked = self.checked_put(&params).and_then(|options| Ok((options, bounded(value)?)));
        let (options, value) = checked.map_err(|error| error.during(Operation::Put))?;
        Ok(reply(Operation::Put, self.kv.put(params.key, value, options), |()| Answer::default()))
    }

    fn checked_put(&self, params: &wire::Put<'_>) -> Result<PutOptions, KvError> {
        limits::check_key(params.key)?;
        let now_s = self.clock.now_s();
        let expiration_s = limits::expiration(params.expiration_s, params.expiration_ttl_s, now_s)?;
        limits::check_metadata(params.metadata)?;
        Ok(PutOptions { expiration_s, metadata: params.metadata.map(str::to_owned) })
    }

    fn delete(&self, call: &Call<'_>) -> Result<Reply, CallError> {
        let params: wire::Delete = call.read_params()?;
        limits::check_key(params.key).map_err(|error| error.during(Operation::Delete))?;
        Ok(reply(Operation::Delete, self.kv.delete(params.key), |()| Answer::default()))
    }

    fn list(&self, call: &Call<'_>) -> Result<Reply, CallError> {
        let params: wire::List = call.read_params()?;
        let page = self.checked_list(&params).map_err(|error| error.during(Operation::Get))?;
        Ok(reply(Operation::Get, page, |page| list_answer(&page)))
    }

    fn checked_list(&self, params: &wire::List<'_>) -> Result<Pending<Result<Page, KvError>>, KvError> {
        limits::check_key_length(params.prefix)?;
        let limit = limits::page_size(params.limit)?;
        let after = params.cursor.map(key_of_cursor).transpose()?;
        Ok(self.kv.list(ListQuery { prefix: params.prefix, limit, after: after.as_deref() }))
    }
}

impl Service for KvService {
    fn call(&self, call: Call<'_>) -> Reply {
        let begun = match call.method {
            "get" => self.get(&call),
            "get_bulk" => self.get_bulk(&call),
            "put" => self.put(call),
            "delete" => self.delete(&call),
            "list" => self.list(&call),
            unknown => Err(CallError::unknown_method("a KV namespace", unknown)),
        };
        begun.unwrap_or_else(|error| Pending::Ready(Err(error)))
    }
}

/// An engine's result as a call's.
fn reply<T: Send + 'static>(
    operation: Operation,
    result: Pending<Result<T, KvError>>,
    answer: impl FnOnce(T) -> Answer + Send + 'static,
) -> Reply {
    result.map(move |result| result.map(answer).map_err(|error| error.during(operation)))
}

fn get_answer(entry: Option<Entry>) -> Answer {
    let Some(Entry { value, metadata }) = entry else { return Answer::of::<wire::GetResult>(&None) };
    let known = wire::Entry { metadata: metadata.as_deref() };
    Answer { bodies: vec![value], ..Answer::of::<wire::GetResult>(&Some(known)) }
}

fn list_answer(page: &Page) -> Answer {
    let keys = page.keys.iter().map(|key| wire::ListKey {
        name: &key.name,
        expiration_s: key.expiration_s,
        metadata: key.metadata.as_deref(),
    });
    let last = page.keys.last().filter(|_| !page.complete);
    let cursor = last.map(|key| STANDARD.encode(&key.name));
    Answer::of(&wire::ListResult { keys: keys.collect(), cursor: cursor.as_deref() })
}

/// The key that a cursor stands for: the last one of the page it came with.
fn key_of_cursor(cursor: &str) -> Result<String, KvError> {
    let bytes = STANDARD.decode(cursor).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| KvError::refused(400, "Invalid cursor."))
}

/// What a bulk get makes of values.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TextKind {
    Text,
    Json,
}

impl TextKind {
    fn named(name: &str) -> Result<Self, KvError> {
        match name {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => {
                let text = format!("\"{name}\" is not a valid type. Use \"json\" or \"text\"");
                Err(KvError::refused(400, text))
            }
        }
    }
}

fn without_repetitions<'a>(keys: &[&'a str]) -> Vec<&'a str> {
    let mut seen = std::collections::HashSet::with_capacity(keys.len());
    keys.iter().copied().filter(|key| seen.insert(*key)).collect()
}

/// A value as text, and its metadata.
type Text = Option<(String, Option<String>)>;

/// Reads the values as text, which together must be within the limit, and as JSON where that is asked for.
async fn read_texts(entries: Vec<Option<Entry>>, kind: TextKind) -> Result<Vec<Text>, KvError> {
    let mut texts = Vec::with_capacity(entries.len());
    let mut total = 0;
    for entry in entries {
        let Some(Entry { value, metadata }) = entry else {
            texts.push(None);
            continue;
        };
        // Refused before it is read where its length is known, so that memory stays bounded.
        check_total(total + value.length().unwrap_or(0))?;
        let bytes = read_whole(value).await.map_err(KvError::Source)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        total += text.len() as u64;
        check_total(total)?;
        if kind == TextKind::Json && !limits::is_json(&text) {
            let text = "At least one of the requested keys corresponds to a non-json value";
            return Err(KvError::refused(400, text));
        }
        texts.push(Some((text, metadata)));
    }
    Ok(texts)
}

fn check_total(total: u64) -> Result<(), KvError> {
    if total <= limits::BULK_MAX_BYTES {
        return Ok(());
    }
    let limit_mb = limits::BULK_MAX_BYTES >> 20;
    Err(KvError::refused(413, format!("Total size of request exceeds the limit of {limit_mb}MB")))
}

fn bulk_answer(keys: &[String], texts: &[Text]) -> Answer {
    let mut entries = Vec::with_capacity(keys.len());
    for (key, text) in keys.iter().zip(texts) {
        let found = text.as_ref().map(|(text, metadata)| (text.as_str(), metadata.as_deref()));
        entries.push((key.as_str(), found));
    }
    Answer::of(&wire::GetBulkResult { entries })
}

/// `value`, which ends in KV's own error where it turns out longer than it may be.
fn bounded(value: Content) -> Result<Content, KvError> {
    limits::check_value_length(value.length().unwrap_or(0))?;
    Ok(match value {
        Content::Whole(bytes) => Content::Whole(bytes),
        Content::Stream(stream) => Content::Stream(Box::new(Bounded { stream, size: 0 })),
    })
}

/// A value of unknown length on its way in.
struct Bounded {
    stream: Box<dyn ByteStream>,
    size: u64,
}

/// How far a value that is too large is read on, so that the error can name its length.
const COUNTED_MAX_BYTES: u64 = 4 * limits::VALUE_MAX_BYTES;

impl Bounded {
    fn too_large(&self) -> Option<KvError> {
        limits::check_value_length(self.size).err()
    }
}

impl ByteStream for Bounded {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamError>>> {
        while self.size <= COUNTED_MAX_BYTES {
            let chunk = match ready!(self.stream.poll_chunk(context)) {
                Some(Ok(chunk)) => chunk,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => break,
            };
            self.size += chunk.len() as u64;
            if self.too_large().is_none() {
                return Poll::Ready(Some(Ok(chunk)));
            }
        }
        Poll::Ready(self.too_large().map(|error| {
            let message = format!("KV {} failed: {error}", Operation::Put);
            Err(StreamError { name: "Error".to_owned(), message })
        }))
    }

    fn length(&self) -> Option<u64> {
        self.stream.length()
    }
}

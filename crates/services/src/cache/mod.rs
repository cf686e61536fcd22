//! The Cache API's server half: responses by cache name and URL. What is stored is an entry of a [`Kv`] engine, whose
//! expiry is the response's; this module reads the calls and says what may be stored ([`policy`]) and what a stored
//! response answers (`answer`); `view` is for whoever looks at caches from outside.

mod answer;
mod policy;
mod view;

pub use view::{CachedResponse, forget, list, purge};

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hognose_wire::cache as wire;
use hognose_wire::cache::{Fields, Found};
use serde::{Deserialize, Serialize};

use crate::kv::{Entry, Kv, KvError, PutOptions};
use crate::{Answer, ByteStream, Call, CallError, Clock, Content, Failure, Pending, Service, StreamError};

/// The largest body, in bytes: Cloudflare's limit.
pub const BODY_MAX_BYTES: u64 = 512 << 20;

/// All caches of one Worker.
pub struct CacheService {
    kv: Arc<dyn Kv>,
    clock: Arc<dyn Clock>,
}

type Reply = Pending<Result<Answer, CallError>>;

/// What is kept beside a body, as JSON.
#[derive(Serialize, Deserialize)]
struct Stored {
    status: u16,
    status_text: String,
    headers: Fields,
    /// What the request said in the fields that the response varies with.
    variant: Vec<(String, Option<String>)>,
    put_at_s: i64,
}

impl CacheService {
    /// Keeps responses in `kv`, with `clock` to judge their age by.
    pub fn new(kv: Arc<dyn Kv>, clock: Arc<dyn Clock>) -> Self {
        Self { kv, clock }
    }

    fn find(&self, call: &Call<'_>) -> Result<Reply, CallError> {
        let params: wire::Match = call.read_params()?;
        let now_s = self.clock.now_s();
        let entry = self.kv.get(&key(&params.cache, &params.url));
        Ok(entry.map(move |entry| match entry.map_err(failed)? {
            Some(entry) => Ok(found(entry, &params.headers, now_s)),
            None => Ok(Answer::of::<Option<Found>>(&None)),
        }))
    }

    fn put(&self, mut call: Call<'_>) -> Result<Reply, CallError> {
        let params: wire::Put = call.read_params()?;
        let [body] = std::mem::take(&mut call.bodies)
            .try_into()
            .map_err(|_| CallError::violation("`put` takes exactly one body"))?;
        let now_s = self.clock.now_s();
        let lifetime_s = policy::lifetime_s(params.status, &params.headers, now_s);
        let variant = policy::variant(&params.headers, &params.request_headers);
        let (Some(lifetime_s), Some(variant)) = (lifetime_s, variant) else {
            // Nobody is told: the API resolves whether or not the response was stored.
            return Ok(Pending::Ready(Ok(Answer::default())));
        };
        let stored = Stored {
            status: params.status,
            status_text: params.status_text,
            headers: policy::storable(params.headers),
            variant,
            put_at_s: now_s,
        };
        let metadata = serde_json::to_string(&stored).expect("invariant: plain data has a JSON form");
        let expiration_s = Some(now_s.saturating_add(lifetime_s));
        let options = PutOptions { expiration_s, metadata: Some(metadata) };
        let result = self.kv.put(&key(&params.cache, &params.url), bounded(body)?, options);
        Ok(result.map(|result| result.map(|()| Answer::default()).map_err(failed)))
    }

    fn delete(&self, call: &Call<'_>) -> Result<Reply, CallError> {
        let params: wire::Delete = call.read_params()?;
        let key = key(&params.cache, &params.url);
        let kv = Arc::clone(&self.kv);
        Ok(Pending::later(async move {
            let existed = kv.get(&key).wait().await.map_err(failed)?.is_some();
            kv.delete(&key).wait().await.map_err(failed)?;
            Ok(Answer::of(&existed))
        }))
    }
}

impl Service for CacheService {
    fn call(&self, call: Call<'_>) -> Reply {
        let begun = match call.method {
            "match" => self.find(&call),
            "put" => self.put(call),
            "delete" => self.delete(&call),
            unknown => Err(CallError::unknown_method("the cache", unknown)),
        };
        begun.unwrap_or_else(|error| Pending::Ready(Err(error)))
    }
}

/// A newline stands in no URL, so that two caches cannot meet in one key.
fn key(cache: &str, url: &str) -> String {
    format!("{url}\n{cache}")
}

fn found(entry: Entry, request: &Fields, now_s: i64) -> Answer {
    let stored = entry.metadata.and_then(|json| serde_json::from_str::<Stored>(&json).ok());
    let matching =
        |stored: &Stored| stored.variant.iter().all(|(name, value)| policy::field(request, name) == *value);
    let Some(stored) = stored.filter(matching) else { return Answer::of::<Option<Found>>(&None) };
    let mut headers = stored.headers;
    headers.retain(|(name, _)| name != "age" && name != "cf-cache-status");
    headers.push(("age".to_owned(), (now_s - stored.put_at_s).max(0).to_string()));
    headers.push(("cf-cache-status".to_owned(), "HIT".to_owned()));
    let stored = Found { status: stored.status, status_text: stored.status_text, headers, has_body: true };
    let (found, body) = answer::answer(stored, entry.value, request);
    Answer { bodies: body.into_iter().collect(), ..Answer::of(&Some(found)) }
}

fn failed(error: KvError) -> CallError {
    let cause = Some(error.to_string());
    let (name, message) = match error {
        KvError::Source(StreamError { name, message }) => (name, message),
        _ => ("Error".to_owned(), "The cache is not available.".to_owned()),
    };
    CallError::Failed(Failure { name: name.into(), message, retryable: false, cause })
}

fn too_large() -> StreamError {
    let message = format!("The response is larger than a cache takes ({BODY_MAX_BYTES} bytes).");
    StreamError { name: "Error".to_owned(), message }
}

/// `body`, which fails where it turns out longer than it may be.
fn bounded(body: Content) -> Result<Content, CallError> {
    if body.length().is_some_and(|length| length > BODY_MAX_BYTES) {
        return Err(failed(KvError::Source(too_large())));
    }
    Ok(match body {
        Content::Whole(bytes) => Content::Whole(bytes),
        Content::Stream(stream) => Content::Stream(Box::new(Bounded { stream, left: BODY_MAX_BYTES })),
    })
}

/// A body of unknown length on its way in.
struct Bounded {
    stream: Box<dyn ByteStream>,
    left: u64,
}

impl ByteStream for Bounded {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamError>>> {
        let chunk = ready!(self.stream.poll_chunk(context));
        if let Some(Ok(bytes)) = &chunk {
            let Some(left) = self.left.checked_sub(bytes.len() as u64) else {
                return Poll::Ready(Some(Err(too_large())));
            };
            self.left = left;
        }
        Poll::Ready(chunk)
    }

    fn length(&self) -> Option<u64> {
        self.stream.length()
    }
}

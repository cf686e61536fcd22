//! How engines on servers are reached. Whoever makes the service brings this: nothing here knows the network.

use std::time::Duration;

use bytes::Bytes;

use crate::{Content, Pending};

/// Sends requests.
pub trait Http: Send + Sync {
    /// Sends one and gives the answer once its head is there. Dropped before, or its body dropped, the request ends.
    fn send(&self, request: HttpRequest) -> Pending<Result<HttpResponse, HttpError>>;

    /// Lets time go by.
    fn pause(&self, duration: Duration) -> Pending<()>;
}

/// A request, always a POST.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// Where to.
    pub url: String,
    /// Its header fields.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Bytes,
    /// How long the server may take for its first byte, and for each next.
    pub timeout: Duration,
    /// Whether the answer is of use only once it is whole: then all of its body must come within the same time, so that a
    /// server that sends a byte now and then does not keep anybody waiting without end.
    pub whole: bool,
}

/// What came back.
#[derive(Debug)]
pub struct HttpResponse {
    /// HTTP's.
    pub status: u16,
    /// Its `content-type`.
    pub content_type: Option<String>,
    /// Its `retry-after`.
    pub retry_after: Option<String>,
    /// Its body.
    pub body: Content,
}

/// Why nothing came back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The server could not be reached, or went away.
    #[error("{0}")]
    Unreachable(String),
    /// It took too long.
    #[error("it did not answer within {} ms", .0.as_millis())]
    Timeout(Duration),
}

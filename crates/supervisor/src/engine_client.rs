//! The network for engines that answer for bindings: servers of models that the operator has named.
//!
//! They may well be on this machine, so private addresses are reached whatever Workers may reach.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hognose_services::ai::{Http, HttpError, HttpRequest, HttpResponse};
use hognose_services::{ByteStream, Content, Pending, StreamError};
use http::header::{CONTENT_TYPE, HeaderName, LOCATION, RETRY_AFTER};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep, timeout};

use crate::body::Body;
use crate::egress::{Egress, EgressError, EgressOptions};
use crate::policy::EgressPolicy;

/// How often the server of a file may send one elsewhere.
const REDIRECTIONS_MAX: usize = 5;

/// Sends requests to engines. Used within a tokio runtime.
pub struct EngineClient {
    egress: Arc<Egress>,
}

impl EngineClient {
    /// Trusts what Workers' own requests trust.
    pub fn new(options: EgressOptions) -> Result<Self, EgressError> {
        let policy = EgressPolicy { allow_private: true, ..EgressPolicy::default() };
        let egress = Egress::new(EgressOptions { policy, ..options })?;
        Ok(Self { egress: Arc::new(egress) })
    }
}

impl Http for EngineClient {
    fn send(&self, request: HttpRequest) -> Pending<Result<HttpResponse, HttpError>> {
        let egress = Arc::clone(&self.egress);
        Pending::later(async move { exchange(&egress, request).await })
    }

    fn pause(&self, duration: Duration) -> Pending<()> {
        Pending::later(sleep(duration))
    }
}

impl EngineClient {
    /// The file at a URL, wherever redirections lead. The server may take `patience` for its first byte and for each next.
    pub async fn get(&self, url: &str, patience: Duration) -> Result<HttpResponse, HttpError> {
        let mut url = url.to_owned();
        for _ in 0..=REDIRECTIONS_MAX {
            let (head, incoming) =
                answer(&self.egress, http::Request::get(&url), Bytes::new(), patience).await?;
            let location = head.headers.get(LOCATION).and_then(|value| value.to_str().ok());
            match location.filter(|_| head.status.is_redirection()) {
                Some(location) => url = resolved(&url, location)?,
                None => return Ok(taken(&head, incoming, patience, false)),
            }
        }
        Err(HttpError::Unreachable(format!("more than {REDIRECTIONS_MAX} redirections")))
    }
}

/// Where a redirection leads. What is asked for by HTTPS comes by nothing less.
fn resolved(from: &str, location: &str) -> Result<String, HttpError> {
    let nowhere =
        |why: &dyn std::fmt::Display| HttpError::Unreachable(format!("{from} leads to {location:?}: {why}"));
    let from = url::Url::parse(from).map_err(|error| nowhere(&error))?;
    let to = from.join(location).map_err(|error| nowhere(&error))?;
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(nowhere(&"anybody on the way could change what is not sent by HTTPS"));
    }
    Ok(to.into())
}

async fn exchange(egress: &Egress, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let (patience, whole) = (request.timeout, request.whole);
    let mut head = http::Request::post(&request.url);
    for (name, value) in &request.headers {
        head = head.header(name, value);
    }
    let (head, incoming) = answer(egress, head, request.body, patience).await?;
    Ok(taken(&head, incoming, patience, whole))
}

async fn answer(
    egress: &Egress,
    head: http::request::Builder,
    body: Bytes,
    patience: Duration,
) -> Result<(http::response::Parts, Incoming), HttpError> {
    let unsendable = |error: http::Error| HttpError::Unreachable(error.to_string());
    let request = head.body(Body::Whole(body)).map_err(unsendable)?;
    let answered = timeout(patience, egress.client().request(request)).await;
    let response =
        answered.map_err(|_| HttpError::Timeout(patience))?.map_err(|error| unreachable(&error))?;
    Ok(response.into_parts())
}

fn taken(head: &http::response::Parts, incoming: Incoming, patience: Duration, whole: bool) -> HttpResponse {
    let field =
        |name: HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = Box::new(Patient {
        body: Body::from_network(incoming),
        patience,
        whole,
        deadline: Box::pin(sleep(patience)),
    });
    HttpResponse {
        status: head.status.as_u16(),
        content_type: field(CONTENT_TYPE),
        retry_after: field(RETRY_AFTER),
        body: Content::Stream(body),
    }
}

fn unreachable(error: &dyn std::error::Error) -> HttpError {
    let innermost = std::iter::successors(Some(error), |error| error.source()).last();
    HttpError::Unreachable(innermost.map_or_else(String::new, ToString::to_string))
}

/// A body that must come in time: each of its pieces, or all of it.
struct Patient {
    body: Body,
    patience: Duration,
    whole: bool,
    deadline: Pin<Box<Sleep>>,
}

impl ByteStream for Patient {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamError>>> {
        if let Poll::Ready(chunk) = self.body.poll_chunk(context) {
            if !self.whole {
                let next = Instant::now() + self.patience;
                self.deadline.as_mut().reset(next);
            }
            return Poll::Ready(chunk);
        }
        ready!(self.deadline.as_mut().poll(context));
        let came = if self.whole { "send its whole answer" } else { "go on" };
        let message = format!("3007: The model did not {came} within {} ms", self.patience.as_millis());
        Poll::Ready(Some(Err(StreamError { name: "AiError".to_owned(), message })))
    }

    fn length(&self) -> Option<u64> {
        self.body.length()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirections_do_not_leave_https() {
        let leads = |from, to| resolved(from, to).ok();
        assert_eq!(leads("https://a/b/c", "../d?e").as_deref(), Some("https://a/d?e"));
        assert_eq!(leads("http://a/", "https://b/").as_deref(), Some("https://b/"));
        assert_eq!(leads("http://a/", "http://b/").as_deref(), Some("http://b/"));
        assert_eq!(leads("https://a/", "http://b/"), None);
        assert_eq!(leads("https://a/", "//b/").as_deref(), Some("https://b/"));
        assert_eq!(leads("https://a/", "http://["), None);
    }
}

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
use http::header::CONTENT_TYPE;
use tokio::time::{Instant, Sleep, sleep, timeout};

use crate::body::Body;
use crate::egress::{Egress, EgressError, EgressOptions};
use crate::policy::EgressPolicy;

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

async fn exchange(egress: &Egress, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let patience = request.timeout;
    let mut head = http::Request::post(&request.url);
    for (name, value) in &request.headers {
        head = head.header(name, value);
    }
    let unsendable = |error: http::Error| HttpError::Unreachable(error.to_string());
    let request = head.body(Body::Whole(request.body)).map_err(unsendable)?;
    let answered = timeout(patience, egress.client().request(request)).await;
    let response =
        answered.map_err(|_| HttpError::Timeout(patience))?.map_err(|error| unreachable(&error))?;
    let (head, incoming) = response.into_parts();
    let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let body = Box::new(Patient {
        body: Body::from_network(incoming),
        patience,
        deadline: Box::pin(sleep(patience)),
    });
    Ok(HttpResponse {
        status: head.status.as_u16(),
        content_type: content_type.map(str::to_owned),
        body: Content::Stream(body),
    })
}

fn unreachable(error: &dyn std::error::Error) -> HttpError {
    let innermost = std::iter::successors(Some(error), |error| error.source()).last();
    HttpError::Unreachable(innermost.map_or_else(String::new, ToString::to_string))
}

/// A body each of whose pieces must come in time.
struct Patient {
    body: Body,
    patience: Duration,
    deadline: Pin<Box<Sleep>>,
}

impl ByteStream for Patient {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamError>>> {
        if let Poll::Ready(chunk) = self.body.poll_chunk(context) {
            let next = Instant::now() + self.patience;
            self.deadline.as_mut().reset(next);
            return Poll::Ready(chunk);
        }
        ready!(self.deadline.as_mut().poll(context));
        let message = format!("3007: The model did not go on within {} ms", self.patience.as_millis());
        Poll::Ready(Some(Err(StreamError { name: "AiError".to_owned(), message })))
    }

    fn length(&self) -> Option<u64> {
        self.body.length()
    }
}

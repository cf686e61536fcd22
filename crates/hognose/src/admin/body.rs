//! Bodies between the API and what stores or serves them: neither is held whole.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use futures_util::stream::poll_fn;
use hognose_services::{ByteStream, Content, StreamError};

/// A body of the API's, as services and the supervisor take it.
pub(super) fn content(body: Body) -> Content {
    Content::Stream(Box::new(Incoming(body)))
}

/// What a service gave, as the API answers it.
pub(super) fn body(content: Content) -> Body {
    match content {
        Content::Whole(bytes) => Body::from(bytes),
        Content::Stream(mut stream) => Body::from_stream(poll_fn(move |context| stream.poll_chunk(context))),
    }
}

struct Incoming(Body);

impl ByteStream for Incoming {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamError>>> {
        loop {
            let piece = match ready!(Pin::new(&mut self.0).poll_frame(context)) {
                None => return Poll::Ready(None),
                Some(Ok(frame)) => frame.into_data(),
                Some(Err(error)) => {
                    let (name, message) = ("Error".into(), error.to_string());
                    return Poll::Ready(Some(Err(StreamError { name, message })));
                }
            };
            // Trailers are nothing to keep, and empty pieces are none.
            if let Some(bytes) = piece.ok().filter(|bytes| !bytes.is_empty()) {
                return Poll::Ready(Some(Ok(bytes)));
            }
        }
    }

    fn length(&self) -> Option<u64> {
        self.0.size_hint().exact()
    }
}

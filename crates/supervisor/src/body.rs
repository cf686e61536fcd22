//! A body on its way through the supervisor, wherever it comes from and wherever it goes.
//!
//! Every source is pulled by its reader, so back-pressure runs through from the slowest end; and a body that is handed
//! on untouched (a request's straight into a `fetch()`, a fetched one into the response) never enters a cell.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hognose_services::{ByteStream, Content, StreamError};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::limits::BODY_INLINE_MAX;
use crate::streams::CellStream;

/// Bytes that are there, or that come.
#[derive(Default)]
pub(crate) enum Body {
    /// No body (`body === null`).
    #[default]
    None,
    /// All of it.
    Whole(Bytes),
    /// From a network connection.
    Network(Incoming),
    /// From an isolate.
    Cell(CellStream),
    /// From a service.
    Service(Box<dyn ByteStream>),
}

impl Body {
    /// What a connection brought; without a body where it says so beforehand.
    pub(crate) fn from_network(incoming: Incoming) -> Self {
        if incoming.is_end_stream() { Self::None } else { Self::Network(incoming) }
    }

    /// The same, but awaited whole if it is known to be short.
    pub(crate) async fn gathered(self) -> Result<Self, StreamError> {
        let short = self.length().is_some_and(|length| length <= BODY_INLINE_MAX as u64);
        match self {
            body @ (Self::None | Self::Whole(_)) => Ok(body),
            body if short => Ok(Self::Whole(body.collect().await?.to_bytes())),
            body => Ok(body),
        }
    }

    /// How many bytes are still to come, where that is known.
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Self::None => Some(0),
            Self::Whole(bytes) => Some(bytes.len() as u64),
            Self::Network(incoming) => incoming.size_hint().exact(),
            Self::Cell(stream) => stream.length(),
            Self::Service(stream) => stream.length(),
        }
    }

    /// Drops what is left of it, which nobody is to read: no sign that a client has gone.
    pub(crate) fn discard(&mut self) {
        if let Self::Cell(stream) = self {
            stream.discard();
        }
        *self = Self::None;
    }

    /// As a service takes it.
    pub(crate) fn into_content(self) -> Content {
        match self {
            Self::None => Content::Whole(Bytes::new()),
            Self::Whole(bytes) => Content::Whole(bytes),
            Self::Service(stream) => Content::Stream(stream),
            body => Content::Stream(Box::new(body)),
        }
    }
}

impl From<Content> for Body {
    fn from(content: Content) -> Self {
        match content {
            Content::Whole(bytes) => Self::Whole(bytes),
            Content::Stream(stream) => Self::Service(stream),
        }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::Whole(text.into())
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        let chunk = match self.get_mut() {
            Self::None => Poll::Ready(None),
            Self::Whole(bytes) => {
                Poll::Ready(Some(std::mem::take(bytes)).filter(|bytes| !bytes.is_empty()).map(Ok))
            }
            Self::Network(incoming) => poll_network(incoming, context),
            Self::Cell(stream) => stream.poll_chunk(context),
            Self::Service(stream) => stream.poll_chunk(context),
        };
        chunk.map(|chunk| chunk.map(|result| result.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.length() == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.length().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl ByteStream for Body {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamError>>> {
        let frame = Pin::new(self).poll_frame(context);
        frame.map(|frame| frame.map(|result| result.map(|frame| frame.into_data().unwrap_or_default())))
    }

    fn length(&self) -> Option<u64> {
        Self::length(self)
    }
}

/// The next piece of data; trailers, which the fetch API does not know, are passed over.
pub(crate) fn poll_network<B: http_body::Body<Data = Bytes> + Unpin>(
    incoming: &mut B,
    context: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, StreamError>>> {
    loop {
        match Pin::new(&mut *incoming).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(bytes) if !bytes.is_empty() => return Poll::Ready(Some(Ok(bytes))),
                _ => {}
            },
            Poll::Ready(Some(Err(_))) => return Poll::Ready(Some(Err(connection_lost()))),
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => return Poll::Pending,
        }
    }
}

/// What a Worker sees where the network broke off (workerd's text).
pub(crate) fn connection_lost() -> StreamError {
    StreamError { name: "Error".into(), message: "Network connection lost.".into() }
}

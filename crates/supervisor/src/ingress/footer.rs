//! A text behind each page that a Worker answers with: what `hognose dev --live-reload` has the browser reload by. Only
//! pages that nothing has packed get it, and none is held back for it.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hognose_services::{ByteStream, StreamError};
use http::{Method, Response, header};

use crate::body::Body;

/// The page with the text behind it; anything else as it is.
pub(super) fn add(response: Response<Body>, method: &Method, footer: String) -> Response<Body> {
    let field = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let is_page = field(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/html"));
    let is_plain = field(header::CONTENT_ENCODING).is_none_or(|coding| coding == "identity");
    // A part of a page stays that part.
    let is_whole = response.status() != http::StatusCode::PARTIAL_CONTENT;
    let has_body = *method != Method::HEAD && response.body().length() != Some(0);
    if !(is_page && is_plain && is_whole && has_body) {
        return response;
    }
    response.map(|page| Body::Service(Box::new(Footed { page: Some(page), footer: footer.into() })))
}

/// A page, then the text.
struct Footed {
    page: Option<Body>,
    footer: Bytes,
}

impl ByteStream for Footed {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamError>>> {
        let Some(page) = &mut self.page else { return Poll::Ready(None) };
        if let Some(chunk) = ready!(page.poll_chunk(context)) {
            return Poll::Ready(Some(chunk));
        }
        self.page = None;
        Poll::Ready(Some(Ok(std::mem::take(&mut self.footer))))
    }

    fn length(&self) -> Option<u64> {
        let page = self.page.as_ref().map_or(Some(0), Body::length)?;
        Some(page + if self.page.is_some() { self.footer.len() as u64 } else { 0 })
    }
}

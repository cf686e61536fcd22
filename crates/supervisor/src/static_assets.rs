//! Static assets as the supervisor serves them: to clients, before or instead of the Worker, and to the Worker through
//! its binding.

use std::sync::Arc;

use hognose_services::Content;
use hognose_services::assets::{AssetRequest, Assets};
use hognose_wire::{CallId, HttpRequest, Payload};
use http::{Request, Response, header};
use url::Url;

use crate::body::Body;
use crate::calls::{inline, read_request};
use crate::egress::Fetched;
use crate::exchange;
use crate::isolate::{Breach, Isolate};

/// How often a redirect is followed (the fetch standard's limit).
const REDIRECTS_MAX: usize = 20;

/// An answer of the assets as a client gets it.
pub(crate) fn response(response: Response<Content>) -> Response<Body> {
    response.map(|content| match content {
        Content::Whole(bytes) if bytes.is_empty() => Body::None,
        content => Body::from(content),
    })
}

impl Isolate {
    /// Answers the `fetch` of a Worker on its binding.
    pub(crate) fn call_assets(
        self: &Arc<Self>,
        call: CallId,
        assets: &Assets,
        params: Payload<'_>,
    ) -> Result<(), Breach> {
        let request = read_request(inline(params.bytes)?)?;
        // Assets care for no body, and a cell that streams one is to hear that nobody reads it.
        drop(self.accept(request.body, None)?);
        match exchange::request(&request) {
            Ok(head) => self.answer_fetch(call, Ok(fetch(assets, &request, &head))),
            Err(error) => self.answer_error(call, "TypeError", &error.to_string(), false),
        }
        Ok(())
    }
}

/// The answer, behind the redirects that the request wants followed. They stay with the assets, whatever host they name.
fn fetch(assets: &Assets, request: &HttpRequest<'_>, head: &Request<()>) -> Fetched {
    let (mut url, mut redirected) = (request.url.to_owned(), false);
    for _ in 0..REDIRECTS_MAX {
        let asked = AssetRequest { method: head.method(), url: &url, headers: head.headers() };
        let answer = assets.answer(asked);
        match target(&answer, &url).filter(|_| request.follow_redirects) {
            Some(next) => (url, redirected) = (next, true),
            None => return fetched(answer, url, redirected),
        }
    }
    let asked = AssetRequest { method: head.method(), url: &url, headers: head.headers() };
    fetched(assets.answer(asked), url, redirected)
}

fn fetched(answer: Response<Content>, url: String, redirected: bool) -> Fetched {
    let (mut head, body) = response(answer).into_parts();
    if let Some(length @ 1..) = body.length() {
        head.headers.insert(header::CONTENT_LENGTH, length.into());
    }
    Fetched { head, body, url, redirected, web_socket: None }
}

/// Where an answer sends the client.
fn target(answer: &Response<Content>, url: &str) -> Option<String> {
    let location = answer.headers().get(header::LOCATION).filter(|_| answer.status().is_redirection())?;
    Some(Url::parse(url).ok()?.join(location.to_str().ok()?).ok()?.into())
}

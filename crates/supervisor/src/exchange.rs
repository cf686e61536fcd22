//! HTTP messages in the wire's form and in hyper's, and what is dropped between the two.

use hognose_wire::limits::HEADER_BYTES_MAX;
use hognose_wire::{Body as WireBody, CapRef, Headers, HttpRequest, HttpResponse};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::response::Parts;
use http::{Method, Request, Response, StatusCode};
use hyper::ext::ReasonPhrase;

use crate::body::Body;

/// A message of a cell that is no HTTP message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    #[error("the status {0} cannot be sent: it must be 200 to 599, or 101 with a WebSocket")]
    Status(u16),
    #[error("Invalid header name: {0:?}")]
    HeaderName(String),
    #[error("Invalid header value of {0:?}")]
    HeaderValue(String),
    #[error("the headers hold {0} bytes, more than the {HEADER_BYTES_MAX} allowed")]
    HeadersTooLarge(usize),
    #[error("Invalid HTTP method string: {0}")]
    Method(String),
    #[error("Fetch API cannot load: {0}")]
    Url(String),
}

/// Headers that belong to a connection and not to the message (RFC 9110 7.6.1); those named by `Connection` come on top.
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Removes what was meant for the connection the message came on.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if let Some(named) = headers.get(header::CONNECTION) {
        let named = named.to_str().unwrap_or_default().to_owned();
        for name in named.split(',').filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok()) {
            headers.remove(name);
        }
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// The headers as the wire lists them: repeated names apart, in order.
pub(crate) fn wire_headers(headers: &HeaderMap) -> Headers<'_> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

/// How many bytes the names and values have.
pub(crate) fn header_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

/// A response that a handler gave, as the client is to see it.
pub(crate) fn response(response: &HttpResponse<'_>, body: Body) -> Result<Response<Body>, ExchangeError> {
    let may_be =
        |status: u16| (200..600).contains(&status) || (status == 101 && response.web_socket.is_some());
    let status = StatusCode::from_u16(response.status).ok().filter(|status| may_be(status.as_u16()));
    let mut headers = header_map(&response.headers)?;
    strip_hop_by_hop(&mut headers);
    let mut answer = Response::new(body);
    *answer.status_mut() = status.ok_or(ExchangeError::Status(response.status))?;
    *answer.headers_mut() = headers;
    if let Some(reason) = unusual_reason(answer.status(), response.status_text) {
        answer.extensions_mut().insert(reason);
    }
    Ok(answer)
}

/// The text beside the status, where it is not the one that the status has by itself. HTTP/2 has no place for it.
fn unusual_reason(status: StatusCode, text: &str) -> Option<ReasonPhrase> {
    let usual = text.is_empty() || status.canonical_reason() == Some(text);
    // A text that cannot stand in a status line is left out: nobody may depend on it.
    if usual { None } else { ReasonPhrase::try_from(text.as_bytes()).ok() }
}

fn reason_of(head: &Parts) -> &str {
    let told =
        head.extensions.get::<ReasonPhrase>().and_then(|reason| str::from_utf8(reason.as_bytes()).ok());
    told.or(head.status.canonical_reason()).unwrap_or_default()
}

/// What the network answered, as a cell reads it: postcard of [`HttpResponse`].
pub(crate) fn wire_response(
    head: &Parts,
    (url, redirected): (&str, bool),
    body: WireBody<'_>,
    web_socket: Option<CapRef>,
) -> Vec<u8> {
    let message = HttpResponse {
        status: head.status.as_u16(),
        status_text: reason_of(head),
        url,
        redirected,
        headers: wire_headers(&head.headers),
        encoded: true,
        body,
        web_socket,
    };
    postcard::to_allocvec(&message).expect("invariant: a response has a postcard form")
}

/// A request that a cell wants performed, without its body. `Host` and `Content-Length` are the client's to set.
pub(crate) fn request(request: &HttpRequest<'_>) -> Result<Request<()>, ExchangeError> {
    let method = Method::from_bytes(request.method.as_bytes());
    let mut message = Request::new(());
    *message.method_mut() = method.map_err(|_| ExchangeError::Method(request.method.to_owned()))?;
    *message.uri_mut() = request.url.parse().map_err(|_| ExchangeError::Url(request.url.to_owned()))?;
    let mut headers = header_map(&request.headers)?;
    strip_hop_by_hop(&mut headers);
    headers.remove(header::HOST);
    headers.remove(header::CONTENT_LENGTH);
    *message.headers_mut() = headers;
    Ok(message)
}

/// Whether a request of a cell's is to open a WebSocket.
pub(crate) fn asks_for_web_socket(request: &HttpRequest<'_>) -> bool {
    let mut headers = request.headers.iter();
    headers.any(|(name, value)| *name == "upgrade" && value.eq_ignore_ascii_case(b"websocket"))
}

fn header_map(headers: &Headers<'_>) -> Result<HeaderMap, ExchangeError> {
    let size: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > HEADER_BYTES_MAX {
        return Err(ExchangeError::HeadersTooLarge(size));
    }
    let mut map = HeaderMap::with_capacity(headers.len() + 2);
    for (name, value) in headers {
        let known = HeaderName::from_bytes(name.as_bytes());
        let known = known.map_err(|_| ExchangeError::HeaderName((*name).to_owned()))?;
        let value = HeaderValue::from_bytes(value);
        map.append(known, value.map_err(|_| ExchangeError::HeaderValue((*name).to_owned()))?);
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: Headers<'_>) -> Result<Response<Body>, ExchangeError> {
        let message = HttpResponse {
            status,
            status_text: "",
            url: "",
            redirected: false,
            headers,
            encoded: false,
            body: hognose_wire::Body::None,
            web_socket: None,
        };
        response(&message, Body::None)
    }

    #[test]
    fn a_status_is_sent_only_within_its_limits() {
        for (status, sent) in [(199, false), (200, true), (599, true), (600, false)] {
            assert_eq!(answer(status, Vec::new()).is_ok(), sent, "{status}");
        }
    }

    #[test]
    fn response_headers_are_sent_up_to_their_limit() {
        let value = vec![b'a'; HEADER_BYTES_MAX - 1];
        assert!(answer(200, vec![("x", &value)]).is_ok());
        let refusal = answer(200, vec![("xx", &value)]).err().unwrap();
        assert_eq!(refusal.to_string(), "the headers hold 131073 bytes, more than the 131072 allowed");
    }

    #[test]
    fn headers_of_the_connection_are_dropped_and_repeated_ones_kept() {
        let headers: Headers<'_> = vec![
            ("connection", b"x-private"),
            ("x-private", b"1"),
            ("set-cookie", b"a"),
            ("set-cookie", b"b"),
        ];
        let answer = answer(200, headers).unwrap();
        assert_eq!(answer.headers().get_all(header::SET_COOKIE).iter().count(), 2);
        assert_eq!(answer.headers().len(), 2);
    }

    #[test]
    fn a_header_that_would_split_the_response_is_refused() {
        assert!(matches!(answer(200, vec![("x", b"a\r\nb: c")]), Err(ExchangeError::HeaderValue(_))));
        assert!(matches!(answer(200, vec![("x y", b"")]), Err(ExchangeError::HeaderName(_))));
    }
}

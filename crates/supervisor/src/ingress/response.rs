//! What a client gets: the Worker's response in the form its connection needs, or the reason why there is none.

use std::sync::Arc;

use hognose_wire::control::LoadFailure;
use hognose_wire::limits::{HEADER_BYTES_MAX, URL_MAX};
use http::header::{self, HeaderValue};
use http::{Method, Response, StatusCode};

use crate::body::Body;
use crate::ingress::error_page;
use crate::limits::HEADER_FIELDS_MAX;
use crate::pool::PoolError;
use crate::watch::Excess;

/// Why a request has no response of the Worker's.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("Bad Request: {0}.")]
    Malformed(&'static str),
    #[error("Bad Request: the body broke off.")]
    BrokenOff,
    #[error("URI Too Long: the URL has {size} bytes; at most {URL_MAX} are allowed.")]
    UrlTooLong { size: usize },
    #[error(
        "Request Header Fields Too Large: at most {HEADER_FIELDS_MAX} header fields with {HEADER_BYTES_MAX} bytes in all are allowed."
    )]
    HeadersTooLarge,
    #[error("Not Found: no Worker is deployed here. `hognose deploy` deploys one.")]
    NoWorker,
    #[error(
        "TypeError: Worker tried to return a WebSocket in a response to a request which did not contain the header \"Upgrade: websocket\"."
    )]
    NotAsked,
    #[error("{message}")]
    Raised { message: String, stack: String },
    #[error("{excess}")]
    Exceeded { excess: Excess, stack: String },
    #[error("Bad Gateway: the Worker ended before it answered: {0}.")]
    Lost(String),
    #[error("Service Unavailable: {0}.")]
    NoIsolate(#[from] PoolError),
    #[error("The Worker could not be loaded: {}", .0.message)]
    NotLoaded(Arc<LoadFailure>),
}

impl Failure {
    fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) | Self::BrokenOff => StatusCode::BAD_REQUEST,
            Self::UrlTooLong { .. } => StatusCode::URI_TOO_LONG,
            Self::NoWorker => StatusCode::NOT_FOUND,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::NotAsked | Self::Raised { .. } | Self::NotLoaded(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Lost(_) => StatusCode::BAD_GATEWAY,
            Self::NoIsolate(_) | Self::Exceeded { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What a client reads. The inside of a Worker is shown in development only.
    fn text(&self, development: bool) -> String {
        match self {
            Self::NotAsked | Self::Raised { .. } | Self::NotLoaded(_) if !development => {
                "Internal Server Error".into()
            }
            Self::NoIsolate(_) if !development => "Service Unavailable".into(),
            Self::Raised { message, stack } => joined(message, stack),
            Self::Exceeded { excess, stack } if development => joined(&excess.to_string(), stack),
            Self::NotLoaded(failure) => joined(&self.to_string(), &failure.traceback),
            failure => failure.to_string(),
        }
    }

    /// As [`Failure::into_response`], as a page for a browser.
    pub(super) fn into_page(self, asked: &str) -> Response<Body> {
        let (message, detail) = match &self {
            Self::Raised { message, stack } => (message.clone(), stack.as_str()),
            Self::NotLoaded(failure) => (self.to_string(), failure.traceback.as_str()),
            failure => (failure.to_string(), ""),
        };
        let page = error_page::render(self.status().as_u16(), asked, &message, beyond(&message, detail));
        let mut response = Response::new(Body::from(page));
        *response.status_mut() = self.status();
        let kind = HeaderValue::from_static("text/html; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }

    pub(super) fn into_response(self, development: bool) -> Response<Body> {
        let mut response = Response::new(Body::from(self.text(development) + "\n"));
        *response.status_mut() = self.status();
        let kind = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

fn joined(message: &str, detail: &str) -> String {
    let detail = beyond(message, detail);
    if detail.is_empty() { message.to_owned() } else { format!("{message}\n\n{detail}") }
}

/// What a detail says that the message does not say: of a mistake without a place in the code, nothing.
fn beyond<'a>(message: &str, detail: &'a str) -> &'a str {
    if detail.trim_end() == message { "" } else { detail }
}

/// Makes the body agree with the method, the status and the length that is sent.
pub(super) fn finish(mut response: Response<Body>, method: &Method) -> Response<Body> {
    let status = response.status();
    let bodiless = matches!(status.as_u16(), 204 | 205 | 304);
    let length = response.body().length();
    if *method == Method::HEAD || bodiless {
        if let (false, Some(length @ 1..)) = (bodiless, length) {
            response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
        }
        if status == StatusCode::NO_CONTENT {
            response.headers_mut().remove(header::CONTENT_LENGTH);
        }
        response.body_mut().discard();
        return response;
    }
    // The length that counts is the body's: a Worker may have copied the header from elsewhere, and a wrong one would
    // break the connection for the next response.
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(method: Method, status: u16, header: Option<u64>, body: Body) -> Response<Body> {
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        if let Some(length) = header {
            response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
        }
        finish(response, &method)
    }

    fn declared(response: &Response<Body>) -> Option<&str> {
        response.headers().get(header::CONTENT_LENGTH).map(|length| length.to_str().unwrap())
    }

    #[test]
    fn an_answer_to_head_names_the_length_of_the_body_it_leaves_out() {
        let response = finished(Method::HEAD, 200, None, Body::from("four".to_owned()));
        assert_eq!((declared(&response), response.body().length()), (Some("4"), Some(0)));
        let response = finished(Method::HEAD, 200, Some(9), Body::None);
        assert_eq!(declared(&response), Some("9"), "a Worker may answer HEAD itself");
    }

    #[test]
    fn a_bodiless_status_has_no_body() {
        for status in [204, 205, 304] {
            let response = finished(Method::GET, status, None, Body::from("x".to_owned()));
            assert_eq!((declared(&response), response.body().length()), (None, Some(0)), "{status}");
        }
    }

    #[test]
    fn a_wrong_length_is_not_sent() {
        let response = finished(Method::GET, 200, Some(9), Body::from("x".to_owned()));
        assert_eq!((declared(&response), response.body().length()), (None, Some(1)));
    }

    #[test]
    fn tracebacks_are_shown_in_development_only() {
        let raised = || Failure::Raised { message: "ValueError: secret".into(), stack: String::new() };
        assert_eq!(raised().text(true), "ValueError: secret");
        assert_eq!(raised().text(false), "Internal Server Error");
        let failure = LoadFailure {
            message: "SyntaxError: x".into(),
            traceback: "File \"a.py\"".into(),
            ..LoadFailure::default()
        };
        let not_loaded = || Failure::NotLoaded(Arc::new(failure.clone()));
        assert_eq!(
            not_loaded().text(true),
            "The Worker could not be loaded: SyntaxError: x\n\nFile \"a.py\""
        );
        assert_eq!(not_loaded().text(false), "Internal Server Error");
    }
}

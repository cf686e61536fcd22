//! Who is let in. Any web page can have a browser send requests to this machine, so being local is not enough: a request
//! must name this server as its host (a name that was made to point here does not), must not come from another site's
//! page, and on the admin port must bring the token.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::PREFIX;
use super::answers::Problem;

/// The cookie that holds the token.
const COOKIE: &str = "hognose_token";

/// Who is let in.
#[derive(Clone, Debug)]
pub(crate) enum Access {
    /// Whoever could open the socket.
    Socket,
    /// This machine's own pages and programs.
    Local,
    /// Whoever knows the token.
    Token(Arc<str>),
}

/// Lets a request through, or refuses it.
pub(crate) async fn check(State(access): State<Access>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let refused = match &access {
        Access::Socket => None,
        Access::Local if !names_this_machine(headers) => {
            Some((StatusCode::FORBIDDEN, "the explorer answers to `localhost` only"))
        }
        _ if comes_from_elsewhere(headers) => {
            Some((StatusCode::FORBIDDEN, "the explorer does not answer pages of other sites"))
        }
        Access::Local => None,
        Access::Token(token) => {
            if let Some(entry) = login(token, &request) {
                return entry;
            }
            let known = token_of(headers).is_some_and(|given| same(given.as_bytes(), token.as_bytes()));
            (!known).then_some((
                StatusCode::UNAUTHORIZED,
                "this needs the token in `admin-token` of the state folder, as `Authorization: Bearer TOKEN`, or as \
                 `?token=TOKEN` in a browser",
            ))
        }
    };
    match refused {
        Some((status, message)) => Problem::new(status, message).into_response(),
        None => next.run(request).await,
    }
}

/// A browser that brings the token in the address gets it as a cookie, and an address without it.
fn login(token: &str, request: &Request) -> Option<Response> {
    let query = request.uri().query()?;
    let given = query.split('&').find_map(|pair| pair.strip_prefix("token="))?;
    if !same(given.as_bytes(), token.as_bytes()) {
        return None;
    }
    let cookie = format!("{COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/");
    Some(([(header::SET_COOKIE, cookie)], Redirect::to(&format!("{PREFIX}/"))).into_response())
}

fn token_of(headers: &HeaderMap) -> Option<&str> {
    let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    let bearer = text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    bearer.or_else(|| {
        let cookies = text(header::COOKIE)?.split(';').map(str::trim);
        cookies
            .filter_map(|cookie| cookie.split_once('='))
            .find(|(name, _)| *name == COOKIE)
            .map(|(_, value)| value)
    })
}

/// Compares in a time that does not tell where the two differ.
fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |different, (a, b)| different | (a ^ b)) == 0
}

/// Whether the host in the request is a name that always means this machine, or an address of it.
fn names_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|digit| digit.is_ascii_digit()));
    let name = name.map_or(host, |(name, _)| name).trim_start_matches('[').trim_end_matches(']');
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a page of another site had the browser send the request.
fn comes_from_elsewhere(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text("host").unwrap_or_default();
    let from_origin = text("origin").is_some_and(|origin| {
        origin.split_once("://").is_none_or(|(_, origin_host)| !origin_host.eq_ignore_ascii_case(host))
    });
    let from_site = text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"));
    // Following a link from elsewhere to the dashboard is no harm: it brings no page of that site with it.
    let only_navigates =
        text("sec-fetch-mode") == Some("navigate") && text("sec-fetch-dest") == Some("document");
    from_origin || (from_site && !only_navigates)
}

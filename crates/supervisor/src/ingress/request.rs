//! A client's request as a Worker is to see it.

use std::net::IpAddr;

use hognose_services::assets::AssetRequest;
use hognose_wire::limits::{HEADER_BYTES_MAX, URL_MAX};
use hognose_wire::{Body as WireBody, HttpRequest};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Uri, Version};
use hyper::body::{Body as _, Incoming};
use hyper::upgrade::OnUpgrade;
use url::Url;

use crate::body::Body;
use crate::exchange;
use crate::ingress::connections::Client;
use crate::ingress::patience::Patient;
use crate::ingress::ray;
use crate::ingress::response::Failure;
use crate::limits::HEADER_FIELDS_MAX;
use crate::websocket::handshake::Asked;

/// The most bytes of a request's head that are buffered: what is allowed, and enough more to say what was not.
pub(super) const HEAD_MAX: usize = 3 * (HEADER_BYTES_MAX + URL_MAX);

const CLIENT_ADDRESS: HeaderName = HeaderName::from_static("cf-connecting-ip");

/// A request, checked.
pub(super) struct Prepared {
    pub(super) head: Head,
    pub(super) body: Body,
    /// The WebSocket that it asks for.
    pub(super) upgrade: Option<Upgrade>,
}

/// A request for a WebSocket.
pub(super) struct Upgrade {
    pub(super) asked: Asked,
    /// The connection, once the request is granted.
    pub(super) connection: OnUpgrade,
}

/// Its head.
pub(super) struct Head {
    method: Method,
    url: String,
    headers: HeaderMap,
    cf: &'static str,
}

impl Prepared {
    /// Checks a request and waits for a short body.
    pub(super) async fn new(
        client: Client,
        ray: HeaderValue,
        mut request: Request<Incoming>,
    ) -> Result<Self, Failure> {
        let upgrade =
            Asked::of(&request).map(|asked| Upgrade { asked, connection: hyper::upgrade::on(&mut request) });
        let (parts, incoming) = request.into_parts();
        let mut head = Head::new(client, ray, parts)?;
        if upgrade.is_some() {
            head.headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        let body = if incoming.is_end_stream() {
            Body::None
        } else {
            Body::Service(Box::new(Patient::new(incoming)))
        };
        let body = body.gathered().await.map_err(|_| Failure::BrokenOff)?;
        Ok(Self { head, body, upgrade })
    }
}

impl Head {
    fn new(client: Client, ray: HeaderValue, parts: Parts) -> Result<Self, Failure> {
        let Parts { method, uri, version, mut headers, .. } = parts;
        let size = exchange::header_bytes(&headers);
        if size > HEADER_BYTES_MAX || headers.len() > HEADER_FIELDS_MAX {
            return Err(Failure::HeadersTooLarge);
        }
        let url = absolute_url(client.secure, &uri, &headers)?;
        if url.len() > URL_MAX {
            return Err(Failure::UrlTooLong { size: url.len() });
        }
        exchange::strip_hop_by_hop(&mut headers);
        headers.insert(CLIENT_ADDRESS, address_value(client.address.ip()));
        headers.insert(ray::HEADER, ray);
        Ok(Self { method, url, headers, cf: cf(version) })
    }

    /// The host that the client named, with its port where it named one.
    pub(super) fn host(&self) -> &str {
        self.target().split_once('/').map_or("", |(host, _)| host)
    }

    /// The path, without the query.
    pub(super) fn path(&self) -> &str {
        let target = self.target();
        let path = &target[self.host().len()..];
        path.split_once('?').map_or(path, |(path, _)| path)
    }

    /// The value of a parameter of the query.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let (_, query) = self.target().split_once('?')?;
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    /// The URL behind its scheme.
    fn target(&self) -> &str {
        self.url.split_once("://").map_or(&self.url, |(_, target)| target)
    }

    /// As the files that are served beside a Worker see it.
    pub(super) fn for_assets(&self) -> AssetRequest<'_> {
        AssetRequest { method: &self.method, url: &self.url, headers: &self.headers }
    }

    /// As a frame carries it, without its body.
    pub(super) fn wire(&self) -> HttpRequest<'_> {
        HttpRequest {
            method: self.method.as_str(),
            url: &self.url,
            headers: exchange::wire_headers(&self.headers),
            cf: self.cf,
            follow_redirects: false,
            body: WireBody::None,
        }
    }
}

/// `http://host/path?query`, or `https`, normalised as the URL standard says. The host is the one the client named.
fn absolute_url(secure: bool, uri: &Uri, headers: &HeaderMap) -> Result<String, Failure> {
    let named = headers.get(header::HOST).map(HeaderValue::as_bytes);
    let host =
        uri.authority().map(|authority| authority.as_str().as_bytes()).or(named).unwrap_or(b"localhost");
    let host = std::str::from_utf8(host).map_err(|_| Failure::Malformed("the Host header is not text"))?;
    if host.contains(['/', '\\', '?', '#', '@']) {
        return Err(Failure::Malformed("the Host header is no host"));
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let path = if path.starts_with('/') { path } else { "/" };
    let scheme = if secure { "https" } else { "http" };
    let url = Url::parse(&format!("{scheme}://{host}{path}"));
    url.map(String::from).map_err(|_| Failure::Malformed("the Host header is no host"))
}

fn address_value(address: IpAddr) -> HeaderValue {
    let address = address.to_canonical().to_string();
    HeaderValue::try_from(address).expect("invariant: an address is ASCII")
}

/// `request.cf`. There is no edge network here to describe; what can be known is the protocol, and the rest is what
/// `wrangler dev` puts there, so that code which reads it finds it.
fn cf(version: Version) -> &'static str {
    macro_rules! cf {
        ($protocol:literal) => {
            concat!(
                r#"{"asOrganization":"","asn":395747,"colo":"DFW","city":"Austin","region":"Texas","regionCode":"TX","#,
                r#""metroCode":"635","postalCode":"78701","country":"US","continent":"NA","timezone":"America/Chicago","#,
                r#""latitude":"30.27130","longitude":"-97.74260","clientTcpRtt":0,"requestPriority":"","#,
                r#""tlsCipher":"","tlsVersion":"","clientAcceptEncoding":"","httpProtocol":""#,
                $protocol,
                r#""}"#
            )
        };
    }
    match version {
        Version::HTTP_2 => cf!("HTTP/2"),
        Version::HTTP_10 => cf!("HTTP/1.0"),
        _ => cf!("HTTP/1.1"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url_of(uri: &str, host: Option<&str>) -> Result<String, String> {
        let mut headers = HeaderMap::new();
        if let Some(host) = host {
            headers.insert(header::HOST, host.parse().unwrap());
        }
        absolute_url(false, &uri.parse().unwrap(), &headers)
            .map_err(|failure| failure.into_response(true).status().to_string())
    }

    #[test]
    fn a_url_is_made_of_host_and_target() {
        assert_eq!(url_of("/a?b=c", Some("Example.com")).unwrap(), "http://example.com/a?b=c");
        assert_eq!(url_of("/", Some("localhost:8787")).unwrap(), "http://localhost:8787/");
        assert_eq!(url_of("/a/../b", Some("x:80")).unwrap(), "http://x/b");
        assert_eq!(url_of("http://proxy.example/p", Some("other")).unwrap(), "http://proxy.example/p");
        assert_eq!(url_of("*", Some("x")).unwrap(), "http://x/");
        assert_eq!(url_of("/", None).unwrap(), "http://localhost/");
    }

    #[test]
    fn a_host_that_is_none_is_refused() {
        for host in ["a/b", "a@b", "a b", "", "a?b", "[::1", "x:99999"] {
            assert_eq!(url_of("/", Some(host)).unwrap_err(), "400 Bad Request", "{host}");
        }
    }

    #[test]
    fn cf_is_json() {
        for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2] {
            let cf: serde_json::Value = serde_json::from_str(cf(version)).unwrap();
            assert_eq!(
                cf["httpProtocol"],
                format!("{version:?}").replace(".0", if version == Version::HTTP_2 { "" } else { ".0" })
            );
        }
    }

    fn head_of(headers: HeaderMap, uri: &str) -> Result<Head, Failure> {
        let mut request = Request::new(());
        *request.headers_mut() = headers;
        *request.uri_mut() = uri.parse().unwrap();
        let client = Client { address: "[::ffff:9.8.7.6]:1".parse().unwrap(), secure: true };
        Head::new(client, ray::value(1), request.into_parts().0)
    }

    #[test]
    fn headers_are_taken_up_to_their_limits() {
        let one = |size: usize| HeaderMap::from_iter([(header::COOKIE, "a".repeat(size).parse().unwrap())]);
        let name = header::COOKIE.as_str().len();
        assert!(head_of(one(HEADER_BYTES_MAX - name), "/").is_ok());
        assert!(matches!(head_of(one(HEADER_BYTES_MAX - name + 1), "/"), Err(Failure::HeadersTooLarge)));
        let many = |count: usize| {
            let mut headers = HeaderMap::new();
            (0..count).for_each(|_| {
                headers.append("x", "1".parse().unwrap());
            });
            headers
        };
        assert!(head_of(many(HEADER_FIELDS_MAX), "/").is_ok());
        assert!(matches!(head_of(many(HEADER_FIELDS_MAX + 1), "/"), Err(Failure::HeadersTooLarge)));
    }

    #[test]
    fn host_and_path_are_those_of_the_url() {
        let head = head_of(HeaderMap::new(), "http://Example.com:81/a/b?c=/d").ok().unwrap();
        assert_eq!(head.url, "https://example.com:81/a/b?c=/d");
        assert_eq!((head.host(), head.path()), ("example.com:81", "/a/b"));
    }

    #[test]
    fn urls_are_taken_up_to_their_limit() {
        let path = |size: usize| format!("/{}", "a".repeat(size - "https://localhost/".len()));
        assert!(head_of(HeaderMap::new(), &path(URL_MAX)).is_ok());
        let refusal = head_of(HeaderMap::new(), &path(URL_MAX + 1)).err().unwrap();
        assert!(matches!(refusal, Failure::UrlTooLong { size } if size == URL_MAX + 1));
    }

    #[test]
    fn the_clients_address_is_the_one_it_connected_from() {
        let forged = HeaderMap::from_iter([(CLIENT_ADDRESS, HeaderValue::from_static("1.1.1.1"))]);
        assert_eq!(head_of(forged, "/").unwrap().headers[CLIENT_ADDRESS], "9.8.7.6");
    }
}

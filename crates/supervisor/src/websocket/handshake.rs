//! The HTTP half of a WebSocket: the request that asks for one, and the answer that grants it (RFC 6455, 4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Version};
use sha1::{Digest, Sha1};

const KEY_BYTES: usize = 16;
const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");
const UPGRADE: HeaderValue = HeaderValue::from_static("Upgrade");
const VERSION: HeaderValue = HeaderValue::from_static("13");
/// What RFC 6455 has both ends append to the key.
const KEY_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The headers that belong to the handshake itself, whoever set them.
const OWN: [HeaderName; 4] = [
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_ACCEPT,
    header::SEC_WEBSOCKET_EXTENSIONS,
];

/// What a client that asks for a WebSocket must be answered with.
pub(crate) struct Asked {
    accept: HeaderValue,
}

impl Asked {
    /// Whether a request asks for a WebSocket. HTTP/2's way of asking (RFC 8441) is not known here.
    pub(crate) fn of<B>(request: &Request<B>) -> Option<Self> {
        let headers = request.headers();
        let asks = request.method() == Method::GET
            && request.version() == Version::HTTP_11
            && names(headers, &header::UPGRADE, "websocket")
            && names(headers, &header::CONNECTION, "upgrade")
            && headers.get(header::SEC_WEBSOCKET_VERSION) == Some(&VERSION);
        let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| asks)?;
        let is_key = STANDARD.decode(key).is_ok_and(|key| key.len() == KEY_BYTES);
        is_key.then(|| Self { accept: accept(key) })
    }

    /// Makes a Worker's headers those of the answer that grants the WebSocket.
    pub(crate) fn grant(self, headers: &mut HeaderMap) {
        remove_own(headers);
        headers.insert(header::UPGRADE, WEBSOCKET);
        headers.insert(header::CONNECTION, UPGRADE);
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, self.accept);
    }
}

/// What a server must answer with to what was asked of it.
pub(crate) struct Expected {
    accept: HeaderValue,
}

/// Makes headers those of a request for a WebSocket.
pub(crate) fn ask(headers: &mut HeaderMap) -> Expected {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).expect("invariant: the kernel gives random bytes");
    let key = HeaderValue::try_from(STANDARD.encode(key)).expect("invariant: base64 is ASCII");
    let expected = Expected { accept: accept(&key) };
    remove_own(headers);
    headers.insert(header::UPGRADE, WEBSOCKET);
    headers.insert(header::CONNECTION, UPGRADE);
    headers.insert(header::SEC_WEBSOCKET_VERSION, VERSION);
    headers.insert(header::SEC_WEBSOCKET_KEY, key);
    expected
}

impl Expected {
    /// Whether the server has understood what it was asked.
    pub(crate) fn is_met(&self, headers: &HeaderMap) -> bool {
        headers.get(header::SEC_WEBSOCKET_ACCEPT) == Some(&self.accept)
            && headers.get(header::SEC_WEBSOCKET_EXTENSIONS).is_none()
    }
}

fn remove_own(headers: &mut HeaderMap) {
    for name in &OWN {
        headers.remove(name);
    }
}

fn accept(key: &HeaderValue) -> HeaderValue {
    let digest = Sha1::new().chain_update(key.as_bytes()).chain_update(KEY_SUFFIX).finalize();
    HeaderValue::try_from(STANDARD.encode(digest)).expect("invariant: base64 is ASCII")
}

/// Whether one of the values of a header, a list with commas, is `token`.
fn names(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(change: impl FnOnce(&mut HeaderMap)) -> Request<()> {
        let mut request = Request::new(());
        let headers = request.headers_mut();
        headers.insert(header::UPGRADE, "WebSocket".parse().unwrap());
        headers.insert(header::CONNECTION, "keep-alive, upgrade".parse().unwrap());
        headers.insert(header::SEC_WEBSOCKET_VERSION, VERSION);
        headers.insert(header::SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ==".parse().unwrap());
        change(headers);
        request
    }

    #[test]
    fn the_standards_own_example_is_granted() {
        let asked = Asked::of(&request(|_| ())).unwrap();
        let mut headers = HeaderMap::new();
        asked.grant(&mut headers);
        assert_eq!(headers[header::SEC_WEBSOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn what_lacks_a_part_asks_for_nothing() {
        for missing in
            [header::UPGRADE, header::CONNECTION, header::SEC_WEBSOCKET_VERSION, header::SEC_WEBSOCKET_KEY]
        {
            let lacking = request(|headers| drop(headers.remove(&missing)));
            assert!(Asked::of(&lacking).is_none(), "{missing}");
        }
        let short =
            request(|headers| drop(headers.insert(header::SEC_WEBSOCKET_KEY, "c2hvcnQ=".parse().unwrap())));
        assert!(Asked::of(&short).is_none());
    }

    #[test]
    fn a_server_is_believed_that_hashes_the_key() {
        let (mut asked, mut answer) = (request(|_| ()), HeaderMap::new());
        let expected = ask(asked.headers_mut());
        assert!(!expected.is_met(&answer));
        Asked::of(&asked).unwrap().grant(&mut answer);
        assert!(expected.is_met(&answer));
    }
}

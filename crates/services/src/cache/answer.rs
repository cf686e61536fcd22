//! What a stored response answers to a request: itself, a part of it, or that the request's own copy is still good
//! (RFC 9110, 13 and 14).

use hognose_wire::cache::{Fields, Found};

use super::policy::{field, seconds_of};
use crate::Content;
use crate::range::{Part, resolve};

/// The answer, and its body.
pub(super) fn answer(stored: Found, value: Content, request: &Fields) -> (Found, Option<Content>) {
    if is_unchanged(&stored.headers, request) {
        return (without_body(stored, 304, "Not Modified"), None);
    }
    let range = field(request, "range").filter(|_| stored.status == 200).zip(value.length());
    match range.and_then(|(range, size)| resolve(&range, size)) {
        None => (Found { has_body: true, ..stored }, Some(value)),
        Some(Err(size)) => {
            let mut refused = without_body(stored, 416, "Range Not Satisfiable");
            refused.headers.push(("content-range".to_owned(), format!("bytes */{size}")));
            (refused, None)
        }
        Some(Ok(part)) => (partial(stored, &part), Some(part.of(value))),
    }
}

fn is_unchanged(stored: &Fields, request: &Fields) -> bool {
    if let Some(known) = field(request, "if-none-match") {
        let etag = field(stored, "etag").unwrap_or_default();
        let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        return known
            .split(',')
            .any(|tag| tag.trim() == "*" || (!etag.is_empty() && strong(tag) == strong(&etag)));
    }
    let since = field(request, "if-modified-since").and_then(|date| seconds_of(&date));
    let modified = field(stored, "last-modified").and_then(|date| seconds_of(&date));
    since.zip(modified).is_some_and(|(since, modified)| modified <= since)
}

fn without_body(stored: Found, status: u16, status_text: &str) -> Found {
    let mut headers = stored.headers;
    headers.retain(|(name, _)| name != "content-length");
    Found { status, status_text: status_text.to_owned(), headers, has_body: false }
}

fn partial(stored: Found, part: &Part) -> Found {
    let mut found = without_body(stored, 206, "Partial Content");
    found.headers.push(("content-length".to_owned(), part.length.to_string()));
    let last = part.start + part.length - 1;
    found.headers.push(("content-range".to_owned(), format!("bytes {}-{last}/{}", part.start, part.size)));
    found.has_body = true;
    found
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn stored() -> Found {
        let headers =
            [("etag", "\"x\""), ("last-modified", "Thu, 01 Jan 1970 00:01:00 GMT"), ("content-length", "10")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Found { status: 200, status_text: "OK".into(), headers: headers.into(), has_body: true }
    }

    fn answered(name: &str, value: &str) -> (u16, Option<Bytes>) {
        let request = vec![(name.to_owned(), value.to_owned())];
        let (found, body) = answer(stored(), Content::Whole(Bytes::from_static(b"0123456789")), &request);
        assert_eq!(found.has_body, body.is_some());
        let whole = body.map(|content| match content {
            Content::Whole(bytes) => bytes,
            Content::Stream(_) => panic!("a whole value became a stream"),
        });
        (found.status, whole)
    }

    #[test]
    fn a_copy_that_is_still_good_is_said_to_be() {
        for (name, value) in [
            ("if-none-match", "\"x\""),
            ("if-none-match", "\"y\", W/\"x\""),
            ("if-none-match", "*"),
            ("if-modified-since", "Thu, 01 Jan 1970 00:01:00 GMT"),
        ] {
            assert_eq!(answered(name, value), (304, None), "{name}: {value}");
        }
        for (name, value) in [
            ("if-none-match", "\"y\""),
            ("if-modified-since", "Thu, 01 Jan 1970 00:00:59 GMT"),
            ("if-modified-since", "yesterday"),
        ] {
            assert_eq!(answered(name, value).0, 200, "{name}: {value}");
        }
    }

    #[test]
    fn a_range_is_a_part() {
        for (range, status, part) in [
            ("bytes=0-0", 206, "0"),
            ("bytes=2-4", 206, "234"),
            ("bytes=8-", 206, "89"),
            ("bytes=8-99", 206, "89"),
            ("bytes=-3", 206, "789"),
            ("bytes=-99", 206, "0123456789"),
            ("bytes=3-2", 200, "0123456789"),
            ("bytes=0-1,3-4", 200, "0123456789"),
            ("lines=0-1", 200, "0123456789"),
        ] {
            assert_eq!(answered("range", range), (status, Some(Bytes::from(part))), "{range}");
        }
        for range in ["bytes=10-", "bytes=10-11", "bytes=-0"] {
            assert_eq!(answered("range", range), (416, None), "{range}");
        }
    }
}

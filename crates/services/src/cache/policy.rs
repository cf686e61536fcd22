//! What may be stored and for how long: the part of RFC 9111 that Cloudflare's cache follows for `cache.put`.
//! <https://developers.cloudflare.com/workers/runtime-apis/cache/>

use std::time::UNIX_EPOCH;

use hognose_wire::cache::Fields;

/// The value of a header field; several of one name are joined.
pub(super) fn field(headers: &Fields, name: &str) -> Option<String> {
    let values: Vec<&str> =
        headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect();
    if values.is_empty() { None } else { Some(values.join(", ")) }
}

/// How many seconds a response stays fresh; `None`: it is not to be stored.
pub(super) fn lifetime_s(status: u16, headers: &Fields, now_s: i64) -> Option<i64> {
    let control = CacheControl::of(headers);
    if control.forbids_storing() || (has_cookies(headers) && !control.hides_cookies()) {
        return None;
    }
    let lifetime = control
        .seconds("s-maxage")
        .or_else(|| control.seconds("max-age"))
        .or_else(|| field(headers, "expires").map(|date| seconds_of(&date).map_or(0, |at| at - now_s)))
        .or_else(|| default_lifetime_s(status))?;
    (lifetime > 0).then_some(lifetime)
}

/// The fields to be stored: a shared cache keeps no cookies.
pub(super) fn storable(mut headers: Fields) -> Fields {
    headers.retain(|(name, _)| name != "set-cookie");
    headers
}

/// The request's fields that a response depends on, with their values; `None` where it depends on everything.
pub(super) fn variant(response: &Fields, request: &Fields) -> Option<Vec<(String, Option<String>)>> {
    let vary = field(response, "vary").unwrap_or_default().to_ascii_lowercase();
    let names: Vec<&str> = vary.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if names.contains(&"*") {
        return None;
    }
    Some(names.into_iter().map(|name| (name.to_owned(), field(request, name))).collect())
}

/// An HTTP date in seconds since the epoch.
pub(super) fn seconds_of(date: &str) -> Option<i64> {
    let date = httpdate::parse_http_date(date).ok()?;
    i64::try_from(date.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}

/// Cloudflare's lifetimes for responses that name none.
fn default_lifetime_s(status: u16) -> Option<i64> {
    match status {
        200 | 206 | 301 => Some(120 * 60),
        302 | 303 => Some(20 * 60),
        404 | 410 => Some(3 * 60),
        403 => Some(60),
        _ => None,
    }
}

fn has_cookies(headers: &Fields) -> bool {
    headers.iter().any(|(name, _)| name == "set-cookie")
}

/// The directives of `Cache-Control`, in lower case.
struct CacheControl(Vec<(String, Option<String>)>);

impl CacheControl {
    fn of(headers: &Fields) -> Self {
        let text = field(headers, "cache-control").unwrap_or_default().to_ascii_lowercase();
        let directives = text.split(',').map(|directive| match directive.split_once('=') {
            Some((name, value)) => (name.trim().to_owned(), Some(value.trim().trim_matches('"').to_owned())),
            None => (directive.trim().to_owned(), None),
        });
        Self(directives.collect())
    }

    fn forbids_storing(&self) -> bool {
        let whole = |(name, value): &(String, Option<String>)| {
            name == "no-store" || (value.is_none() && (name == "private" || name == "no-cache"))
        };
        self.0.iter().any(whole)
    }

    /// `private=Set-Cookie`: all but the cookies may be stored.
    fn hides_cookies(&self) -> bool {
        self.value("private").is_some_and(|fields| fields.split_whitespace().any(|name| name == "set-cookie"))
    }

    fn seconds(&self, name: &str) -> Option<i64> {
        self.value(name).map(|value| value.parse().unwrap_or(0))
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name)?.1.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_lifetime_is_the_most_specific_one_given() {
        for (expected, status, headers) in [
            (Some(7200), 200, &[][..]),
            (Some(180), 404, &[]),
            (None, 500, &[]),
            (Some(10), 500, &[("cache-control", "max-age=10")]),
            (Some(20), 200, &[("cache-control", "max-age=10, S-MaxAge=\"20\"")]),
            (None, 200, &[("cache-control", "max-age=0")]),
            (None, 200, &[("cache-control", "max-age=soon")]),
            (Some(60), 200, &[("expires", "Thu, 01 Jan 1970 00:02:00 GMT")]),
            (None, 200, &[("expires", "Thu, 01 Jan 1970 00:01:00 GMT")]),
            (None, 200, &[("expires", "0")]),
            (Some(5), 200, &[("cache-control", "max-age=5"), ("expires", "0")]),
        ] {
            assert_eq!(lifetime_s(status, &fields(headers), 60), expected, "{status} {headers:?}");
        }
    }

    #[test]
    fn what_is_private_is_not_stored() {
        for control in ["no-store", "private", "no-cache", "max-age=9, private"] {
            assert_eq!(lifetime_s(200, &fields(&[("cache-control", control)]), 0), None, "{control}");
        }
        let cookie = ("set-cookie", "a=1");
        assert_eq!(lifetime_s(200, &fields(&[cookie]), 0), None);
        let hidden = fields(&[cookie, ("cache-control", "private=Set-Cookie, max-age=9")]);
        assert_eq!(lifetime_s(200, &hidden, 0), Some(9));
        assert_eq!(storable(hidden).len(), 1);
    }

    #[test]
    fn a_variant_is_what_the_request_said() {
        let request = fields(&[("accept-language", "de")]);
        let response = fields(&[("vary", "Accept-Language, X-Other")]);
        let expected = [("accept-language".to_owned(), Some("de".to_owned())), ("x-other".to_owned(), None)];
        assert_eq!(variant(&response, &request).unwrap(), expected);
        assert_eq!(variant(&fields(&[("vary", "a, *")]), &request), None);
        assert_eq!(variant(&fields(&[]), &request), Some(Vec::new()));
    }
}

//! What compatibility flags change.

use crate::harness::{Platform, check, check_in};

#[track_caller]
fn check_with(flags: &[(&str, bool)], cases: &[(&str, &str)]) {
    let platform = Platform::start();
    platform.web.set_flags(flags.iter().copied()).unwrap();
    check_in(&platform, cases);
}

#[test]
fn scripts_see_the_flags() {
    let cases = [
        (
            "const f = Cloudflare.compatibilityFlags; return [f.a, f.b, f.c, 'b' in f, 'c' in f]",
            "true,false,,true,false",
        ),
        ("'use strict'; Cloudflare.compatibilityFlags.a = 1", "TypeError: 'a' is read-only"),
        ("return Object.getPrototypeOf(Cloudflare.compatibilityFlags)", "null"),
    ];
    check_with(&[("a", true), ("b", false)], &cases);
}

#[test]
fn an_older_date_takes_back_what_came_later() {
    let flags = [
        "cache_option_enabled",
        "enable_weak_ref",
        "expose_global_message_channel",
        "fetch_iterable_type_support",
        "global_navigator",
        "upper_case_all_http_methods",
    ];
    let cases = [
        (
            "new Request('http://a', { cache: 'no-store' })",
            "Error: The 'cache' field on 'RequestInitializerDict' is not implemented.",
        ),
        ("return [typeof WeakRef, typeof MessageChannel, typeof navigator]", "undefined,undefined,undefined"),
        ("console.log(new (class Odd {})(), structuredClone({ a: 1 })); return 'shown'", "shown"),
        ("return new Response(['a', 'b']).text()", "a,b"),
        ("new Request('http://a', { method: 'patch' })", "TypeError: Invalid HTTP method string: patch"),
        ("return new Request('http://a', { method: 'put' }).method", "PUT"),
    ];
    check_with(&flags.map(|name| (name, false)), &cases);
}

#[test]
fn workerd_differs_from_the_standards() {
    check(&[
        ("return [new Response('').statusText, new Headers({ a: '\u{100}' }).get('a')]", "OK,\u{100}"),
        ("return new Request('http://u:p@a', { mode: 'navigate', window: 1 }).url", "http://u:p@a/"),
    ]);
}

#[test]
fn a_pedantic_worker_has_the_standards() {
    let cases = [
        ("return [new Response('').statusText === '', (await fetch('data:,a')).type]", "true,basic"),
        ("new Headers({ a: '\u{100}' })", "TypeError: A character beyond Latin-1 is in: \u{100}"),
        ("new Headers().set('a', '\u{100}')", "TypeError: A character beyond Latin-1 is in: \u{100}"),
        (
            "const read = []; const fields = new Proxy({ a: '\u{100}', b: '' }, { get: (_, name) => (read.push(name), _[name]) });
             try { new Headers(fields); } catch {} return read.filter((name) => typeof name === 'string')",
            "a",
        ),
        (
            "new Request('http://u:p@a')",
            "TypeError: The URL of a request cannot have credentials: http://u:p@a/",
        ),
        ("new Request('http://a', { window: 1 })", "TypeError: The option 'window' can only be null."),
        ("new Request('http://a', { referrer: 'http://:' })", "TypeError: Invalid referrer: http://:"),
        (
            "new Request('http://a', { method: 'TRACE' })",
            "TypeError: The HTTP method TRACE cannot be fetched.",
        ),
        (
            "new Request('http://a', { mode: 'navigate' })",
            "TypeError: Invalid mode: navigate. It must be one of: same-origin, no-cors, cors",
        ),
        (
            "return fetch('http://a:6667/')",
            "TypeError: Fetch API cannot load: http://a:6667/ (port 6667 is blocked)",
        ),
    ];
    check_with(&[("pedantic_wpt", true)], &cases);
}

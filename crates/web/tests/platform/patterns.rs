//! URLPattern.

use crate::harness::check;

#[test]
fn patterns_match_component_by_component() {
    check(&[
        (
            "return new URLPattern({ pathname: '/books/:id' }).exec('https://example.com/books/7?x').pathname.groups.id",
            "7",
        ),
        (
            "const p = new URLPattern('https://*.example.com/:kind{/:id(\\\\d+)}?'); return [p.test('https://a.example.com/x'), p.test('https://a.example.com/x/7'), p.test('https://a.example.com/x/y'), p.hostname, p.pathname, p.hasRegExpGroups]",
            "true,true,false,*.example.com,/:kind/:id(\\d+)?,true",
        ),
        ("return new URLPattern('x/*', 'https://a.test/b/c').pathname", "/b/x/*"),
        (
            "return new URLPattern('/A', 'https://a.test', { ignoreCase: true }).test('https://a.test/a')",
            "true",
        ),
        ("return new URLPattern({ pathname: '/a' }).exec('no url')", "null"),
        (
            "return new URLPattern({ hostname: 'a-b.test', pathname: '/(x-y)' }).test('http://a-b.test/x-y')",
            "true",
        ),
        ("new URLPattern('/relative')", "TypeError: A relative URLPattern needs a base URL."),
        ("new URLPattern({ pathname: '/:a/:a' })", "TypeError: Invalid pattern: two groups \"a\"."),
        ("new URLPattern({ pathname: '/(' })", "TypeError: Invalid pattern: a malformed group at 1."),
    ]);
}

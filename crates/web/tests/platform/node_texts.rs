//! Node's modules about texts, addresses, channels and the machine.

use crate::harness::check;

#[test]
fn query_strings_are_read_and_written() {
    check(&[
        (
            "const q = await import('node:querystring'); return JSON.stringify(q.parse('a=1&b=x+y&a=2&c=%E2%82%AC&d'))",
            r#"{"a":["1","2"],"b":"x y","c":"€","d":""}"#,
        ),
        (
            "const q = await import('node:querystring'); return [q.stringify({ a: [1, 2], b: 'x y', c: true, d: null }), q.parse('a:1;b:2', ';', ':').b, Object.keys(q.parse('a&b&c', null, null, { maxKeys: 2 }))]",
            "a=1&a=2&b=x%20y&c=true&d=,2,a,b",
        ),
        (
            "const q = await import('node:querystring'); return [q.parse('a=%zz').a, q.unescape('%E2%8')]",
            "%zz,\u{fffd}%8",
        ),
        ("const q = await import('node:querystring'); q.escape('\\udc00')", "URIError: URI malformed"),
    ]);
}

#[test]
fn text_is_decoded_in_pieces() {
    check(&[
        (
            "const { StringDecoder } = await import('node:string_decoder'); const d = new StringDecoder('utf8'); const bytes = new TextEncoder().encode('a€😀'); return [...bytes].map((b) => d.write(new Uint8Array([b]))).join('|') + d.end()",
            "a|||€||||😀",
        ),
        (
            "const { StringDecoder } = await import('node:string_decoder'); const d = new StringDecoder('base64'); return [d.write(new Uint8Array([1, 2, 3, 4])), d.lastNeed, d.end(new Uint8Array([5]))]",
            "AQID,2,BAU=",
        ),
        (
            "const { StringDecoder } = await import('node:string_decoder'); const d = new StringDecoder('utf8'); return [d.write(new Uint8Array([0xe2, 0x82])), d.end()]",
            ",\u{fffd}",
        ),
        (
            "const { StringDecoder } = await import('node:string_decoder'); new StringDecoder('nope')",
            "TypeError: Unknown encoding: nope",
        ),
    ]);
}

#[test]
fn domains_have_two_spellings() {
    check(&[
        (
            "const p = await import('node:punycode'); return [p.encode('mañana'), p.decode('maana-pta'), p.toASCII('mañana.com'), p.toUnicode('xn--maana-pta.com'), p.ucs2.decode('😀')]",
            "maana-pta,mañana,xn--maana-pta.com,mañana.com,128512",
        ),
        ("const p = await import('node:punycode'); p.decode('é')", "RangeError: Invalid input"),
    ]);
}

#[test]
fn urls_lead_to_files_and_back() {
    check(&[
        (
            "const u = await import('node:url'); return [u.fileURLToPath('file:///a%20b/c'), u.pathToFileURL('/a b#?').href, u.domainToASCII('español.com'), u.domainToUnicode('xn--espaol-zwa.com')]",
            "/a b/c,file:///a%20b%23%3F,xn--espaol-zwa.com,español.com",
        ),
        (
            "const u = await import('node:url'); const p = u.parse('http://user:pass@Host.com:8080/p/a?q=1#h'); return [p.auth, p.host, p.port, p.pathname, p.search, p.query, p.hash, p.path, p.href]",
            "user:pass,host.com:8080,8080,/p/a,?q=1,q=1,#h,/p/a?q=1,http://user:pass@host.com:8080/p/a?q=1#h",
        ),
        (
            "const u = await import('node:url'); return [u.resolve('/one/two/three', 'four'), u.resolve('http://a.com/one', '/two'), u.format({ protocol: 'https', hostname: 'h', pathname: 'x', query: { a: 1 } })]",
            "/one/two/four,http://a.com/two,https://h/x?a=1",
        ),
        (
            "const u = await import('node:url'); u.fileURLToPath('http://a')",
            "TypeError: The URL must be of scheme file",
        ),
    ]);
}

#[test]
fn channels_tell_their_subscribers() {
    check(&[
        (
            "const d = await import('node:diagnostics_channel'); const seen = []; const c = d.channel('a'); const f = (m, n) => seen.push(m + n); c.subscribe(f); c.publish('1'); const was = c.hasSubscribers; c.unsubscribe(f); c.publish('2'); return [seen, was, c.hasSubscribers, d.channel('a') === c]",
            "1a,true,false,true",
        ),
        (
            "const d = await import('node:diagnostics_channel'); const { AsyncLocalStorage } = await import('node:async_hooks'); const s = new AsyncLocalStorage(); const c = d.channel('b'); c.bindStore(s, (m) => m.x); return c.runStores({ x: 7 }, () => s.getStore())",
            "7",
        ),
        (
            "const d = await import('node:diagnostics_channel'); const t = d.tracingChannel('w'); const seen = []; t.subscribe({ start: () => seen.push('start'), end: () => seen.push('end'), asyncEnd: (c) => seen.push(c.result) }); await t.tracePromise(async () => 5); return seen",
            "start,end,5",
        ),
    ]);
}

#[test]
fn the_machine_says_nothing_of_itself() {
    check(&[
        (
            "const os = await import('node:os'); return [os.EOL === '\\n', os.platform(), os.hostname(), os.totalmem(), os.cpus().length]",
            "true,linux,localhost,0,0",
        ),
        (
            "const { performance } = await import('node:perf_hooks'); return performance === globalThis.performance",
            "true",
        ),
        (
            "const { text } = await import('node:stream/consumers'); return text(new Response('abc').body)",
            "abc",
        ),
        ("const web = await import('node:stream/web'); return web.ReadableStream === ReadableStream", "true"),
        (
            "const c = await import('node:console'); return c.default === console && c.log === console.log",
            "true",
        ),
    ]);
}

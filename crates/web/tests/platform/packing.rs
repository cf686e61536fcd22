//! Compression streams, and bodies with a Content-Encoding on their way in and out.

use hognose_engine::Value;
use hognose_web::{BodyId, BodySource, IncomingBody, IncomingResponse, ResponseParts};

use crate::harness::{Platform, check};

/// Scripts' helpers: all that comes out of a transform when `chunks` go in, and a text packed as gzip.
const HELPERS: &str = "
    globalThis.through = async (transform, ...chunks) =>
      new Response(ReadableStream.from(chunks).pipeThrough(transform)).bytes();
    globalThis.pack = (text, format = 'gzip') =>
      through(new CompressionStream(format), new TextEncoder().encode(text));
    globalThis.unpack = async (bytes, format = 'gzip') =>
      new TextDecoder().decode(await through(new DecompressionStream(format), bytes));
";

fn start() -> Platform {
    let platform = Platform::start();
    platform.run(HELPERS);
    platform
}

#[test]
fn each_format_is_packed_and_unpacked() {
    let platform = start();
    let script = "const seen = []; for (const format of ['gzip', 'deflate', 'deflate-raw', 'brotli']) { const packed = await pack('a'.repeat(5000), format); seen.push(packed.length < 100, await unpack(packed, format) === 'a'.repeat(5000)) } return seen";
    assert_eq!(platform.run(script), ["true"; 8].join(","));
}

#[test]
fn what_cannot_be_packed_or_unpacked_is_refused() {
    check(&[
        (
            "new CompressionStream('zip')",
            "TypeError: The compression format must be either 'deflate', 'deflate-raw', 'gzip' or 'brotli'.",
        ),
        (
            "new DecompressionStream()",
            "TypeError: Failed to execute 'constructor' on 'DecompressionStream': parameter 1 is not of type 'string'.",
        ),
        (
            "await new Response(ReadableStream.from(['text']).pipeThrough(new CompressionStream('gzip'))).text()",
            "TypeError: Failed to execute 'transform' on 'CompressionStream': parameter 1 is not of type 'BufferSource'.",
        ),
        (
            "await new Response(new Response(new Uint8Array(9)).body.pipeThrough(new DecompressionStream('gzip'))).text()",
            "TypeError: Decompression failed.",
        ),
        (
            "await new Response(new Response(new Uint8Array([31, 139])).body.pipeThrough(new DecompressionStream('gzip'))).text()",
            "TypeError: Called close() on a decompression stream with incomplete data",
        ),
    ]);
}

/// Bytes that a script makes.
fn bytes(platform: &Platform, expression: &str) -> Vec<u8> {
    let numbers = platform.run(&format!("return Array.from(await {expression})"));
    numbers.split(',').map(|number| number.parse().unwrap()).collect()
}

/// Answers the request under way with a body that is packed.
fn answer_packed(platform: &Platform, coding: &str, body: IncomingBody) {
    platform.run_jobs();
    let (_, done) = platform.outside.requests.borrow_mut().remove(0);
    let response = IncomingResponse {
        status: 200,
        status_text: "OK".to_owned(),
        headers: [("content-encoding", coding.as_bytes())].into_iter().collect(),
        body,
        url: "http://out.test/".to_owned(),
        redirected: false,
        web_socket: None,
    };
    done(platform.context, Ok(response));
}

#[test]
fn a_packed_answer_is_read_unpacked_and_keeps_its_header() {
    let platform = start();
    for (coding, format) in [("gzip", "gzip"), ("br", "brotli"), ("deflate", "deflate")] {
        let packed = bytes(&platform, &format!("pack('hello', '{format}')"));
        let read = "fetch('http://out.test/').then(async (r) => [r.headers.get('content-encoding'), await r.text()])";
        let promise = platform.eval(read);
        answer_packed(&platform, coding, IncomingBody::Bytes(packed));
        assert_eq!(platform.settle(&promise), format!("{coding},hello"));
    }
}

#[test]
fn a_packed_answer_may_be_had_as_it_came() {
    let platform = start();
    let promise = platform.eval(
        "fetch('http://out.test/', { encodeResponseBody: 'manual' }).then(async (r) => (await r.bytes()).length)",
    );
    answer_packed(&platform, "gzip", IncomingBody::Bytes(vec![1, 2, 3]));
    assert_eq!(platform.settle(&promise), "3");
}

#[test]
fn a_broken_packed_answer_rejects() {
    let platform = start();
    let promise = platform.eval("fetch('http://out.test/').then((r) => r.text())");
    answer_packed(&platform, "gzip", IncomingBody::Bytes(b"no gzip at all".to_vec()));
    assert_eq!(platform.settle(&promise), "TypeError: Decompression failed.");
}

/// What a handler answers with the response that a fetch brought, as an expression over `r`.
fn pass_on(expression: &str) -> (Platform, ResponseParts) {
    let platform = start();
    let promise = platform.eval("fetch('http://out.test/').then((r) => { globalThis.r = r })");
    let body = platform.incoming_body(&["packed"]);
    answer_packed(&platform, "gzip", IncomingBody::Stream { body, length: Some(6) });
    platform.settle(&promise);
    let answer: Value = platform.eval(expression);
    let parts = platform.web.response_parts(&answer).unwrap();
    (platform, parts)
}

#[test]
fn a_packed_answer_passed_on_stays_packed_and_outside() {
    let (_, parts) = pass_on("new Response(r.body, r)");
    assert!(matches!(parts.body, BodySource::Untouched(BodyId(_))), "{:?}", parts.body);
    assert!(parts.encode_manual);
}

#[test]
fn a_packed_answer_without_its_header_goes_out_unpacked() {
    let (_, parts) = pass_on("new Response(r.body)");
    assert!(matches!(parts.body, BodySource::Stream { length: None, .. }), "{:?}", parts.body);
    assert!(!parts.encode_manual);
}

#[test]
fn an_answer_is_packed_as_its_header_says() {
    let platform = start();
    let answer = platform.eval("new Response('hello', { headers: { 'content-encoding': 'gzip' } })");
    let parts = platform.web.response_parts(&answer).unwrap();
    let BodySource::Stream { body, length: None } = parts.body else { panic!("{:?}", parts.body) };
    assert!(parts.encode_manual);
    platform.run_jobs();
    let sent = platform.outside.outgoing.borrow()[&body.0].bytes.clone();
    assert_eq!(platform.run(&format!("return unpack(new Uint8Array({sent:?}))")), "hello");
}

#[test]
fn an_answer_that_is_packed_already_goes_out_as_it_is() {
    let platform = start();
    let answer = platform
        .eval("new Response('hello', { headers: { 'content-encoding': 'gzip' }, encodeBody: 'manual' })");
    let parts = platform.web.response_parts(&answer).unwrap();
    assert_eq!(parts.body, BodySource::Bytes(b"hello".to_vec()));
    assert!(parts.encode_manual);
}

#[test]
fn data_urls_are_fetched() {
    check(&[
        (
            "const r = await fetch('data:text/plain;charset=utf-8;base64,aMOk'); return [r.status, r.headers.get('content-type'), await r.text()]",
            "200,text/plain;charset=utf-8,hä",
        ),
        ("return (await fetch('data:,a%20b')).text()", "a b"),
        ("return fetch('data:nonsense')", "TypeError: Fetch API cannot load: data:nonsense"),
    ]);
}

//! Requests, responses and what crosses the border with them.

use hognose_web::{
    BodySource, HeaderList, HostError, IncomingBody, IncomingResponse, RequestHead, ResponseParts,
};

use crate::harness::{Platform, check};

fn head(method: &str, body: IncomingBody) -> RequestHead {
    let headers = [("Host", &b"h.test"[..]), ("X-A", b"1")].into_iter().collect();
    RequestHead {
        method: method.to_owned(),
        url: "http://h.test/p?q=1".to_owned(),
        headers,
        cf_json: Some(r#"{"colo":"XXX"}"#.to_owned()),
        body,
    }
}

impl Platform {
    fn request(&self, head: RequestHead) {
        self.set_global("request", &self.web.incoming_request(head).unwrap());
    }

    fn respond(&self, expression: &str) -> ResponseParts {
        self.web.response_parts(&self.eval(expression)).unwrap_or_else(|thrown| panic!("{thrown}"))
    }

    fn answer(&self, status: u16, headers: &[(&str, &str)], body: IncomingBody) {
        let (_, done) = self.outside.requests.borrow_mut().remove(0);
        let headers: HeaderList = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let response = IncomingResponse {
            status,
            status_text: "Fine".to_owned(),
            headers,
            body,
            url: "http://end.test/".to_owned(),
            redirected: true,
            web_socket: None,
        };
        done(self.context, Ok(response));
    }
}

#[test]
fn a_request_from_outside_is_a_request() {
    let platform = Platform::start();
    let body = platform.incoming_body(&["{\"a\"", ":1}"]);
    platform.request(head("POST", IncomingBody::Stream { body, length: Some(7) }));
    let cases = [
        (
            "return [request.method, request.url, request.redirect, request.cf.colo, request.headers.get('X-a'), request.bodyUsed]",
            "POST,http://h.test/p?q=1,manual,XXX,1,false",
        ),
        (
            "return [request instanceof Request, request.constructor.name, String(request), request.signal.aborted]",
            "true,Request,[object Request],false",
        ),
        ("request.headers.set('a', 'b')", "TypeError: Can't modify immutable headers."),
        (
            "const copy = new Request('http://other.test/', { headers: request.headers }); copy.headers.set('a', 'b'); return [...copy.headers.keys()]",
            "a,host,x-a",
        ),
        ("return (await request.json()).a", "1"),
        (
            "return [request.bodyUsed, await request.text()]",
            "TypeError: Body has already been used. It can only be used once. Use tee() first if you need to read it twice.",
        ),
    ];
    for (script, expected) in cases {
        assert_eq!(platform.run(script), expected, "{script}");
    }
    let reason = platform.context.undefined();
    platform.web.abort_request(&platform.eval("request"), &reason).unwrap();
    assert_eq!(platform.run("request.signal.throwIfAborted()"), "AbortError: The operation was aborted");
}

#[test]
fn a_body_from_outside_is_read_in_every_way() {
    let platform = Platform::start();
    for (script, expected) in [
        ("return request.text()", "one two"),
        ("return (await request.arrayBuffer()).byteLength", "7"),
        ("return (await request.bytes()).length", "7"),
        ("return (await request.blob()).size", "7"),
        (
            "let n = 0; for await (const chunk of request.body) n += chunk.length; return [n, request.bodyUsed]",
            "7,true",
        ),
        (
            "const [a, b] = request.body.tee(); return [await new Response(a).text(), await new Response(b).text()]",
            "one two,one two",
        ),
        ("const copy = request.clone(); return [await copy.text(), await request.text()]", "one two,one two"),
        (
            "const r = request.body.getReader({ mode: 'byob' }); const { value } = await r.read(new Uint8Array(2)); return new TextDecoder().decode(value)",
            "on",
        ),
        (
            "const other = new Request('http://x.test/', request); return [request.bodyUsed, await other.text()]",
            "true,one two",
        ),
        (
            "const other = new Request(request, { body: 'new' }); return [request.bodyUsed, await other.text(), await request.text()]",
            "false,new,one two",
        ),
        ("await request.body.cancel('enough'); return request.bodyUsed", "true"),
        (
            "request.body.getReader(); return request.text()",
            "TypeError: This ReadableStream is currently locked to a reader.",
        ),
    ] {
        let body = platform.incoming_body(&["one", " two"]);
        platform.request(head("POST", IncomingBody::Stream { body, length: None }));
        assert_eq!(platform.run(script), expected, "{script}");
    }
}

#[test]
fn a_body_that_breaks_off_rejects() {
    let platform = Platform::start();
    for script in ["return request.text()", "for await (const _ of request.body);"] {
        let body = platform.incoming_body(&["one"]);
        let failure = Err(HostError::new("Network connection lost."));
        platform.outside.incoming.borrow_mut().get_mut(&body.0).unwrap().push_back(failure);
        platform.request(head("POST", IncomingBody::Stream { body, length: None }));
        assert_eq!(platform.run(script), "Error: Network connection lost.", "{script}");
    }
}

#[test]
fn responses_check_what_they_are_given() {
    check(&[
        (
            "const r = new Response('hi', { status: 201, headers: { a: 'b' } }); return [r.status, r.statusText, r.ok, r.type, r.url, r.redirected, r.webSocket, r.headers.get('content-type'), await r.text()]",
            "201,Created,true,default,,false,,text/plain;charset=UTF-8,hi",
        ),
        (
            "return new Response('', { status: 199 })",
            "RangeError: Responses may only be constructed with status codes in the range 200 to 599, inclusive.",
        ),
        ("return new Response('', { status: 200 }).status + new Response('', { status: 599 }).status", "799"),
        (
            "return new Response('', { status: 600 })",
            "RangeError: Responses may only be constructed with status codes in the range 200 to 599, inclusive.",
        ),
        (
            "return new Response('x', { status: 204 })",
            "TypeError: Response with null body status (101, 204, 205, or 304) cannot have a body.",
        ),
        ("return new Response('', { status: 304 }).body", "null"),
        ("return new Response('', { statusText: 'a\\nb' })", "TypeError: Invalid statusText"),
        (
            "return new Response('', { webSocket: {}, status: 200 })",
            "RangeError: Responses with a WebSocket must have status code 101.",
        ),
        (
            "const r = Response.json({ a: [1] }, { status: 400 }); return [r.status, r.headers.get('content-type'), await r.text()]",
            "400,application/json,{\"a\":[1]}",
        ),
        (
            "const r = Response.redirect('http://H.test', 301); return [r.status, r.headers.get('location')]",
            "301,http://h.test/",
        ),
        ("Response.redirect('/x')", "TypeError: Unable to parse URL: /x"),
        (
            "Response.redirect('http://h', 200)",
            "RangeError: 200 is not a redirect status code. It must be one of: 301, 302, 303, 307, or 308.",
        ),
        ("const r = Response.error(); return [r.type, r.status]", "error,0"),
        (
            "const r = new Response('a', { headers: { 'content-type': 'x/y' } }); const c = new Response(r.body, r); c.headers.set('b', 1); return [await c.text(), [...c.headers].join('|')]",
            "a,b,1|content-type,x/y",
        ),
        (
            "const r = new Response('abc'); const c = r.clone(); return [await r.text(), await c.text()]",
            "abc,abc",
        ),
        (
            "const r = new Response('x'); await r.text(); r.clone()",
            "TypeError: Body has already been used. It can only be used once. Use tee() first if you need to read it twice.",
        ),
        ("return new Response(new Blob(['x'], { type: 'a/b' })).headers.get('content-type')", "a/b"),
        ("return (await new Response(new Uint8Array([1, 2, 3]).subarray(1)).bytes())", "2,3"),
        (
            "async function* parts() { yield new Uint8Array([104]); yield new Uint8Array([105]) } return new Response(parts()).text()",
            "hi",
        ),
        (
            "return new Response(ReadableStream.from(['text'])).text()",
            "TypeError: This TransformStream is being used as a byte stream, but received a string on its writable side. If you wish to write a string, you'll probably want to explicitly UTF-8-encode it with TextEncoder.",
        ),
        (
            "const s = ReadableStream.from([1]); const r = s.getReader(); await r.read(); r.releaseLock(); new Response(s)",
            "TypeError: This ReadableStream is disturbed (has already been read from), and cannot be used as a body.",
        ),
        ("const r = new Response('x'); await r.text(); return [r.body.locked, r.bodyUsed]", "true,true"),
        ("return [new Response().body, new Response(null).body, new Response('').body === null]", ",,false"),
        ("return new Response('x', { encodeBody: 'no' })", "TypeError: encodeBody: unexpected value: no"),
    ]);
}

#[test]
fn requests_check_what_they_are_given() {
    check(&[
        (
            "const r = new Request('http://H.test/a?b', { method: 'post', body: 'x' }); return [r.method, r.url, r.redirect, r.headers.get('content-type'), r.cf, r.cache, r.integrity, await r.text()]",
            "POST,http://h.test/a?b,follow,text/plain;charset=UTF-8,,,,x",
        ),
        ("new Request('/a')", "TypeError: Invalid URL: /a"),
        ("new Request('http://h', { method: 'NOPE' })", "TypeError: Invalid HTTP method string: NOPE"),
        (
            "new Request('http://h', { body: 'x' })",
            "TypeError: Request with a GET or HEAD method cannot have a body.",
        ),
        ("new Request('http://h', { cache: 'reload' })", "TypeError: Unsupported cache mode: reload"),
        ("return new Request('http://h', { cache: 'no-store' }).cache", "no-store"),
        (
            "try { new Request('http://h', { redirect: 'error' }) } catch (e) { return e.message.slice(0, 60) }",
            "Invalid redirect value, must be one of \"follow\" or \"manual\" ",
        ),
        (
            "const a = new Request('http://h', { method: 'PUT', body: 'x', headers: { q: '1' } }); const b = new Request(a, { headers: { w: '2' } }); return [b.method, [...b.headers.keys()], await b.text(), a.bodyUsed]",
            "PUT,w,x,true",
        ),
        (
            "const a = new Request('http://h', { method: 'PUT', body: 'x' }); await a.text(); new Request(a)",
            "TypeError: Cannot reconstruct a Request with a used body.",
        ),
        (
            "const c = new AbortController(); const r = new Request('http://h', { signal: c.signal }); c.abort('x'); return new Request(r).signal.reason",
            "x",
        ),
        (
            "const r = new Request('http://h', { cf: { cacheTtl: 5 } }); return JSON.stringify(r.clone().cf)",
            "{\"cacheTtl\":5}",
        ),
        (
            "return ['mode', 'credentials', 'destination', 'referrer'].some((name) => name in Request.prototype)",
            "false",
        ),
    ]);
}

#[test]
fn an_answer_is_taken_apart_without_building_anything() {
    let platform = Platform::start();
    let parts = platform.respond("new Response('hällo', { status: 201 })");
    assert_eq!((parts.status, parts.status_text.as_str(), parts.encode_manual), (201, "Created", false));
    assert_eq!(parts.headers.get("content-type"), Some("text/plain;charset=UTF-8"));
    assert_eq!(parts.body, BodySource::Bytes("hällo".into()));
    assert!(parts.web_socket.is_none());

    let parts = platform.respond(
        "new Response(null, { status: 101, webSocket: new WebSocketPair()[0], encodeBody: 'manual' })",
    );
    assert_eq!((parts.status, parts.body, parts.encode_manual), (101, BodySource::None, true));
    assert!(parts.web_socket.is_some());
}

#[test]
fn a_plain_request_leaves_nothing_for_the_garbage_collector() {
    let platform = Platform::start();
    let handler = platform.eval("(request) => new Response(request.method + request.headers.get('x-a'))");
    let serve = || {
        let request = platform.web.incoming_request(head("GET", IncomingBody::None)).unwrap();
        let response = handler.call_function(&[request]).unwrap();
        platform.web.response_parts(&response).unwrap();
        platform.context.memory_usage().objects
    };
    serve();
    assert_eq!(serve(), serve());
}

#[test]
fn an_answer_that_is_none_is_a_type_error() {
    let platform = Platform::start();
    for expression in ["undefined", "'text'", "{ status: 200 }", "null"] {
        let thrown = platform.web.response_parts(&platform.eval(expression)).unwrap_err();
        let expected = "TypeError: Incorrect type for Promise: the Promise did not resolve to 'Response'.";
        assert_eq!(thrown.to_string(), expected);
    }
}

#[test]
fn an_untouched_body_is_passed_on_by_its_number() {
    let platform = Platform::start();
    for expression in [
        "new Response(request.body)",
        "new Response(request.body, { headers: { a: 'b' } })",
        "new Response(new Request('http://x.test/', request).body)",
    ] {
        let body = platform.incoming_body(&["never read"]);
        platform.request(head("POST", IncomingBody::Stream { body, length: Some(10) }));
        assert_eq!(platform.respond(expression).body, BodySource::Untouched(body), "{expression}");
        assert_eq!(platform.run("return request.bodyUsed"), "true", "{expression}");
    }
}

#[test]
fn a_stream_is_written_to_the_host() {
    let platform = Platform::start();
    let parts = platform.respond(
        "(() => { const { readable, writable } = new TransformStream(); globalThis.writer = writable.getWriter(); return new Response(readable) })()",
    );
    let BodySource::Stream { body, length: None } = parts.body else { panic!("{:?}", parts.body) };
    let script = "await writer.write(new Uint8Array([1, 2])); await writer.write(new Uint8Array([3])); await writer.close(); return 'done'";
    assert_eq!(platform.run(script), "done");
    let outgoing = &platform.outside.outgoing.borrow()[&body.0];
    assert_eq!((outgoing.bytes.as_slice(), outgoing.closed), (&[1, 2, 3][..], true));
}

#[test]
fn a_reader_that_goes_away_cancels_the_stream() {
    let platform = Platform::start();
    platform.outside.fail_writes.set(true);
    platform.respond(
        "new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1)) }, cancel(r) { globalThis.why = r } }))",
    );
    platform.run_jobs();
    assert_eq!(platform.run("return why"), "Error: Network connection lost.");
}

#[test]
fn a_chunk_that_is_not_bytes_breaks_the_body_off() {
    let platform = Platform::start();
    let parts = platform.respond("new Response(ReadableStream.from([{}]))");
    let BodySource::Stream { body, .. } = parts.body else { panic!("{:?}", parts.body) };
    platform.run_jobs();
    let aborted = platform.outside.outgoing.borrow()[&body.0].aborted.clone().unwrap_or_default();
    assert!(
        aborted.starts_with("TypeError: This TransformStream is being used as a byte stream"),
        "{aborted}"
    );
}

#[test]
fn a_fixed_length_stream_has_a_length_and_a_failing_one_breaks_off() {
    let platform = Platform::start();
    let parts = platform.respond(
        "(() => { const s = new FixedLengthStream(3); const w = s.writable.getWriter(); w.write(new Uint8Array(3)); w.close(); return new Response(s.readable) })()",
    );
    let BodySource::Stream { body, length: Some(3) } = parts.body else { panic!("{:?}", parts.body) };
    platform.run_jobs();
    assert!(platform.outside.outgoing.borrow()[&body.0].closed);

    let parts =
        platform.respond("new Response(new ReadableStream({ pull(c) { c.error(new Error('broken')) } }))");
    let BodySource::Stream { body, .. } = parts.body else { panic!("{:?}", parts.body) };
    platform.run_jobs();
    assert_eq!(platform.outside.outgoing.borrow()[&body.0].aborted.as_deref(), Some("Error: broken"));
}

#[test]
fn a_fetch_goes_out_and_comes_back() {
    let platform = Platform::start();
    let promise = platform.eval(
        "(async () => { const r = await fetch('http://out.test/', { method: 'POST', body: 'x', redirect: 'manual', headers: { A: '1' }, cf: { colo: 1 } }); return [r.status, r.statusText, r.url, r.redirected, r.headers.get('b'), await r.text()] })()",
    );
    platform.run_jobs();
    {
        let requests = platform.outside.requests.borrow();
        let (request, _) = &requests[0];
        assert_eq!((request.method.as_str(), request.url.as_str()), ("POST", "http://out.test/"));
        assert_eq!(
            request.headers.iter().collect::<Vec<_>>(),
            [("a", "1"), ("content-type", "text/plain;charset=UTF-8")]
        );
        assert_eq!(request.body, BodySource::Bytes(b"x".to_vec()));
        assert_eq!(request.cf_json.as_deref(), Some("{\"colo\":1}"));
        assert!(!request.follow_redirects && !request.raw_response_body && request.target.is_none());
    }
    let body = platform.incoming_body(&["a", "b"]);
    platform.answer(200, &[("b", "2")], IncomingBody::Stream { body, length: None });
    assert_eq!(platform.settle(&promise), "200,Fine,http://end.test/,true,2,ab");
}

#[test]
fn a_fetch_that_cannot_be_made_rejects() {
    check(&[
        ("await fetch('/x')", "TypeError: Invalid URL: /x"),
        ("await fetch('ftp://x/')", "TypeError: Fetch API cannot load: ftp://x/"),
        ("await fetch('http://x/', { signal: AbortSignal.abort('early') })", "early"),
    ]);
}

#[test]
fn a_fetch_is_aborted_before_and_after_its_answer() {
    let platform = Platform::start();
    platform.run("globalThis.controller = new AbortController()");
    let promise = platform.eval("fetch('http://out.test/', { signal: controller.signal })");
    platform.run_jobs();
    platform.run("controller.abort()");
    assert_eq!(platform.settle(&promise), "AbortError: The operation was aborted");
    assert_eq!(platform.outside.cancelled_fetches.get(), 1);

    platform.outside.requests.borrow_mut().clear();
    platform.run("globalThis.controller = new AbortController()");
    let promise =
        platform.eval("fetch('http://out.test/', { signal: controller.signal }).then((r) => r.text())");
    platform.run_jobs();
    platform.outside.hold_reads.set(true);
    let body = platform.incoming_body(&[]);
    platform.answer(200, &[], IncomingBody::Stream { body, length: None });
    platform.run_jobs();
    platform.run("controller.abort(new Error('too slow'))");
    assert_eq!(platform.settle(&promise), "Error: too slow");
    assert_eq!(*platform.outside.cancelled_bodies.borrow(), [(body.0, "Error: too slow".to_owned())]);
}

#[test]
fn a_failed_fetch_carries_its_error() {
    let platform = Platform::start();
    let promise = platform.eval("fetch('http://out.test/').catch((e) => [e.name, e.message, e.retryable])");
    platform.run_jobs();
    let (_, done) = platform.outside.requests.borrow_mut().remove(0);
    let error = HostError { retryable: true, ..HostError::named("TypeError", "no way") };
    done(platform.context, Err(error));
    assert_eq!(platform.settle(&promise), "TypeError,no way,true");
}

#[test]
fn a_capability_has_a_fetch_of_its_own() {
    let platform = Platform::start();
    platform.set_global("serviceFetch", &platform.web.fetch_through("7").unwrap());
    platform.eval("serviceFetch('http://anything/')");
    platform.run_jobs();
    platform.eval("serviceFetch('http://anything/', { method: 'POST', body: 'vier' })");
    platform.eval(
        "serviceFetch('http://anything/', { method: 'POST', body: new IdentityTransformStream().readable })",
    );
    platform.run_jobs();
    let requests = platform.outside.requests.borrow();
    assert_eq!(requests[0].0.target, Some("7".to_owned()));
    assert_eq!(requests[1].0.headers.get("content-length"), Some("4"));
    assert_eq!(requests[2].0.headers.get("transfer-encoding"), Some("chunked"));
}

#[test]
fn any_body_value_can_be_sent_and_any_body_read() {
    let platform = Platform::start();
    let send = |expression: &str| platform.web.send_body(&platform.eval(expression)).unwrap();
    assert_eq!(send("null"), BodySource::None);
    assert_eq!(send("'text'"), BodySource::Bytes(b"text".to_vec()));
    assert_eq!(send("new Uint8Array([1])"), BodySource::Bytes(vec![1]));
    let body = platform.incoming_body(&["x"]);
    platform.set_global("stream", &platform.web.stream_of_body(body, Some(1)).unwrap());
    assert_eq!(send("stream"), BodySource::Untouched(body));

    let body = platform.incoming_body(&["in", "side"]);
    platform.set_global("stream", &platform.web.stream_of_body(body, None).unwrap());
    assert_eq!(platform.run("return new Response(stream).text()"), "inside");
}

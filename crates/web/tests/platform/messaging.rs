//! MessageChannel and EventSource.

use hognose_web::{IncomingBody, IncomingResponse};

use crate::harness::{Platform, check};

#[test]
fn ports_pass_clones_in_order() {
    check(&[
        (
            "const { port1, port2 } = new MessageChannel(); const seen = []; port2.onmessage = (e) => seen.push(e.data.n, e.isTrusted); const message = { n: 1 }; port1.postMessage(message); message.n = 2; port1.postMessage(message); await scheduler.wait(1); return seen",
            "1,true,2,true",
        ),
        (
            "const { port1, port2 } = new MessageChannel(); const seen = []; port1.postMessage('early'); port2.addEventListener('message', (e) => seen.push(e.data)); await scheduler.wait(1); seen.push('started'); port2.start(); await scheduler.wait(1); return seen",
            "started,early",
        ),
        (
            "const { port1, port2 } = new MessageChannel(); port2.onmessage = () => { throw new Error('not closed') }; port2.close(); port1.postMessage(1); await scheduler.wait(1); return 'quiet'",
            "quiet",
        ),
        (
            "const { port1, port2 } = new MessageChannel(); const buffer = new ArrayBuffer(3); const got = new Promise((resolve) => { port2.onmessage = (e) => resolve(e.data) }); port1.postMessage(buffer, [buffer]); return [buffer.byteLength, (await got).byteLength]",
            "0,3",
        ),
        (
            "const { port1, port2 } = new MessageChannel(); const seen = []; port1.onclose = () => seen.push('one'); port2.addEventListener('close', () => seen.push('other')); port1.close(); port1.close(); await scheduler.wait(1); return seen",
            "one,other",
        ),
        ("new MessageChannel().port1.postMessage(() => {})", "DataCloneError: () => {} could not be cloned."),
        ("new MessagePort()", "TypeError: Illegal constructor"),
    ]);
}

/// A script that collects what an EventSource hears until it fails.
const LISTEN: &str = "
    globalThis.seen = [];
    globalThis.listen = (source) => new Promise((resolve) => {
      source.onopen = () => seen.push('open');
      source.onmessage = (e) => seen.push(`${e.data}|${e.lastEventId}`);
      source.addEventListener('tick', (e) => seen.push(`tick ${e.data}`));
      source.onerror = () => resolve(seen);
    });
";

#[test]
fn events_are_read_from_a_stream() {
    let platform = Platform::start();
    platform.run(LISTEN);
    let chunks = "[': comment\\ndata: one\\n', '\\ndata:two\\r', '\\ndata: lines\\r\\nid: 7\\r\\n\\r\\nevent: ti', 'ck\\ndata\\n\\nevent: lost\\n\\ndata: unfinished\\n']";
    let script = format!(
        "const bytes = {chunks}.map((text) => new TextEncoder().encode(text)); const source = EventSource.from(ReadableStream.from(bytes)); const heard = await listen(source); return JSON.stringify([...heard, source.readyState])"
    );
    assert_eq!(platform.run(&script), r#"["open","one|","two\nlines|7","tick ",1]"#);
}

/// Answers the request under way.
fn answer(platform: &Platform, content_type: &str, text: &str) {
    platform.run_jobs();
    let (_, done) = platform.outside.requests.borrow_mut().remove(0);
    let response = IncomingResponse {
        status: 200,
        status_text: "OK".to_owned(),
        headers: [("content-type", content_type.as_bytes())].into_iter().collect(),
        body: IncomingBody::Bytes(text.as_bytes().to_vec()),
        url: "http://out.test/".to_owned(),
        redirected: false,
        web_socket: None,
    };
    done(platform.context, Ok(response));
}

#[test]
fn a_source_comes_back_with_the_last_events_id() {
    let platform = Platform::start();
    platform.run(LISTEN);
    let heard = platform.eval("listen(globalThis.source = new EventSource('http://out.test/'))");
    answer(&platform, "text/event-stream", "retry: 5\nid: 3\ndata: x\n\n");
    assert_eq!(platform.settle(&heard), "open,x|3");
    platform.run("await scheduler.wait(10)");
    let requests = platform.outside.requests.borrow();
    let (request, _) = &requests[0];
    assert_eq!(request.headers.get("last-event-id"), Some("3"));
}

#[test]
fn an_answer_of_another_kind_ends_a_source() {
    let platform = Platform::start();
    platform.run(LISTEN);
    let heard = platform.eval("listen(globalThis.source = new EventSource('http://out.test/'))");
    answer(&platform, "text/html", "<p>");
    assert_eq!(platform.settle(&heard), "");
    assert_eq!(platform.run("await scheduler.wait(9000); return source.readyState"), "2");
    assert!(platform.outside.requests.borrow().is_empty());
}

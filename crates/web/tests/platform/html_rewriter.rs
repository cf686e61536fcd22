//! HTMLRewriter: what each kind of handler sees and does, and how documents flow.

use crate::harness::{Platform, check};

/// `rewrite(html, set up)` gives the transformed text.
const HELPERS: &str = "
    globalThis.rewrite = (html, set) => { const r = new HTMLRewriter(); set(r); return r.transform(new Response(html)).text(); };
    globalThis.el = (html, change) => rewrite(html, (r) => r.on('p', { element: change }));
";

#[track_caller]
fn check_rewriter(cases: &[(&str, &str)]) {
    let platform = Platform::start();
    platform.run(HELPERS);
    for (script, expected) in cases {
        assert_eq!(platform.run(script), *expected, "{script}");
    }
}

#[test]
fn elements_are_changed() {
    check_rewriter(&[
        (
            "return el('<p>x</p>', (e) => { e.before('<b>'); e.after('<i>', { html: true }); })",
            "&lt;b&gt;<p>x</p><i>",
        ),
        ("return el('<p>x</p>', (e) => e.prepend('1').append('2'))", "<p>1x2</p>"),
        ("return el('a<p>x</p>b', (e) => e.replace('<hr>', { html: true }))", "a<hr>b"),
        ("return el('a<p>x</p>b', (e) => e.remove())", "ab"),
        ("return el('a<p>x</p>b', (e) => e.removeAndKeepContent())", "axb"),
        ("return el('<p>x</p>', (e) => e.setInnerContent('<y>'))", "<p>&lt;y&gt;</p>"),
        ("return el('<p>x</p>', (e) => { e.tagName = 'div' })", "<div>x</div>"),
        (
            "const seen = []; const out = await el('<p A=1 b=\"2\">x</p>', (e) => { seen.push(JSON.stringify([...e.attributes]), e.getAttribute('a'), e.getAttribute('z'), e.hasAttribute('B'), e.tagName, e.namespaceURI, e.removed); e.setAttribute('c', '\"'); e.removeAttribute('a'); seen.push(e.getAttribute('c'), e.hasAttribute('a')); }); return [...seen, out]",
            r#"[["a","1"],["b","2"]],1,,true,p,http://www.w3.org/1999/xhtml,false,",false,<p b="2" c="&quot;">x</p>"#,
        ),
        (
            "const seen = []; const out = await el('<p>x</p>', (e) => e.onEndTag((t) => { seen.push(t.name); t.before('!'); t.after('?'); })); return [...seen, out]",
            "p,<p>x!</p>?",
        ),
        ("return el('<p>x</p>', (e) => e.replace(new Response('<u>').body, { html: true }))", "<u>"),
        (
            "return rewrite('<p>x</p>', (r) => r.on('p', { element(e) { e.remove() } }).on('p', { element(e) { e.after(String(e.removed)) } }))",
            "true",
        ),
    ]);
}

#[test]
fn texts_comments_and_the_document_are_seen() {
    check_rewriter(&[
        (
            "const seen = []; await rewrite('<p>ab</p>', (r) => r.on('p', { text(t) { seen.push(JSON.stringify([t.text, t.lastInTextNode, t.removed])) } })); return seen.join(' ')",
            r#"["ab",false,false] ["",true,false]"#,
        ),
        (
            "return rewrite('<p>ab</p>', (r) => r.on('p', { text(t) { if (t.text) t.replace('<c>') } }))",
            "<p>&lt;c&gt;</p>",
        ),
        (
            "return rewrite('<p><!-- a --></p><!--b-->', (r) => r.on('p', { comments(c) { c.text += '!' } }).onDocument({ comments(c) { if (c.text === 'b') c.remove() } }))",
            "<p><!-- a !--></p>",
        ),
        (
            "const seen = []; const out = await rewrite('<!DOCTYPE html PUBLIC \"x\"><p>', (r) => r.onDocument({ doctype(d) { seen.push(d.name, d.publicId, d.systemId) }, end(e) { e.append('<end>', { html: true }) } })); return [...seen, out].join('|')",
            "html|x||<!DOCTYPE html PUBLIC \"x\"><p><end>",
        ),
        (
            "class Handler { n = 0; element(e) { this.n += 1; e.setAttribute('n', this.n) } } return rewrite('<p><p>', (r) => r.on('p', new Handler()))",
            r#"<p n="1"><p n="2">"#,
        ),
    ]);
}

#[test]
fn asynchronous_handlers_are_waited_for() {
    check_rewriter(&[
        (
            "const seen = []; const out = await rewrite('<p>a</p><p>b</p>', (r) => r.on('p', { async element(e) { seen.push('in'); await scheduler.wait(5); e.prepend('+'); seen.push('out'); }, async text(t) { await null; seen.push(t.text) } })); return [out, ...seen]",
            "<p>+a</p><p>+b</p>,in,out,a,,in,out,b,",
        ),
        ("return el('<p>a</p>', async () => { throw new RangeError('no') })", "RangeError: no"),
        ("return el('<p>a</p>', () => { throw new RangeError('no') })", "RangeError: no"),
    ]);
}

#[test]
fn selectors_choose_elements() {
    let html = r#"<div id=i class="c d"><a href=x></a><a></a></div><a title=T></a>"#;
    let platform = Platform::start();
    platform.run(HELPERS);
    let cases = [
        ("*", 4),
        ("a", 3),
        ("div a", 2),
        ("div > a", 2),
        (".c.d", 1),
        ("#i", 1),
        ("[href]", 1),
        ("[title=\"t\" i]", 1),
        ("[title=\"t\" s]", 0),
        ("[class~=d]", 1),
        ("[href^=x]", 1),
        ("[title$=T]", 1),
        ("[title*=T]", 1),
        ("a:nth-child(2)", 2),
        ("a:first-child", 1),
        ("a:nth-of-type(2)", 1),
        ("a:first-of-type", 2),
        ("a:not([href])", 2),
    ];
    for (selector, expected) in cases {
        let script = format!(
            "let n = 0; await rewrite('{html}', (r) => r.on('{selector}', {{ element() {{ n += 1 }} }})); return n"
        );
        assert_eq!(platform.run(&script), expected.to_string(), "{selector}");
    }
}

#[test]
fn mistakes_are_named() {
    check_rewriter(&[
        (
            "new HTMLRewriter().on('[1]', {})",
            "TypeError: Parser error: Missing attribute name in attribute selector.",
        ),
        (
            "new HTMLRewriter().transform(Response.error())",
            "TypeError: HTMLRewriter cannot transform an error response",
        ),
        (
            "new HTMLRewriter().transform('x')",
            "TypeError: Failed to execute 'transform' on 'HTMLRewriter': parameter 1 is not of type 'Response'.",
        ),
        (
            "let kept; await el('<p>', (e) => { kept = e }); kept.tagName",
            "TypeError: This content token is no longer valid. Content tokens are only valid during the execution of the relevant content handler.",
        ),
        (
            "return el('<p>', (e) => e.setAttribute('a b', ''))",
            "TypeError: Parser error: ` ` character is forbidden in the attribute name",
        ),
        (
            "return rewrite('<br>', (r) => r.on('br', { element(e) { e.onEndTag(() => {}) } }))",
            "TypeError: Parser error: No end tag.",
        ),
        ("return new HTMLRewriter().transform(new Response(null)).body", "null"),
    ]);
}

#[test]
fn open_elements_are_limited_in_memory() {
    check_rewriter(&[
        ("return (await rewrite('<i>'.repeat(5000), (r) => r.on('p', { element() {} }))).length", "15000"),
        (
            "return rewrite('<i>'.repeat(200000), (r) => r.on('p', { element() {} }))",
            "TypeError: Parser error: The memory limit has been exceeded.",
        ),
    ]);
}

#[test]
fn documents_stream_and_their_length_is_forgotten() {
    check(&[
        (
            "let pulls = 0; const source = new ReadableStream({ pull(c) { pulls += 1; c.enqueue(new TextEncoder().encode(`<p>${pulls}</p>`)) } }, { highWaterMark: 0 });
             const body = new HTMLRewriter().on('p', { element(e) { e.setAttribute('x', '') } }).transform(new Response(source)).body;
             const before = pulls, reader = body.getReader(), first = new TextDecoder().decode((await reader.read()).value);
             await reader.cancel(); return [before, pulls <= 2, first.startsWith('<p x')]",
            "0,true,true",
        ),
        (
            "let reason; const source = new ReadableStream({ pull(c) { c.enqueue(new TextEncoder().encode('<p>')) }, cancel(r) { reason = r.message } });
             await new HTMLRewriter().on('p', { element() { throw new Error('stop') } }).transform(new Response(source)).text().catch(() => {}); return reason",
            "stop",
        ),
        (
            "const r = new HTMLRewriter().transform(new Response('<p>', { headers: { 'content-length': '3', a: 'b' }, status: 404 })); return [r.headers.get('content-length'), r.headers.get('a'), r.status]",
            ",b,404",
        ),
        (
            "const bytes = new Uint8Array([0x3c, 0x70, 0x3e, 0xe4]); let text = ''; await new HTMLRewriter().on('p', { text(t) { text += t.text } }).transform(new Response(bytes, { headers: { 'content-type': 'text/html; charset=iso-8859-1' } })).text(); return text",
            "ä",
        ),
    ]);
}

//! What needs no network: headers, URLs, text, events, forms, blobs.

use crate::harness::check;

#[test]
fn headers_are_normalised_joined_and_sorted() {
    check(&[
        ("return new Headers({ 'X-B': ' 1 ', a: 2 }).get('x-b')", "1"),
        (
            "const h = new Headers([['B', '1'], ['a', '2'], ['b', '3']]); return JSON.stringify([...h])",
            r#"[["a","2"],["b","1, 3"]]"#,
        ),
        (
            "const h = new Headers(); h.append('Set-Cookie', 'a=1'); h.append('set-cookie', 'b=2'); h.set('a', 'x'); return JSON.stringify([[...h], h.getSetCookie(), h.getAll('Set-Cookie')])",
            r#"[[["a","x"],["set-cookie","a=1"],["set-cookie","b=2"]],["a=1","b=2"],["a=1","b=2"]]"#,
        ),
        ("return new Headers().get('nothing')", "null"),
        (
            "const h = new Headers(); for (let i = 0; i < 1100; i++) h.set(`X-${i}`, i); const long = 'Y'.repeat(100); h.set(long, 1); return [h.get('x-1099'), h.has(long), [...h].length]",
            "1099,true,1101",
        ),
        ("return [...new Headers(new Headers({ a: 1 })).keys()]", "a"),
        ("const h = new Headers({ a: 1 }); h.delete('A'); return h.has('a')", "false"),
        ("const h = new Headers(), seen = []; h.set('ä', 1)", "TypeError: Invalid header name."),
        ("new Headers({ a: 'x\\ny' })", "TypeError: Invalid header value."),
        ("return new Headers({ a: 'ü€' }).get('a')", "ü€"),
        (
            "new Headers().getAll('a')",
            "TypeError: getAll() can only be used with the header name \"Set-Cookie\".",
        ),
        (
            "new Headers().append('a')",
            "TypeError: Failed to execute 'append' on 'Headers': parameter 2 is not of type 'string'.",
        ),
        (
            "new Headers([['a']])",
            "TypeError: To initialize a Headers object from a sequence, each inner sequence must have exactly two elements.",
        ),
        (
            "return [...new Headers({ [Symbol.for('hognose.textPairs')]: () => ({ length: 1e9 }), *[Symbol.iterator]() { yield ['x', 'y'] } })]",
            "x,y",
        ),
        (
            "return Object.prototype.toString.call(new Headers()) + new Headers().constructor.name",
            "[object Headers]Headers",
        ),
    ]);
}

#[test]
fn urls_follow_the_standard() {
    check(&[
        ("return new URL('HTTP://Example.com:80/a/../b?x=1#y').href", "http://example.com/b?x=1#y"),
        (
            "const u = new URL('../c', 'https://u:p@h:8080/a/b/'); return [u.protocol, u.username, u.password, u.host, u.hostname, u.port, u.pathname, u.search, u.hash, u.origin]",
            "https:,u,p,h:8080,h,8080,/a/c,,,https://h:8080",
        ),
        ("new URL('/x')", "TypeError: Invalid URL string."),
        (
            "return ['a:/.//b', 'mailto:c@d?e', 'file:///f?', 'http://g@h/#', 'http://[::1]:8/i#?j'].map((text) => { const u = new URL(text); return [u.protocol, u.username, u.host, u.hostname, u.port, u.pathname, u.search, u.hash, u.origin].join(' ') }).join('|')",
            "a:     //b   null|mailto:     c@d ?e  null|file:     /f   null|http: g h h  /   http://h|http:  [::1]:8 [::1] 8 /i  #?j http://[::1]:8",
        ),
        (
            "const u = new URL('http://h/?a=1'); const p = u.searchParams; u.href = 'https://i/?b=2'; return [u.host, u.search, p.get('b'), p.has('a')]",
            "i,?b=2,2,false",
        ),
        (
            "return [URL.canParse('x'), URL.canParse('x', 'http://h'), URL.parse('x'), URL.parse('x', 'http://h').href]",
            "false,true,,http://h/x",
        ),
        (
            "const u = new URL('http://h/'); u.pathname = '/a b'; u.port = '99999'; u.hash = 'x'; u.searchParams.append('q', 'ä'); return u",
            "http://h/a%20b?q=%C3%A4#x",
        ),
        (
            "const u = new URL('http://h/?a=1'); const p = u.searchParams; u.search = '?b=2'; return [p.get('b'), p.has('a'), p === u.searchParams]",
            "2,false,true",
        ),
        ("return JSON.stringify({ u: new URL('http://h') })", r#"{"u":"http://h/"}"#),
        ("URL.createObjectURL()", "Error: URL.createObjectURL() is not implemented"),
        (
            "const p = new URLSearchParams('?a=1&b=2&a=3'); p.delete('a', '1'); p.set('c', 'x y'); p.sort(); return `${p}|${p.size}|${p.getAll('a')}|${p.has('b', '3')}`",
            "a=3&b=2&c=x+y|3|3|false",
        ),
        (
            "return new URLSearchParams({ a: '1', b: '&' }).toString() + new URLSearchParams([['x', 'y']])",
            "a=1&b=%26x=y",
        ),
        (
            "return [...new URLSearchParams('a=1&b=2')].join(';') + [...new URLSearchParams('a=1').keys()]",
            "a,1;b,2a",
        ),
    ]);
}

#[test]
fn text_is_encoded_and_decoded() {
    check(&[
        ("return new TextEncoder().encode('aä€😀')", "97,195,164,226,130,172,240,159,152,128"),
        (
            "const b = new Uint8Array(4); const r = new TextEncoder().encodeInto('aä€', b); return [r.read, r.written, ...b]",
            "2,3,97,195,164,0",
        ),
        ("return new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61, 0xff]))", "a\u{fffd}"),
        (
            "return new TextDecoder('utf-8', { ignoreBOM: true }).decode(new Uint8Array([0xef, 0xbb, 0xbf])).length",
            "1",
        ),
        (
            "new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([0xff]))",
            "TypeError: Failed to decode input.",
        ),
        (
            "const d = new TextDecoder(); return d.decode(new Uint8Array([0xe2, 0x82]), { stream: true }) + '|' + d.decode(new Uint8Array([0xac]), { stream: true }) + d.decode()",
            "|€",
        ),
        (
            "return new TextDecoder('latin1').encoding + new TextDecoder('shift_jis').decode(new Uint8Array([0x82, 0xa0]))",
            "windows-1252あ",
        ),
        ("new TextDecoder('nope')", "RangeError: \"nope\" is not a valid encoding."),
        ("new TextDecoder('replacement')", "RangeError: \"replacement\" is not a valid encoding."),
        ("return btoa('hé') + atob(' aGk= ')", "aOk=hi"),
        (
            "btoa('€')",
            "InvalidCharacterError: btoa() can only operate on characters in the Latin1 (ISO/IEC 8859-1) range.",
        ),
        ("try { atob('a') } catch (e) { return e.name + e.code }", "InvalidCharacterError5"),
    ]);
}

#[test]
fn events_reach_their_listeners() {
    check(&[
        (
            "const t = new EventTarget(), seen = []; t.addEventListener('x', e => seen.push(e.type, e.target === t, e.eventPhase), { once: true }); t.addEventListener('x', { handleEvent(e) { seen.push(this !== t) } }); t.dispatchEvent(new Event('x')); t.dispatchEvent(new Event('x')); return seen",
            "x,true,2,true,true",
        ),
        (
            "const t = new EventTarget(), seen = []; const f = () => seen.push(1); t.addEventListener('x', f); t.addEventListener('x', f); t.removeEventListener('x', f); t.dispatchEvent(new Event('x')); return seen.length",
            "0",
        ),
        (
            "const t = new EventTarget(); t.addEventListener('x', e => e.preventDefault()); return [t.dispatchEvent(new Event('x')), t.dispatchEvent(new Event('x', { cancelable: true }))]",
            "true,false",
        ),
        (
            "new EventTarget().addEventListener('x', () => {}, true)",
            "TypeError: addEventListener(): options.capture must be false.",
        ),
        (
            "const e = new CustomEvent('x', { detail: 7 }); return [e.detail, e instanceof Event, String(e)]",
            "7,true,[object CustomEvent]",
        ),
        (
            "const c = new AbortController(), seen = []; c.signal.onabort = e => seen.push(e.type, e.target === c.signal); c.abort(); return [...seen, c.signal.aborted, c.signal.reason]",
            "abort,true,true,AbortError: The operation was aborted",
        ),
        ("AbortSignal.abort('why').throwIfAborted()", "why"),
        (
            "const s = AbortSignal.timeout(5); await scheduler.wait(10); s.throwIfAborted()",
            "TimeoutError: The operation was aborted due to timeout",
        ),
        (
            "const c = new AbortController(), s = AbortSignal.any([c.signal, AbortSignal.timeout(1e6)]); c.abort(3); return s.reason",
            "3",
        ),
        ("new AbortSignal()", "TypeError: Illegal constructor"),
        (
            "const c = new AbortController(); const p = scheduler.wait(1000, { signal: c.signal }); c.abort('stop'); await p",
            "stop",
        ),
        (
            "return [self === globalThis, navigator.userAgent, typeof performance.now(), origin]",
            "true,Cloudflare-Workers,number,null",
        ),
    ]);
}

#[test]
fn an_error_in_a_listener_or_timer_is_reported_and_others_go_on() {
    let platform = crate::harness::Platform::start();
    let found = platform.run(
        "const t = new EventTarget(), seen = [];
         addEventListener('error', (e) => { seen.push(e.message); if (e.error.message === 'quiet') e.preventDefault(); });
         t.addEventListener('x', () => { throw new Error('quiet') });
         t.addEventListener('x', () => { seen.push('second') });
         t.dispatchEvent(new Event('x'));
         setTimeout(() => { throw new TypeError('loud') });
         queueMicrotask(() => { throw 7 });
         await scheduler.wait(1);
         return seen.join('; ')",
    );
    assert_eq!(found, "Uncaught Error: quiet; second; Uncaught 7; Uncaught TypeError: loud");
    assert_eq!(*platform.outside.reported.borrow(), ["7", "TypeError: loud"]);
}

#[test]
fn rejections_that_nobody_handles_are_reported() {
    let platform = crate::harness::Platform::start();
    let (promise, reason) = (platform.eval("Promise.reject(1)"), platform.eval("new Error('lost')"));
    promise.mark_handled();
    platform.web.report_unhandled_rejection(&promise, &reason).unwrap();
    assert_eq!(platform.outside.reported.borrow().as_slice(), ["Error: lost"]);
    platform.run(
        "globalThis.seen = [];
         addEventListener('unhandledrejection', (e) => { seen.push(e.type, e.reason.message, e.promise instanceof Promise); e.preventDefault() });
         addEventListener('rejectionhandled', (e) => { seen.push(e.type) });",
    );
    platform.web.report_unhandled_rejection(&promise, &reason).unwrap();
    platform.web.report_handled_rejection(&promise, &reason).unwrap();
    assert_eq!(platform.run("return seen"), "unhandledrejection,lost,true,rejectionhandled");
    assert_eq!(platform.outside.reported.borrow().len(), 1);
}

#[test]
fn timers_run_in_order_with_their_arguments() {
    check(&[
        (
            "const seen = []; setTimeout((...a) => seen.push(...a), 5, 'b', 'c'); setTimeout(() => seen.push('a')); await scheduler.wait(6); return seen",
            "a,b,c",
        ),
        (
            "let n = 0; await new Promise(r => { const id = setInterval(() => { if (++n === 3) { clearInterval(id); r() } }, 1) }); return n",
            "3",
        ),
        (
            "const id = setTimeout(() => { throw 1 }, 1); clearTimeout(id); clearTimeout(undefined); clearTimeout('x'); await scheduler.wait(2); return typeof id",
            "number",
        ),
        (
            "setTimeout('alert()', 0)",
            "TypeError: Failed to execute 'setTimeout' on 'ServiceWorkerGlobalScope': parameter 1 is not of type 'function'.",
        ),
        ("const f = setTimeout; await new Promise(r => f(r, NaN)); return 'ok'", "ok"),
    ]);
}

#[test]
fn blobs_and_files_hold_bytes() {
    check(&[
        (
            "const b = new Blob(['aä', new Uint8Array([98]), new Blob(['c'])], { type: 'Text/Plain' }); return [b.size, b.type, await b.text(), await b.slice(-2).text()]",
            "5,text/plain,aäbc,bc",
        ),
        ("const b = new Blob(['xy']); const a = await b.bytes(); a[0] = 0; return b.text()", "xy"),
        (
            "const f = new File(['1'], 'n.txt', { lastModified: 5 }); return [f.name, f.lastModified, f.size, f instanceof Blob, f.constructor.name]",
            "n.txt,5,1,true,File",
        ),
        (
            "let s = ''; for await (const c of new Blob(['stream']).stream()) s += new TextDecoder().decode(c); return s",
            "stream",
        ),
        (
            "new Blob('x')",
            "TypeError: Failed to execute 'constructor' on 'Blob': parameter 1 is not of type 'Array'.",
        ),
        (
            "const big = new Blob([new Uint8Array(64 * 1024 * 1024)]); return new Blob([big, big]).size",
            "134217728",
        ),
        (
            "const big = new Blob([new Uint8Array(64 * 1024 * 1024)]); new Blob([big, big, 'x'])",
            "RangeError: Blob size 134217729 exceeds limit 134217728",
        ),
    ]);
}

#[test]
fn forms_survive_both_of_their_texts() {
    check(&[
        (
            "const f = new FormData(); f.append('a', '1'); f.append('a', 2); f.set('b', new Blob(['x']), 'n'); return [f.getAll('a'), f.get('b').name, f.has('c'), f.get('c'), [...f.keys()]]",
            "1,2,n,false,,a,a,b",
        ),
        (
            "const f = new FormData(); f.append('a', '1\\n2'); f.append('f', new File(['\\0\\r\\n--'], 'x\"y', { type: 'a/b' })); const g = await new Response(f).formData(); const file = g.get('f'); return JSON.stringify([g.get('a'), file.name, file.type, await file.text()])",
            r#"["1\r\n2","x\"y","a/b","\u0000\r\n--"]"#,
        ),
        (
            "const g = await new Response(new URLSearchParams('a=1&b=%20x+y')).formData(); return [...g].join(';')",
            "a,1;b, x y",
        ),
        (
            "await new Response('x').formData()",
            "TypeError: Unrecognized Content-Type header value. FormData can only parse the following MIME types: multipart/form-data, application/x-www-form-urlencoded",
        ),
        (
            "await new Response(new Uint8Array(1)).formData()",
            "TypeError: Parsing a Body as FormData requires a Content-Type header.",
        ),
        (
            "new FormData().append('a', 'b', 'name')",
            "TypeError: Failed to execute 'append' on 'FormData': parameter 2 is not of type 'Blob'.",
        ),
    ]);
}

#[test]
fn random_values_come_from_the_host() {
    check(&[
        ("return crypto.randomUUID()", "01020304-0506-4708-890a-0b0c0d0e0f10"),
        ("const a = new Uint16Array(2); return crypto.getRandomValues(a) === a && a.some(Boolean)", "true"),
        ("return crypto.getRandomValues(new Uint8Array(65536)).length", "65536"),
        (
            "crypto.getRandomValues(new Uint8Array(65537))",
            "QuotaExceededError: getRandomValues() only accepts buffers of size <= 64K but provided 65537 bytes.",
        ),
        (
            "try { crypto.getRandomValues(new Float32Array(1)) } catch (e) { return e.name }",
            "TypeMismatchError",
        ),
    ]);
}

#[test]
fn iterators_of_a_form_go_on_after_their_end() {
    check(&[
        (
            "const form = new FormData(); const keys = form.keys(); const before = keys.next().done;
             form.append('a', '1'); return [before, keys.next().value, keys.next().done]",
            "true,a,true",
        ),
        (
            "const form = new FormData(); form.set('a', new File(['x'], 'x\\\\')); new Response(form)",
            "TypeError: Name or filename can't end with backslash",
        ),
    ]);
}

#[test]
fn workerd_refuses_what_its_events_do_not_have() {
    check(&[
        (
            "new EventTarget().addEventListener('a', () => {}, { passive: true })",
            "TypeError: addEventListener(): options.passive must be false.",
        ),
        ("new ExtendableEvent('a')", "TypeError: Illegal constructor"),
        (
            "const { signal } = new AbortController(); const o = {}; signal.onabort = o; return signal.onabort === o",
            "true",
        ),
        (
            "reportError()",
            "TypeError: Failed to execute 'reportError' on 'ServiceWorkerGlobalScope': parameter 1 is not of type 'Value'.",
        ),
        (
            "const seen = []; const listen = ({ message }) => { seen.push(message); throw new Error('in the listener') }; addEventListener('error', listen); reportError('told'); removeEventListener('error', listen); return seen",
            "Uncaught told",
        ),
        (
            "addEventListener('error', () => true, { once: true }); reportError(new Error('on purpose')); return 'quiet'",
            "quiet",
        ),
    ]);
}

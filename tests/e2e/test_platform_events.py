"""Texts, events, HTMLRewriter and modules, as a Worker in Python uses them."""

import pytest
from test_web import run


# Texts, bytes and copies.
ENCODINGS = [
    ("js.TextEncoder.new().encode('é').to_bytes()", "b'\\xc3\\xa9'"),
    (
        "b = js.Uint8Array.new(3)\nr = js.TextEncoder.new().encodeInto('aéb', b)\n"
        "(r.read, r.written, b.to_bytes())",
        "(2, 3, b'a\\xc3\\xa9')",
    ),
    ("d = js.TextDecoder.new()\nd.decode(b'\\xc3', stream=True) + d.decode(b'\\xa9')", "'é'"),
    (
        "[js.TextDecoder.new(l).decode(b) for l, b in (('shift_jis', b'\\x83e'), ('utf-16le', "
        "b'a\\0'), ('gbk', b'\\xc4\\xe3'), ('iso-8859-2', b'\\xb1'))]",
        "['テ', 'a', '你', 'ą']",
    ),
    ("js.btoa('a'), js.atob('YQ==')", "('YQ==', 'a')"),
    (
        "js.btoa('€')",
        "InvalidCharacterError: btoa() can only operate on characters in the Latin1 (ISO/IEC "
        "8859-1) range.",
    ),
    ("js.structuredClone(options(a=js.Date.new(0), m=js.Map.new([[1, 2]]))).m.to_py()", "{1: 2}"),
    ("b = js.ArrayBuffer.new(4)\nc = js.structuredClone(b, transfer=[b])\n(b.byteLength, c.byteLength)", "(0, 4)"),
    ("js.TextDecoder.new('utf-8', fatal=True).decode(b'\\xff')", "TypeError: Failed to decode input."),
    ("js.TextDecoder.new('x')", 'RangeError: "x" is not a valid encoding.'),
    ("js.TextDecoder.new('replacement')", 'RangeError: "replacement" is not a valid encoding.'),
    (
        "e = js.Error.new('m')\ne.code = 'X'\ne.name = 'MyError'\ncopy = js.structuredClone(e)\n"
        "(copy.name, copy.message, copy.code)",
        "('MyError', 'm', 'X')",
    ),
]

# Events, timers and signals.
EVENTS = [
    (
        "f = asyncio.Future()\n"
        "js.setTimeout(create_proxy(lambda a, b: f.set_result((a, b))), 1, 'x', 2)\nawait f",
        "('x', 2)",
    ),
    (
        "x = []\ni = js.setTimeout(create_proxy(lambda: x.append(1)), 1)\njs.clearTimeout(i)\n"
        "await js.scheduler.wait(1)\nx",
        "[]",
    ),
    (
        "x = []\nf = asyncio.Future()\ndef tick():\n    x.append(1)\n"
        "    if len(x) == 3: js.clearInterval(i); f.set_result(x)\n"
        "i = js.setInterval(create_proxy(tick), 1)\nawait f",
        "[1, 1, 1]",
    ),
    ("f = asyncio.Future()\njs.queueMicrotask(create_proxy(lambda: f.set_result(1)))\nawait f", "1"),
    (
        "c = js.AbortController.new()\np = js.scheduler.wait(1000, signal=c.signal)\nc.abort()\nawait p",
        "AbortError: The operation was aborted",
    ),
    ("(js.AbortSignal.any([js.AbortSignal.abort('x')]).reason, js.AbortSignal.abort('y').reason)", "('x', 'y')"),
    (
        "f = asyncio.Future()\ns = js.AbortSignal.timeout(1)\n"
        "s.onabort = create_proxy(f.set_result)\nawait f\n(s.aborted, s.reason.name, s.reason.message)",
        "(True, 'TimeoutError', 'The operation was aborted due to timeout')",
    ),
    (
        "e = js.CustomEvent.new('x', detail=5, cancelable=True)\ne.preventDefault()\n"
        "(e.type, e.detail, e.defaultPrevented, e.cancelable)",
        "('x', 5, True, True)",
    ),
    (
        "js.EventTarget.new().addEventListener('x', create_proxy(lambda e: 1), options(capture=True))",
        "TypeError: addEventListener(): options.capture must be false.",
    ),
    (
        "n = []\nt = js.EventTarget.new()\nf = create_proxy(lambda e: n.append(1))\n"
        "t.addEventListener('x', f, once=True)\nt.dispatchEvent(js.Event.new('x'))\n"
        "t.dispatchEvent(js.Event.new('x'))\nn",
        "[1]",
    ),
    (
        "n = []\nt = js.EventTarget.new()\nf = create_proxy(lambda e: n.append(1))\n"
        "t.addEventListener('x', f)\nt.removeEventListener('x', f)\n"
        "t.dispatchEvent(js.Event.new('x'))\nn",
        "[]",
    ),
    (
        "class L:\n    def handleEvent(self, e): n.append(e.type)\nn = []\nt = js.EventTarget.new()\n"
        "t.addEventListener('x', create_proxy(L()))\nt.dispatchEvent(js.Event.new('x'))\nn",
        "['x']",
    ),
    (
        "n = []\nt = js.EventTarget.new()\nc = js.AbortController.new()\n"
        "t.addEventListener('x', create_proxy(lambda e: n.append(1)), signal=c.signal)\nc.abort()\n"
        "t.dispatchEvent(js.Event.new('x'))\nn",
        "[]",
    ),
    ("[getattr(js, n).new('t').type for n in ('ErrorEvent', 'MessageEvent', 'CloseEvent')]", "['t', 't', 't']"),
    ("e = js.MessageEvent.new('message', data='d')\ne.data", "'d'"),
    (
        "e = js.CloseEvent.new('close', code=1000, reason='r', wasClean=True)\n"
        "(e.code, e.reason, e.wasClean)",
        "(1000, 'r', True)",
    ),
    ("e = js.ErrorEvent.new('error', message='m', error=5)\n(e.message, e.error)", "('m', 5)"),
    (
        "c = js.MessageChannel.new()\nf = asyncio.Future()\n"
        "c.port1.onmessage = create_proxy(lambda e: f.set_result(e.data))\nc.port2.postMessage('hi')\n"
        "await f",
        "'hi'",
    ),
    (
        "f = asyncio.Future()\ns = js.EventSource.new('http://service.test/events')\nx = []\n"
        "s.onmessage = create_proxy(lambda e: x.append(e.data))\n"
        "s.addEventListener('x', create_proxy(lambda e: f.set_result((e.data, e.lastEventId))))\n"
        "r = await f\ns.close()\n(x, r, s.readyState, s.withCredentials)",
        "(['one'], ('two\\nthree', '7'), 2, False)",
    ),
    (
        "s = js.EventSource.from_(Response.new('data: hi\\n\\n').body)\nf = asyncio.Future()\n"
        "s.onmessage = create_proxy(lambda e: f.set_result(e.data))\nawait f",
        "'hi'",
    ),
    ("js.performance.clearMarks()\njs.performance.getEntriesByType('mark').length", "0"),
    (
        "n = js.navigator\n"
        "(n.userAgent, n.hardwareConcurrency, n.platform, n.language, n.languages.to_py(), "
        "n.sendBeacon('http://service.test/echo', 'x'))",
        "('Cloudflare-Workers', 1, '', 'en', ['en'], True)",
    ),
    ("d = js.DOMException.new('m', 'NotFoundError')\n(d.name, d.message, d.code)", "('NotFoundError', 'm', 8)"),
    ("js.WorkerGlobalScope.new()", "TypeError: Illegal constructor"),
]

# Numbers and dates in the one locale that is there.
LOCALES = [
    (
        "[js.Number.new(n).toLocaleString() for n in (0, -1234567.5, 999.9996, 0.0004, 1.5e21)]",
        "['0', '-1,234,567.5', '1,000', '0', '1,500,000,000,000,000,000,000']",
    ),
    ("js.Array.of(1234, js.BigInt('12345678901234567890')).toLocaleString('en-US')", "'1,234,12,345,678,901,234,567,890'"),
    (
        "d = js.Date.new(2024, 0, 2, 13, 4, 5)\n(d.toLocaleString(), d.toLocaleDateString(), d.toLocaleTimeString())",
        "('1/2/2024, 1:04:05 PM', '1/2/2024', '1:04:05 PM')",
    ),
    ("js.Date.new(js.NaN).toLocaleString()", "'Invalid Date'"),
    (
        "js.Date.new(0).toLocaleDateString('de-DE')",
        "Error: Date.prototype.toLocaleDateString knows no locale but en-US, and no options: "
        "this version of hognose does not have Intl yet.",
    ),
    (
        "js.Number.new(1).toLocaleString('en-US', style='percent')",
        "Error: Number.prototype.toLocaleString knows no locale but en-US, and no options: "
        "this version of hognose does not have Intl yet.",
    ),
    ("js.Number.prototype.toLocaleString.call('x')", "TypeError: not a number"),
]

# HTMLRewriter with Python objects for handlers.
REWRITER = [
    (
        "class H:\n    def element(self, e):\n        e.setAttribute('x', '1')\n"
        "        e.setInnerContent('<b>', html=True)\n"
        "await js.HTMLRewriter.new().on('p', "
        "create_proxy(H())).transform(Response.new('<p>a</p>')).text()",
        "'<p x=\"1\"><b></p>'",
    ),
    (
        "class H:\n    def element(self, e):\n"
        "        self.seen = (e.tagName, [list(a) for a in e.attributes], e.removed, "
        "e.namespaceURI, e.getAttribute('id'), e.getAttribute('no'), e.hasAttribute('id'))\n"
        "        e.removeAttribute('id')\n"
        "        e.before('[').after(']').prepend('<', options(html=False)).append('>')\nh = H()\n"
        "(await js.HTMLRewriter.new().on('p', create_proxy(h)).transform(Response.new('<p "
        "id=a>t</p>')).text(), h.seen)",
        "('[<p>&lt;t&gt;</p>]', ('p', [['id', 'a']], False, 'http://www.w3.org/1999/xhtml', "
        "'a', jsnull, True))",
    ),
    (
        "class H:\n    def comments(self, c):\n        c.text = c.text.upper()\n"
        "    def text(self, t):\n        if t.lastInTextNode: t.after('!')\n    def doctype(self, d):\n"
        "        seen.append((d.name, d.publicId, d.systemId))\n    def end(self, e):\n"
        "        e.append('END')\nseen = []\n"
        "page = Response.new('<!doctype html>a<!--c-->')\n"
        "(await js.HTMLRewriter.new().onDocument(create_proxy(H())).transform(page).text(), seen)",
        "('<!doctype html>a!<!--C-->END', [('html', jsnull, jsnull)])",
    ),
    (
        "class H:\n    async def element(self, e):\n        await asyncio.sleep(0)\n"
        "        e.replace('x')\n"
        "await js.HTMLRewriter.new().on('p', "
        "create_proxy(H())).transform(Response.new('<p>a</p>b')).text()",
        "'xb'",
    ),
    (
        "class H:\n    def element(self, e): e.removeAndKeepContent()\n"
        "await js.HTMLRewriter.new().on('b', "
        "create_proxy(H())).transform(Response.new('a<b>c</b>')).text()",
        "'ac'",
    ),
    (
        "class H:\n    def element(self, e): e.replace(Response.new('<i>s</i>'), html=True)\n"
        "await js.HTMLRewriter.new().on('b', "
        "create_proxy(H())).transform(Response.new('a<b>c</b>')).text()",
        "'a<i>s</i>'",
    ),
    (
        "class H:\n"
        "    def element(self, e): e.tagName = 'u'; e.onEndTag(create_proxy(lambda t: t.before('.')))\n"
        "await js.HTMLRewriter.new().on('b', "
        "create_proxy(H())).transform(Response.new('a<b>c</b>')).text()",
        "'a<u>c.</u>'",
    ),
    (
        "js.HTMLRewriter.new().transform(Response.error())",
        "TypeError: HTMLRewriter cannot transform an error response",
    ),
    ("js.HTMLRewriter.new().transform(Response.new(None)).body", "jsnull"),
    (
        "await js.HTMLRewriter.new().on('p', element=create_proxy(lambda e: "
        "e.remove())).transform(Response.new('<p>a</p>b')).text()",
        "'b'",
    ),
    (
        "await js.HTMLRewriter.new().on('p', {'element': create_proxy(lambda e: "
        "e.remove())}).transform(Response.new('<p>a</p>b')).text()",
        "'b'",
    ),
]

# Modules and contexts.
MODULES = [
    (
        "m = import_from_javascript('cloudflare:email').EmailMessage.new('a@b.c', 'd@e.f', 'raw')\n"
        "(getattr(m, 'from'), m.to)",
        "('a@b.c', 'd@e.f')",
    ),
    ("js.Object.prototype.toString.call(ctx)", "'[object ExecutionContext]'"),
    (
        "ctx.tracing.enterSpan('name', lambda span, a: (span.isTraced, "
        "span.setAttribute('a', 1).isTraced, a), 5)",
        "(False, False, 5)",
    ),
    (
        "async def work(span):\n    await asyncio.sleep(0)\n    return span.isTraced\n"
        "await ctx.tracing.enterSpan('name', work)",
        "False",
    ),
    ("ctx.cache", "None"),
    (
        "w = import_from_javascript('cloudflare:workers')\n"
        "w.withEnvAndExports(options(A=1), options(B=2), lambda: (w.env.A, w.exports.B))",
        "(1, 2)",
    ),
    ("js.eval('1')", "EvalError: Code generation from strings disallowed for this context"),
    ("js.Function.new('return 1')", "EvalError: Code generation from strings disallowed for this context"),
    (
        "[hasattr(js, n) for n in ('SharedArrayBuffer', 'Atomics', 'WeakRef', 'FinalizationRegistry')]",
        "[True, True, True, True]",
    ),
]


@pytest.mark.parametrize(("code", "value"), ENCODINGS + EVENTS + LOCALES + REWRITER + MODULES)
def test_what_else_is_global(platform, code, value):
    assert run(platform, code) == value

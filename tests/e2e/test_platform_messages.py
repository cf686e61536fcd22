"""Requests, responses and what they are made of, as a Worker in Python uses them."""

import pytest
from test_web import run


# What goes out and comes back; `sent` gives what the other side saw.
FETCH = [
    (
        "r = await js.fetch('http://service.test/echo')\nd = (await r.json()).to_py()\n"
        "(r.status, r.ok, r.url, r.redirected, d['method'])",
        "(200, True, 'http://service.test/echo', False, 'GET')",
    ),
    (
        "d = await sent(method='POST', body='hi', headers=options(**{'x-a': 'b'}))\n"
        "(d['method'], d['body'], d['headers']['x-a'], d['headers']['content-type'])",
        "('POST', 'hi', 'b', 'text/plain;charset=UTF-8')",
    ),
    (
        "d = await sent({'method': 'POST', 'body': b'hi', 'headers': options(**{'x-a': 'b'})})\n"
        "(d['method'], d['body'], d['headers']['x-a'])",
        "('POST', 'hi', 'b')",
    ),
    (
        "d = await sent(method='PUT', body=memoryview(b'hi'))\n"
        "(d['method'], d['body'], d['headers'].get('content-length'))",
        "('PUT', 'hi', '2')",
    ),
    (
        "async def parts():\n    yield b'one'\n    yield b'two'\n"
        "d = await sent(method='POST', body=create_proxy(parts()))\n"
        "(d['body'], d['headers'].get('transfer-encoding'))",
        "('onetwo', 'chunked')",
    ),
    (
        "async def parts():\n    yield b'one'\n    yield b'two'\n"
        "d = await sent(method='POST', body=parts())\nd['body']",
        "'onetwo'",
    ),
    (
        "def parts():\n    yield b'one'\n    yield b'two'\n"
        "d = await sent(method='POST', body=parts())\nd['body']",
        "'onetwo'",
    ),
    ("d = await sent(method='POST', body=Response.new('st').body)\nd['body']", "'st'"),
    (
        "d = (await (await js.fetch(Request.new('http://service.test/echo', method='POST', "
        "body='x'))).json()).to_py()\n(d['method'], d['body'])",
        "('POST', 'x')",
    ),
    (
        "d = (await (await js.fetch(Request.new('http://service.test/echo', method='POST', "
        "body='x'), method='PUT')).json()).to_py()\n(d['method'], d['body'])",
        "('PUT', 'x')",
    ),
    ("await js.fetch('ftp://a/')", "TypeError: Fetch API cannot load: ftp://a/"),
    ("await js.fetch('ws://a/')", "TypeError: Fetch API cannot load: ws://a/"),
    ("await js.fetch('http://service.test/loop')", "TypeError: Too many redirects."),
    (
        "r = await js.fetch('http://service.test/redirect/302?/echo')\n(r.status, r.redirected, r.url)",
        "(200, True, 'http://service.test/echo')",
    ),
    (
        "r = await js.fetch('http://service.test/redirect/302', redirect='manual')\n"
        "(r.status, r.headers.get('location'))",
        "(302, '/echo')",
    ),
    (
        "d = (await (await js.fetch('http://service.test/redirect/303', method='POST', "
        "body='x')).json()).to_py()\n(d['method'], d['body'])",
        "('GET', '')",
    ),
    (
        "d = (await (await js.fetch('http://service.test/redirect/307', method='POST', "
        "body='x')).json()).to_py()\n(d['method'], d['body'])",
        "('POST', 'x')",
    ),
    (
        "d = (await (await "
        "js.fetch('http://service.test/redirect/302?http://other.test/echo', "
        "headers=options(authorization='x', cookie='c'))).json()).to_py()\n"
        "(d['headers'].get('authorization'), d['headers'].get('cookie'))",
        "(None, 'c')",
    ),
    (
        "d = (await (await js.fetch('http://service.test/redirect/302?/echo', "
        "headers=options(authorization='x'))).json()).to_py()\n(d['headers'].get('authorization'))",
        "'x'",
    ),
    (
        "r = await js.fetch('http://service.test/gzip')\n"
        "(await r.text(), r.headers.get('content-encoding'))",
        "('zipped', 'gzip')",
    ),
    (
        "r = await js.fetch('http://service.test/gzip', encodeResponseBody='manual')\n"
        "(await r.bytes()).to_bytes()[:2]",
        "b'\\x1f\\x8b'",
    ),
    (
        "r = await js.fetch('http://service.test/echo')\nr.headers.set('a', 'b')",
        "TypeError: Can't modify immutable headers.",
    ),
    (
        "r = await js.fetch('http://service.test/echo')\nr = Response.new(r.body, r)\n"
        "r.headers.set('a', 'b')\nr.headers.get('a')",
        "'b'",
    ),
    (
        "await js.fetch('http://service.test/echo', signal=js.AbortSignal.abort())",
        "AbortError: The operation was aborted",
    ),
    ("r = await js.fetch('http://service.test/big')\nn = 0\nasync for c in r.body: n += len(c)\nn", "300000"),
    ("r = await js.fetch('http://service.test/big')\nb = await r.blob()\n(b.size, b.type)", "(300000, '')"),
    ("r = await js.fetch('http://service.test/big')\nlen((await r.arrayBuffer()).to_py())", "300000"),
    ("(await (await js.fetch('http://service.test/echo', method='HEAD')).text())", "''"),
    (
        "r = await js.fetch('http://service.test/status/204')\n(r.status, r.statusText, r.body)",
        "(204, 'No Content', jsnull)",
    ),
    (
        "async def parts():\n    yield b'one'\n"
        "await js.fetch('http://service.test/redirect/307', method='POST', body=create_proxy(parts()))",
        "TypeError: A request with a one-time-use body (it was initialized from a stream, "
        "not a buffer) encountered a redirect requiring the body to be retransmitted. To "
        "avoid this error in the future, construct this request from a buffer-like body initializer.",
    ),
    (
        "r = await js.fetch('http://service.test/cookies')\n"
        "(r.headers.getSetCookie().to_py(), r.headers.getAll('Set-Cookie').to_py(), "
        "r.headers.get('x-a'))",
        "(['a=1', 'b=2'], ['a=1', 'b=2'], '1, 2')",
    ),
]

# Requests.
REQUESTS = [
    (
        "[hasattr(js, n) for n in ('importScripts', 'XMLHttpRequest', 'localStorage', "
        "'window', 'document', 'Worker')]",
        "[False, False, False, False, False, False]",
    ),
    (
        "r = Request.new('http://a/b?c#d', method='patch', headers=options(A='b'), body='x')\n"
        "(r.method, r.url, r.headers.get('a'), r.redirect, r.bodyUsed, r.integrity, "
        "r.keepalive, r.cache)",
        "('PATCH', 'http://a/b?c#d', 'b', 'follow', False, '', False, None)",
    ),
    (
        "r = Request.new('http://a')\n"
        "[hasattr(r, n) for n in ('mode', 'credentials', 'destination', 'referrer', "
        "'referrerPolicy', 'isHistoryNavigation', 'duplex', 'isReloadNavigation')]",
        "[False, False, False, False, False, False, False, False]",
    ),
    (
        "r = Request.new('http://a')\n"
        "[n for n in ('method', 'url', 'headers', 'redirect', 'fetcher', 'signal', 'cf', "
        "'integrity', 'keepalive', 'cache', 'body', 'bodyUsed') if not hasattr(r, n)]",
        "[]",
    ),
    ("Request.new('http://a', options(method='foo'))", "TypeError: Invalid HTTP method string: foo"),
    (
        "def f(**k): return Request.new('http://a', **k)\ntry:\n  f(method='foo')\n"
        "except JsException as e:\n  x = e.message\nx",
        "'Invalid HTTP method string: foo'",
    ),
    (
        "Request.new('http://a', options(redirect='error'))",
        'TypeError: Invalid redirect value, must be one of "follow" or "manual" ("error" '
        "won't be implemented since it does not make sense at the edge; use \"manual\" and "
        "check the response status code).",
    ),
    ("Request.new('http://a', options(cache='x'))", "TypeError: Unsupported cache mode: x"),
    ("[Request.new('http://a', cache=c).cache for c in ('no-store', 'no-cache')]", "['no-store', 'no-cache']"),
    (
        "Request.new('http://a', options(body='x'))",
        "TypeError: Request with a GET or HEAD method cannot have a body.",
    ),
    ("Request.new('x')", "TypeError: Invalid URL: x"),
    (
        "r = Request.new('http://a', method='POST', body='x')\ns = Request.new(r)\n"
        "(r.bodyUsed, await s.text())",
        "(True, 'x')",
    ),
    (
        "r = Request.new('http://a', method='POST', body='x')\nawait r.text()\nRequest.new(r)",
        "TypeError: Cannot reconstruct a Request with a used body.",
    ),
    (
        "r = Request.new('http://a', method='POST', body='x', headers=options(a='b'), cf={'k': 1})\n"
        "s = Request.new('http://b', r)\n(s.url, s.method, s.headers.get('a'), s.cf.k, await s.text())",
        "('http://b/', 'POST', 'b', 1, 'x')",
    ),
    (
        "r = Request.new('http://a', method='POST', body='x')\nc = r.clone()\n"
        "(await r.text(), await c.text())",
        "('x', 'x')",
    ),
    (
        "r = Request.new('http://a', method='POST', body='x')\nawait r.text()\nawait r.text()",
        "TypeError: Body has already been used. It can only be used once. Use tee() first if "
        "you need to read it twice.",
    ),
    ("request.headers.set('a', 'b')", "TypeError: Can't modify immutable headers."),
    ("request.redirect", "'manual'"),
    ("js.Object.prototype.toString.call(request)", "'[object Request]'"),
    ("r = Request.new('http://a', method='POST', body=bytearray(b'abc'))\n(await r.bytes()).to_bytes()", "b'abc'"),
    ("r = Request.new('http://a', headers=None)\nlist(r.headers)", "[]"),
    ("r = Request.new('http://a', method=None)\nr.method", "'GET'"),
    (
        "s = js.AbortController.new()\nr = Request.new('http://a', signal=s.signal)\ns.abort()\n"
        "r.signal.aborted",
        "True",
    ),
    ("r = Request.new('http://a', headers=[('a', 'b'), ('a', 'c')])\nr.headers.get('a')", "'b, c'"),
    ("r = Request.new('http://a', headers=Headers.new([('a', 'b')]))\nr.headers.get('a')", "'b'"),
]

# Responses.
RESPONSES = [
    (
        "r = Response.new('x', status=201, statusText='Made', headers=options(a='b'))\n"
        "(r.status, r.statusText, r.headers.get('a'), r.ok, r.redirected, r.url, r.type, "
        "r.webSocket, r.headers.get('content-type'))",
        "(201, 'Made', 'b', True, False, '', 'default', jsnull, 'text/plain;charset=UTF-8')",
    ),
    ("r = Response.new(None, status=204)\n(r.body, r.statusText)", "(jsnull, 'No Content')"),
    (
        "Response.new('', options(status=199))",
        "RangeError: Responses may only be constructed with status codes in the range 200 to "
        "599, inclusive.",
    ),
    (
        "Response.new('', options(status=600))",
        "RangeError: Responses may only be constructed with status codes in the range 200 to "
        "599, inclusive.",
    ),
    (
        "Response.new('x', options(status=204))",
        "TypeError: Response with null body status (101, 204, 205, or 304) cannot have a body.",
    ),
    ("Response.new('', options(statusText='a\\nb'))", "TypeError: Invalid statusText"),
    (
        "Response.redirect('http://a', 300)",
        "RangeError: 300 is not a redirect status code. It must be one of: 301, 302, 303, 307, or 308.",
    ),
    ("Response.redirect('x')", "TypeError: Unable to parse URL: x"),
    ("r = Response.redirect('http://a/b', 308)\n(r.status, r.headers.get('location'))", "(308, 'http://a/b')"),
    ("r = Response.redirect('http://a/b')\nr.status", "302"),
    (
        "r = Response.json(options(a=1))\n(await r.text(), r.headers.get('content-type'))",
        "('{\"a\":1}', 'application/json')",
    ),
    (
        "r = Response.json([1, 2], status=201, headers=[('content-type', 'a/b')])\n"
        "(await r.text(), r.status, r.headers.get('content-type'))",
        "('[1,2]', 201, 'a/b')",
    ),
    ("r = Response.error()\n(r.type, r.status)", "('error', 0)"),
    ("Response.new('', options(encodeBody='x'))", "TypeError: encodeBody: unexpected value: x"),
    ("r = Response.new('x')\nc = r.clone()\n(await r.text(), await c.text())", "('x', 'x')"),
    ("(await Response.new(5).text())", "'5'"),
    (
        "r = Response.new('x', Response.new('y', status=202, headers=options(a='b')))\n"
        "(r.status, r.headers.get('a'))",
        "(202, 'b')",
    ),
    ("r = Response.new('x', cf={'a': 1})\nr.cf.a", "1"),
    ("Response.new(js.ReadableStream.new(start=lambda c: (c.enqueue('s'), c.close()))).status", "200"),
]

# Headers.
HEADERS = [
    (
        "Headers.new().append('a')",
        "TypeError: Failed to execute 'append' on 'Headers': parameter 2 is not of type 'string'.",
    ),
    (
        "Headers.new().append()",
        "TypeError: Failed to execute 'append' on 'Headers': parameter 1 is not of type 'string'.",
    ),
    ("js.Object.prototype.toString.call(Headers.new())", "'[object Headers]'"),
    (
        "h = Headers.new(options(b='1', a='2'))\n"
        "(list(h.keys()), list(h.values()), [list(e) for e in h.entries()])",
        "(['a', 'b'], ['2', '1'], [['a', '2'], ['b', '1']])",
    ),
    ("h = Headers.new(a='1')\nh.get('A')", "'1'"),
    ("h = Headers.new([['a', 'b']])\n(h.get('x'), h.has('a'), h.has('x'))", "(jsnull, True, False)"),
    ("Headers.new().getAll('x')", 'TypeError: getAll() can only be used with the header name "Set-Cookie".'),
    ("Headers.new().set('a b', 'x')", "TypeError: Invalid header name."),
    ("Headers.new().set('a', 'x\\n\\x00')", "TypeError: Invalid header value."),
    (
        "h = Headers.new()\nh.set('set-cookie', 'a')\nh.append('set-cookie', 'b')\n"
        "([list(e) for e in h], h.getSetCookie().to_py())",
        "([['set-cookie', 'a'], ['set-cookie', 'b']], ['a', 'b'])",
    ),
    ("h = Headers.new([['a', '1']])\nh.delete('A')\nlist(h)", "[]"),
    (
        "seen = []\nh = Headers.new([['a', '1']])\nh.forEach(lambda v, k, o: seen.append((k, v)))\nseen",
        "[('a', '1')]",
    ),
    ("'a' in Headers.new([['a', '1']])", "True"),
    (
        "h = Headers.new()\nh.set('a', None)\nh.set('b', 5)\nh.append('c', True)\n[*map(list, h)]",
        "[['a', 'undefined'], ['b', '5'], ['c', 'true']]",
    ),
    ("Headers.new().set()", "TypeError: Failed to execute 'set' on 'Headers': parameter 1 is not of type 'string'."),
]

# Forms, blobs and files.
FORMS = [
    (
        "d = await sent(method='POST', body=Blob.new(['bl'], type='a/b'))\n"
        "(d['body'], d['headers']['content-type'])",
        "('bl', 'a/b')",
    ),
    (
        "f = FormData.new()\nf.append('a', 'b')\n"
        "f.append('f', Blob.new([b'xyz'], type='a/b'), 'n.txt')\n"
        "d = await sent(method='POST', body=f)\n"
        "('name=\"a\"' in d['body'], 'filename=\"n.txt\"' in d['body'], 'xyz' in d['body'], "
        "d['headers']['content-type'].startswith('multipart/form-data; boundary='))",
        "(True, True, True, True)",
    ),
    (
        "(await Response.new(Blob.new(['b'], type='x/y')).text(), "
        "Response.new(Blob.new(['b'], type='x/y')).headers.get('content-type'))",
        "('b', 'x/y')",
    ),
    (
        "await Response.new('x').formData()",
        "TypeError: Unrecognized Content-Type header value. FormData can only parse the "
        "following MIME types: multipart/form-data, application/x-www-form-urlencoded",
    ),
    ("await Response.new(b'x').formData()", "TypeError: Parsing a Body as FormData requires a Content-Type header."),
    (
        "f = await Response.new(URLSearchParams.new('a=1&b=2')).formData()\n[list(e) for e in f]",
        "[['a', '1'], ['b', '2']]",
    ),
    (
        "g = FormData.new()\ng.append('f', File.new([b'x'], 'n.txt', type='a/b'))\n"
        "f = await Response.new(g).formData()\nx = f.get('f')\n"
        "(x.name, x.type, x.size, await x.text(), js.Object.prototype.toString.call(x))",
        "('n.txt', 'a/b', 1, 'x', '[object File]')",
    ),
    (
        "f = FormData.new()\nf.append('a', '1')\nf.append('a', '2')\nf.set('b', '3')\n"
        "(f.get('a'), list(f.getAll('a')), f.has('b'), f.has('c'), f.get('c'), "
        "list(f.keys()), list(f.values()))",
        "('1', ['1', '2'], True, False, jsnull, ['a', 'a', 'b'], ['1', '2', '3'])",
    ),
    ("f = FormData.new()\nf.append('a', '1')\nf.delete('a')\nlist(f)", "[]"),
    (
        "seen = []\nf = FormData.new()\nf.append('a', '1')\n"
        "f.forEach(lambda v, k, o: seen.append((k, v)))\nseen",
        "[('a', '1')]",
    ),
    (
        "f = FormData.new()\nf.append('a', Blob.new(['x']), 'n')\n"
        "(f.get('a').name, f.get('a').constructor.name)",
        "('n', 'File')",
    ),
    (
        "b = Blob.new([b'ab', 'cd', memoryview(b'ef'), Blob.new(['g'])], type='A/B')\n"
        "(b.size, b.type, await b.text(), (await b.arrayBuffer()).to_bytes(), (await "
        "b.bytes()).to_bytes(), await b.slice(1, 3).text(), await b.slice(-2).text(), "
        "b.slice(0, 1, 'x/y').type)",
        "(7, 'a/b', 'abcdefg', b'abcdefg', b'abcdefg', 'bc', 'fg', 'x/y')",
    ),
    ("b = Blob.new(to_js([b'ab']))\nb.size", "2"),
    ("b = Blob.new(('ab',))\nb.size", "2"),
    ("seen = b''\nasync for c in Blob.new(['abc']).stream(): seen += c.to_bytes()\nseen", "b'abc'"),
    (
        "f = File.new(['ab'], 'n', lastModified=5, type='t/t')\n"
        "(f.name, f.lastModified, f.type, f.size)",
        "('n', 5, 't/t', 2)",
    ),
    ("URL.createObjectURL(Blob.new([]))", "Error: URL.createObjectURL() is not implemented"),
]

# URLs and patterns.
URLS = [
    (
        "d = await sent(method='POST', body=URLSearchParams.new([['a', 'b c']]))\n"
        "(d['body'], d['headers']['content-type'])",
        "('a=b+c', 'application/x-www-form-urlencoded;charset=UTF-8')",
    ),
    (
        "d = (await (await js.fetch(URL.new('http://service.test/echo?a=1'))).json()).to_py()\n"
        "d['path']",
        "'/echo?a=1'",
    ),
    (
        "u = URL.new('http://u:p@h:81/p/a?q=1#f')\n"
        "(u.href, u.origin, u.protocol, u.username, u.password, u.host, u.hostname, u.port, "
        "u.pathname, u.search, u.hash, u.toString(), u.toJSON(), str(u))",
        "('http://u:p@h:81/p/a?q=1#f', 'http://h:81', 'http:', 'u', 'p', 'h:81', 'h', '81', "
        "'/p/a', '?q=1', '#f', 'http://u:p@h:81/p/a?q=1#f', 'http://u:p@h:81/p/a?q=1#f', "
        "'http://u:p@h:81/p/a?q=1#f')",
    ),
    ("u = URL.new('b', 'http://a/x/')\nu.href", "'http://a/x/b'"),
    ("URL.new('x')", "TypeError: Invalid URL string."),
    (
        "(URL.canParse('x'), URL.canParse('http://a'), URL.canParse('x', 'http://a'), "
        "URL.parse('x'), URL.parse('http://a').href)",
        "(False, True, True, jsnull, 'http://a/')",
    ),
    (
        "u = URL.new('http://a/?x=1')\nu.searchParams.append('y', '2 3')\nu.pathname = '/ü'\n"
        "u.hash = 'h'\nu.port = 8080\nu.href",
        "'http://a:8080/%C3%BC?x=1&y=2+3#h'",
    ),
    ("p = URLSearchParams.new(options(a='1', b='2'))\np.toString()", "'a=1&b=2'"),
    (
        "p = URLSearchParams.new([('a', '1'), ('b', '2')])\np.delete('a', '2')\np.delete('b')\n"
        "p.set('c', 3)\np.sort()\nstr(p)",
        "'a=1&c=3'",
    ),
    ("p = URLSearchParams.new(a='1')\nstr(p)", "'a=1'"),
    (
        "p = js.URLPattern.new(pathname='/a/:id')\n"
        "(p.test('http://x/a/1'), p.exec('http://x/a/1').pathname.groups.id, p.pathname)",
        "(True, '1', '/a/:id')",
    ),
    ("p = js.URLPattern.new({'pathname': '/a/:id'})\np.test({'pathname': '/a/7'})", "True"),
    ("p = js.URLPattern.new('/a/*', 'http://x')\n(p.test('http://x/a/1'), p.exec('http://y/'))", "(True, jsnull)"),
]


@pytest.mark.parametrize(("code", "value"), FETCH + REQUESTS + RESPONSES + HEADERS + FORMS + URLS)
def test_messages_are_made_sent_and_read(platform, code, value):
    assert run(platform, code) == value

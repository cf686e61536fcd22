"""The web platform as Python sees it through `js`: Python values in and out, Python functions as callbacks, and the
Cache API with the server behind it."""

import contextlib
import shutil

import pytest
from conftest import WORKERS
from harness import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("web") / "web"
    shutil.copytree(WORKERS / "web", folder)
    with contextlib.closing(Server(["dev", str(folder), "--port", "0"], folder)) as server:
        yield server


def run(server, code):
    answer = server.fetch("/", "POST", code.encode())
    assert answer.status == 200, answer.text
    return answer.text


# Python values where JavaScript expects its own.
VALUES = [
    ("h = Headers.new([('A', '1'), ('b', '2')])\n(h.get('a'), list(h.keys()))", "('1', ['a', 'b'])"),
    ("Headers.new({'A': '1'}.items()).get('a')", "'1'"),
    (
        "h = Headers.new((('Set-Cookie', 'a'), ['X', ' 1 '], ('set-cookie', 'b'), ('x', '2')))\n"
        "(h.getSetCookie().to_py(), h.get('x'), [*map(list, h)])",
        "(['a', 'b'], '1, 2', [['set-cookie', 'a'], ['set-cookie', 'b'], ['x', '1, 2']])",
    ),
    ("[*map(list, Headers.new([('a', 1), ('b', 'ü€')]))]", "[['a', '1'], ['b', 'ü€']]"),
    ("list(Headers.new([]))", "[]"),
    ("h = Headers.new([('a', '1')])\nh.append('A', '2')\nHeaders.new(h).get('a')", "'1, 2'"),
    ("(await Response.new(to_js(b'bytes')).bytes()).to_bytes()", "b'bytes'"),
    ("(await Response.new(to_js(memoryview(b'view'))).arrayBuffer()).to_bytes()", "b'view'"),
    (
        "seen = []\nasync for chunk in Response.new('text').body:\n    seen.append(chunk.to_bytes())\nseen",
        "[b'text']",
    ),
    (
        "async def parts():\n    yield to_js(b'a')\n    yield to_js(b'bc')\n"
        "await Response.new(getattr(js.ReadableStream, 'from')(create_proxy(parts()))).text()",
        "'abc'",
    ),
    ("js.TextDecoder.new().decode(js.TextEncoder.new().encode('schön'))", "'schön'"),
    ("await (await js.fetch('data:text/plain,a%20b')).text()", "'a b'"),
    ("js.URLSearchParams.new({'a': '1'}.items()).toString()", "'a=1'"),
    (
        "p = js.CompressionStream.new('gzip')\n"
        "packed = Response.new('a' * 999).body.pipeThrough(p)\n"
        "await Response.new(packed.pipeThrough(js.DecompressionStream.new('gzip'))).text() == 'a' * 999",
        "True",
    ),
    ("js.structuredClone(options(a=[1, 2])).a.to_py()", "[1, 2]"),
    ("await Response.new(b'bytes').text()", "'bytes'"),
    ("await js.Request.new('http://a', options(method='POST', body=memoryview(b'view'))).text()", "'view'"),
    (
        "async def parts():\n    yield b'a'\n    yield memoryview(b'bc')\nawait Response.new(create_proxy(parts())).text()",
        "'abc'",
    ),
    ("js.TextDecoder.new().decode(bytearray(b'caf\\xc3\\xa9'))", "'café'"),
    ("(await js.crypto.subtle.digest('SHA-256', b'abc')).to_bytes().hex()[:8]", "'ba7816bf'"),
    ("js.Blob.new([b'ab', 'c']).size", "3"),
    (
        "stream = js.crypto.DigestStream.new('crc32')\nwriter = stream.getWriter()\nawait writer.write(b'123456789')\n"
        "await writer.close()\n(await stream.digest).to_bytes().hex()",
        "'cbf43926'",
    ),
    ("form = js.FormData.new()\nform.append('a', '1')\n[list(entry) for entry in form.entries()]", "[['a', '1']]"),
    ("js.performance.mark('m').entryType", "'mark'"),
    (
        "key = await js.crypto.subtle.importKey('raw', b'key', {'name': 'HMAC', 'hash': 'SHA-256'}, False, ['sign'])\n"
        "(await js.crypto.subtle.sign('HMAC', key, b'data')).to_bytes().hex()[:8]",
        "'5031fe3d'",
    ),
]


@pytest.mark.parametrize(("code", "value"), VALUES)
def test_python_values_are_taken_and_given(server, code, value):
    assert run(server, code) == value


# Python functions that JavaScript calls.
CALLBACKS = [
    (
        "seen = []\ntarget = js.EventTarget.new()\n"
        "target.addEventListener('ping', create_proxy(lambda event: seen.append(event.type)))\n"
        "target.dispatchEvent(js.Event.new('ping'))\nseen",
        "['ping']",
    ),
    (
        "async def pull(controller):\n    controller.enqueue(to_js(b'pulled'))\n    controller.close()\n"
        "await Response.new(js.ReadableStream.new(options(pull=create_proxy(pull)))).text()",
        "'pulled'",
    ),
    (
        "def transform(chunk, controller):\n    controller.enqueue(to_js(chunk.to_bytes().upper()))\n"
        "t = js.TransformStream.new(options(transform=create_proxy(transform)))\n"
        "await Response.new(Response.new('text').body.pipeThrough(t)).text()",
        "'TEXT'",
    ),
    (
        "seen = []\nsink = js.WritableStream.new(options(write=create_proxy(lambda chunk, _: seen.append(chunk))))\n"
        "writer = sink.getWriter()\nawait writer.write('one')\nseen",
        "['one']",
    ),
    (
        "class Source:\n    async def pull(self, controller):\n        controller.enqueue(b'a class')\n"
        "        controller.close()\n"
        "await Response.new(js.ReadableStream.new(create_proxy(Source()))).text()",
        "'a class'",
    ),
    (
        "class Source:\n    type = 'bytes'\n    def pull(self, controller):\n        controller.enqueue(to_js(b'bytes'))\n"
        "        controller.close()\n"
        "stream = js.ReadableStream.new(create_proxy(Source()))\n"
        "found = await stream.getReader(options(mode='byob')).read(js.Uint8Array.new(2))\nfound.value.to_bytes()",
        "b'by'",
    ),
    (
        "seen = []\nclass Sink:\n    async def write(self, chunk, controller):\n        seen.append(chunk.to_bytes())\n"
        "    def close(self):\n        seen.append('closed')\n"
        "await Response.new('text').body.pipeTo(js.WritableStream.new(create_proxy(Sink())))\nseen",
        "[b'text', 'closed']",
    ),
    (
        "seen = []\ncontroller = js.AbortController.new()\n"
        "controller.signal.onabort = create_proxy(lambda _: seen.append(controller.signal.reason))\n"
        "controller.abort('why')\nseen",
        "['why']",
    ),
]


@pytest.mark.parametrize(("code", "value"), CALLBACKS)
def test_python_functions_are_called(server, code, value):
    assert run(server, code) == value


def put(url, response, cache="caches.default"):
    return f"cache = {cache}\nawait cache.put('http://{url}', {response})\n"


MATCH = "found = await cache.match('http://{}')\n(found and (found.status, await found.text()))"


def headers(**values):
    pairs = {name.replace("_", "-"): value for name, value in values.items()}
    return f"options(headers=options(**{pairs!r}))"


CACHED = [
    (put("a/1", "Response.new('one')") + MATCH.format("a/1"), "(200, 'one')"),
    (put("a/2", "Response.new(None, options(status=404))") + MATCH.format("a/2"), "(404, '')"),
    ("cache = caches.default\n" + MATCH.format("a/missing"), "None"),
    (
        put("a/3", "Response.new('x')") + "[await cache.delete('http://a/3'), await cache.delete('http://a/3')]",
        "[True, False]",
    ),
    (put("a/4", "Response.new('mine')", "await caches.open('own')") + MATCH.format("a/4"), "(200, 'mine')"),
    (
        put("a/5", "Response.new('mine')", "await caches.open('own')")
        + "await caches.default.match('http://a/5') is None",
        "True",
    ),
    (put("a/6", f"Response.new('x', {headers(cache_control='no-store')})") + MATCH.format("a/6"), "None"),
    (put("a/7", f"Response.new('x', {headers(set_cookie='a=1')})") + MATCH.format("a/7"), "None"),
    (
        put("a/8", f"Response.new('0123456789', {headers(etag='tag')})")
        + f"r = js.Request.new('http://a/8', {headers(range='bytes=2-4')})\nfound = await cache.match(r)\n"
        "(found.status, found.headers.get('content-range'), await found.text())",
        "(206, 'bytes 2-4/10', '234')",
    ),
    (
        put("a/9", f"Response.new('x', {headers(etag='tag')})")
        + f"r = js.Request.new('http://a/9', {headers(if_none_match='tag')})\n(await cache.match(r)).status",
        "304",
    ),
    (
        put("a/10", f"Response.new('x', {headers(vary='accept')})")
        + f"r = js.Request.new('http://a/10', {headers(accept='text/html')})\n"
        "[await cache.match(r) is None, (await cache.match('http://a/10')).headers.get('cf-cache-status')]",
        "[True, 'HIT']",
    ),
    (
        put("a/11", "Response.new(Response.new('s' * 300_000).body)")
        + "len(await (await cache.match('http://a/11')).text())",
        "300000",
    ),
]


@pytest.mark.parametrize(("code", "value"), CACHED)
def test_caches_keep_responses(server, code, value):
    assert run(server, code) == value


REFUSED = [
    ("await caches.default.put('/x', Response.new(''))", "TypeError: Invalid URL: /x"),
    (
        "await caches.default.put(js.Request.new('http://a/', options(method='POST')), Response.new(''))",
        "TypeError: Cannot cache response to non-GET request.",
    ),
    (
        "await caches.default.put('http://a/', Response.new('', options(status=206)))",
        "TypeError: Cannot cache response to a range request (206 Partial Content).",
    ),
    (
        f"await caches.default.put('http://a/', Response.new('', {headers(vary='*')}))",
        "TypeError: Cannot cache response with 'Vary: *' header.",
    ),
    (
        "await caches.default.put('http://a/', 5)",
        "TypeError: Failed to execute 'put' on 'Cache': parameter 2 is not of type 'Response'.",
    ),
    ("caches.default.add('http://a/')", "Error: Failed to execute 'add' on 'Cache': the method is not implemented."),
    (
        "await caches.default.match('http://a/', options(ignoreSearch=True))",
        "Error: The 'ignoreSearch' field on 'CacheQueryOptions' is not implemented.",
    ),
]


@pytest.mark.parametrize(("code", "error"), REFUSED)
def test_what_caches_refuse(server, code, error):
    assert run(server, code) == error


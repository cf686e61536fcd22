"""Streams, WebSocket pairs, caches and Web Crypto, as a Worker in Python uses them."""

import pytest
from test_web import run


# Pairs of WebSockets.
SOCKETS = [
    (
        "p = js.WebSocketPair.new()\n"
        "(len(js.Object.values(p)), [s.constructor.name for s in js.Object.values(p)], hasattr(p, '0'))",
        "(2, ['WebSocket', 'WebSocket'], True)",
    ),
    ("a, b = js.WebSocketPair.new().object_values()\na.constructor.name", "'WebSocket'"),
    (
        "a, b = js.WebSocketPair.new().object_values()\na.send('x')",
        "TypeError: You must call one of accept() or state.acceptWebSocket() on this "
        "WebSocket before sending messages.",
    ),
    (
        "a, b = js.WebSocketPair.new().object_values()\na.accept()\nb.accept()\n"
        "seen = asyncio.Queue()\n"
        "b.addEventListener('message', create_proxy(lambda e: seen.put_nowait(e.data)))\na.send('x')\n"
        "a.send(b'yz')\nx = [await seen.get(), await seen.get()]\n(x[0], await x[1].text())",
        "('x', 'yz')",
    ),
    (
        "a, b = js.WebSocketPair.new().object_values()\na.accept()\nb.accept()\n"
        "b.binaryType = 'arraybuffer'\nseen = asyncio.Queue()\n"
        "b.addEventListener('message', create_proxy(lambda e: seen.put_nowait(e.data)))\n"
        "a.send(memoryview(b'yz'))\n(await seen.get()).to_bytes()",
        "b'yz'",
    ),
    (
        "a, b = js.WebSocketPair.new().object_values()\na.accept()\na.close(1005)",
        "InvalidAccessError: Invalid WebSocket close code: 1005.",
    ),
    (
        "a, b = js.WebSocketPair.new().object_values()\na.accept()\na.close(None, 'why')",
        "InvalidAccessError: If you specify a WebSocket close reason, you must also specify a code.",
    ),
    (
        "a, b = js.WebSocketPair.new().object_values()\na.accept()\na.close()\na.send('x')",
        "TypeError: Can't call WebSocket send() after close().",
    ),
    (
        "a, b = js.WebSocketPair.new().object_values()\n"
        "Response.new(None, options(status=200, webSocket=a))",
        "RangeError: Responses with a WebSocket must have status code 101.",
    ),
    (
        "a, b = js.WebSocketPair.new().object_values()\n"
        "r = Response.new(None, status=101, webSocket=a)\n(r.status, r.webSocket.constructor.name)",
        "(101, 'WebSocket')",
    ),
    (
        "a, b = js.WebSocketPair.new().object_values()\na.serializeAttachment(options(a=1))\n"
        "a.deserializeAttachment().a",
        "1",
    ),
    ("p = js.WebSocketRequestResponsePair.new('a', 'b')\n(p.request, p.response)", "('a', 'b')"),
]

# Streams, and what is done with them.
STREAMS = [
    (
        "s = js.ReadableStream.new(start=lambda c: (c.enqueue(1), c.enqueue('b'), c.close()))\nx = []\n"
        "async for c in s: x.append(c)\nx",
        "[1, 'b']",
    ),
    ("s = getattr(js.ReadableStream, 'from')(['a', 'b'])\nx = []\nasync for c in s: x.append(c)\nx", "['a', 'b']"),
    (
        "r = Response.new('abc').body.getReader()\nx = await r.read()\ny = await r.read()\n"
        "(x.value.to_bytes(), x.done, y.value, y.done)",
        "(b'abc', False, None, True)",
    ),
    (
        "r = Response.new('abcdef').body.getReader(mode='byob')\n"
        "x = await r.read(js.Uint8Array.new(4))\n(x.value.to_bytes(), x.done)",
        "(b'abcd', False)",
    ),
    (
        "r = Response.new('abcdef').body.getReader(mode='byob')\n"
        "x = await r.readAtLeast(6, js.Uint8Array.new(8))\n(x.value.to_bytes(), x.done)",
        "(b'abcdef', False)",
    ),
    (
        "r = Response.new('abcdef').body.getReader(mode='byob')\n"
        "x = await r.read(js.Uint8Array.new(8), min=6)\n(x.value.to_bytes(), x.done)",
        "(b'abcdef', False)",
    ),
    (
        "a, b = Response.new('abc').body.tee()\n"
        "(await Response.new(a).text(), await Response.new(b).text())",
        "('abc', 'abc')",
    ),
    (
        "t = js.IdentityTransformStream.new()\nw = t.writable.getWriter()\n"
        "asyncio.ensure_future(w.write(b'ab'))\nasyncio.ensure_future(w.close())\n"
        "await Response.new(t.readable).text()",
        "'ab'",
    ),
    ("t = js.IdentityTransformStream.new(highWaterMark=10)\nw = t.writable.getWriter()\nw.desiredSize", "10"),
    (
        "t = js.FixedLengthStream.new(3)\nw = t.writable.getWriter()\n"
        "asyncio.ensure_future(w.write(b'abc'))\nasyncio.ensure_future(w.close())\n"
        "await Response.new(t.readable).text()",
        "'abc'",
    ),
    (
        "t = js.FixedLengthStream.new(3)\nw = t.writable.getWriter()\nt.readable.getReader().read()\n"
        "await w.write(b'abcd')",
        "TypeError: Attempt to write too many bytes through a FixedLengthStream.",
    ),
    (
        "p = Response.new('hi').body.pipeThrough(js.CompressionStream.new('deflate'))\nimport zlib\n"
        "zlib.decompress((await Response.new(p).bytes()).to_bytes())",
        "b'hi'",
    ),
    (
        "import gzip\n"
        "p = Response.new(gzip.compress(b'hi')).body.pipeThrough(js.DecompressionStream.new('gzip'))\n"
        "await Response.new(p).text()",
        "'hi'",
    ),
    (
        "s = Response.new('hé').body.pipeThrough(js.TextDecoderStream.new('utf-8', fatal=True))\n"
        "x = []\nasync for c in s: x.append(c)\nx",
        "['hé']",
    ),
    (
        "s = js.TextDecoderStream.new('latin1', ignoreBOM=True)\n(s.encoding, s.fatal, s.ignoreBOM)",
        "('windows-1252', False, True)",
    ),
    (
        "out = []\n"
        "sink = js.WritableStream.new(write=create_proxy(lambda c, _: out.append(c.to_bytes())))\n"
        "await Response.new('abc').body.pipeTo(sink)\nout",
        "[b'abc']",
    ),
    (
        "out = []\n"
        "s = js.WritableStream.new(write=create_proxy(lambda c, _: out.append(c.to_bytes())), close=lambda "
        "*a: out.append('closed'))\nawait Response.new('abc').body.pipeTo(s, preventClose=True)\nout",
        "[b'abc']",
    ),
    (
        "s = js.WritableStream.new(js.Object.new(), js.CountQueuingStrategy.new(highWaterMark=5))\n"
        "s.getWriter().desiredSize",
        "5",
    ),
    (
        "s = js.WritableStream.new(js.Object.new(), "
        "js.ByteLengthQueuingStrategy.new({'highWaterMark': 7}))\ns.getWriter().desiredSize",
        "7",
    ),
    (
        "x = []\n"
        "s = js.ReadableStream.new(pull=create_proxy(lambda c: c.enqueue('x')), cancel=create_proxy(x.append))\n"
        "r = s.getReader()\nawait r.read()\nawait r.cancel('enough')\nx",
        "['enough']",
    ),
    (
        "async def fail():\n    yield b'a'\n    raise ValueError('inside')\n"
        "await Response.new(create_proxy(fail())).text()",
        "Python's ValueError: inside",
    ),
    (
        "async def pull(c):\n    raise ValueError('inside')\n"
        "await js.ReadableStream.new(pull=create_proxy(pull)).getReader().read()",
        "Python's ValueError: inside",
    ),
    (
        "s = js.TransformStream.new()\nw = s.writable.getWriter()\n"
        "asyncio.ensure_future(w.write('a'))\nasyncio.ensure_future(w.close())\n"
        "[c async for c in s.readable]",
        "['a']",
    ),
]

# What Python lends for a call is copied where it waits for a reader.
LENT = [
    (
        "s = js.ReadableStream.new(pull=create_proxy(lambda c: c.enqueue(b'x')))\nreader = s.getReader()\n"
        "[(await reader.read()).value.to_bytes() for _ in range(3)]",
        "[b'x', b'x', b'x']",
    ),
    (
        "def start(c):\n    c.enqueue(bytearray(b'a'))\n    c.enqueue(memoryview(b'b'))\n    c.close()\n"
        "s = js.ReadableStream.new(start=start)\nawait Response.new(s).text()",
        "'ab'",
    ),
    (
        "t = js.TransformStream.new(transform=create_proxy(lambda chunk, c: (c.enqueue(b'<'), c.enqueue(b'>'))))\n"
        "await Response.new(Response.new('x').body.pipeThrough(t)).text()",
        "'<>'",
    ),
    (
        "a, b = js.ReadableStream.from_(create_proxy([b'a', b'b'])).tee()\n"
        "(await Response.new(a).text(), await Response.new(b).text())",
        "('ab', 'ab')",
    ),
]

# The Cache API.
CACHES = [
    (
        "await caches.default.put('http://a/k', Response.new('v', "
        "headers=options(**{'cache-control': 'max-age=100'})))\n"
        "r = await caches.default.match('http://a/k')\n"
        "(await r.text(), r.headers.get('cf-cache-status'))",
        "('v', 'HIT')",
    ),
    ("await caches.default.match(Request.new('http://a/k', method='POST'))", "None"),
    (
        "r = await caches.default.match(Request.new('http://a/k', method='POST'), ignoreMethod=True)\n"
        "await r.text()",
        "'v'",
    ),
    ("await caches.default.delete('http://a/k', ignoreMethod=True)", "True"),
    ("await caches.default.match('http://a/none') is None", "True"),
]

# Web Crypto: Python's bytes are buffers, its dicts are parameters.
CRYPTO = [
    ("a = js.Uint8Array.new(8)\n(js.crypto.getRandomValues(a).length, any(a.to_py()))", "(8, True)"),
    (
        "js.crypto.getRandomValues(js.Uint8Array.new(65537))",
        "QuotaExceededError: getRandomValues() only accepts buffers of size <= 64K but "
        "provided 65537 bytes.",
    ),
    ("len(js.crypto.randomUUID())", "36"),
    (
        "s = js.crypto.DigestStream.new('SHA-256')\nawait Response.new('abc').body.pipeTo(s)\n"
        "(await s.digest).to_bytes().hex()[:8]",
        "'ba7816bf'",
    ),
    (
        "[(await subtle.digest(a, b'abc')).byteLength for a in ('SHA-1', 'SHA-256', "
        "'SHA-384', 'SHA-512', 'MD5')]",
        "[20, 32, 48, 64, 16]",
    ),
    ("(await subtle.digest({'name': 'SHA-1'}, memoryview(b'abc'))).byteLength", "20"),
    ("await subtle.digest('X', b'')", "NotSupportedError: Unrecognized or unimplemented digest algorithm requested."),
    ("subtle.timingSafeEqual(b'ab', b'ab'), subtle.timingSafeEqual(b'ab', b'ac')", "(True, False)"),
    ("subtle.timingSafeEqual(b'ab', b'a')", "TypeError: Input buffers must have the same byte length."),
    (
        "key = await subtle.importKey('raw', b'key', {'name': 'HMAC', 'hash': 'SHA-256'}, "
        "True, ['sign', 'verify'])\ns = await subtle.sign('HMAC', key, b'm')\n"
        "(s.byteLength, await subtle.verify('HMAC', key, s, b'm'), await "
        "subtle.verify('HMAC', key, s, b'n'), await subtle.verify('HMAC', key, s.to_bytes(), b'm'))",
        "(32, True, False, True)",
    ),
    (
        "key = await subtle.importKey('raw', b'key', {'name': 'HMAC', 'hash': 'SHA-256'}, "
        "True, ['sign', 'verify'])\n(await subtle.exportKey('raw', key)).to_bytes()",
        "b'key'",
    ),
    (
        "key = await subtle.importKey('raw', b'key', {'name': 'HMAC', 'hash': 'SHA-256'}, "
        "True, ['sign', 'verify'])\nj = await subtle.exportKey('jwk', key)\n(j.kty, j.k, j.alg, j.ext)",
        "('oct', 'a2V5', 'HS256', True)",
    ),
    (
        "key = await subtle.importKey('raw', b'key', {'name': 'HMAC', 'hash': 'SHA-256'}, "
        "True, ['sign', 'verify'])\n"
        "(key.type, key.extractable, key.algorithm.name, key.algorithm.hash.name, "
        "key.algorithm.length, key.usages.to_py())",
        "('secret', True, 'HMAC', 'SHA-256', 24, ['sign', 'verify'])",
    ),
    (
        "await subtle.importKey('raw', b'k', 'X', False, [])",
        'NotSupportedError: Unrecognized key import algorithm "X" requested.',
    ),
    (
        "key = await subtle.generateKey({'name': 'AES-GCM', 'length': 256}, True, "
        "['encrypt', 'decrypt'])\n"
        "a = {'name': 'AES-GCM', 'iv': b'0' * 12, 'additionalData': b'x', 'tagLength': 96}\n"
        "c = await subtle.encrypt(a, key, b'secret')\n(await subtle.decrypt(a, key, c)).to_bytes()",
        "b'secret'",
    ),
    (
        "key = await subtle.generateKey({'name': 'AES-CBC', 'length': 256}, True, "
        "['encrypt', 'decrypt'])\na = {'name': 'AES-CBC', 'iv': b'0' * 16}\n"
        "c = await subtle.encrypt(a, key, b'secret')\n(await subtle.decrypt(a, key, c)).to_bytes()",
        "b'secret'",
    ),
    (
        "key = await subtle.generateKey({'name': 'AES-CTR', 'length': 256}, True, "
        "['encrypt', 'decrypt'])\na = {'name': 'AES-CTR', 'counter': b'0' * 16, 'length': 64}\n"
        "c = await subtle.encrypt(a, key, b'secret')\n(await subtle.decrypt(a, key, c)).to_bytes()",
        "b'secret'",
    ),
    (
        "key = await subtle.generateKey({'name': 'AES-KW', 'length': 128}, True, ['wrapKey', "
        "'unwrapKey'])\n"
        "k = await subtle.generateKey({'name': 'AES-GCM', 'length': 128}, True, ['encrypt'])\n"
        "w = await subtle.wrapKey('raw', k, key, 'AES-KW')\n"
        "u = await subtle.unwrapKey('raw', w, key, 'AES-KW', 'AES-GCM', True, ['encrypt'])\n"
        "(w.byteLength, (await subtle.exportKey('raw', u)).to_bytes() == (await "
        "subtle.exportKey('raw', k)).to_bytes())",
        "(24, True)",
    ),
    (
        "p = await subtle.generateKey({'name': 'ECDSA', 'namedCurve': 'P-256'}, True, "
        "['sign', 'verify'])\na = {'name': 'ECDSA', 'hash': 'SHA-256'}\n"
        "s = await subtle.sign(a, p.privateKey, b'm')\n"
        "(s.byteLength, await subtle.verify(a, p.publicKey, s, b'm'))",
        "(64, True)",
    ),
    (
        "p = await subtle.generateKey('Ed25519', True, ['sign', 'verify'])\n"
        "s = await subtle.sign('Ed25519', p.privateKey, b'm')\n"
        "(s.byteLength, await subtle.verify('Ed25519', p.publicKey, s, b'm'))",
        "(64, True)",
    ),
    (
        "p = await subtle.generateKey(options(name='NODE-ED25519', "
        "namedCurve='NODE-ED25519'), True, ['sign', 'verify'])\n"
        "s = await subtle.sign('NODE-ED25519', p.privateKey, b'm')\ns.byteLength",
        "64",
    ),
    (
        "p = await subtle.generateKey({'name': 'X25519'}, True, ['deriveBits'])\n"
        "q = await subtle.generateKey({'name': 'X25519'}, True, ['deriveBits'])\n"
        "(await subtle.deriveBits({'name': 'X25519', 'public': q.publicKey}, p.privateKey, "
        "256)).byteLength",
        "32",
    ),
    (
        "p = await subtle.generateKey({'name': 'ECDH', 'namedCurve': 'P-384'}, True, ['deriveBits'])\n"
        "q = await subtle.generateKey({'name': 'ECDH', 'namedCurve': 'P-384'}, True, ['deriveBits'])\n"
        "(await subtle.deriveBits({'name': 'ECDH', 'public': q.publicKey}, p.privateKey, "
        "256)).byteLength",
        "32",
    ),
    (
        "p = await subtle.generateKey({'name': 'RSA-OAEP', 'modulusLength': 2048, "
        "'publicExponent': b'\\x01\\x00\\x01', 'hash': 'SHA-256'}, True, ['encrypt', 'decrypt'])\n"
        "c = await subtle.encrypt('RSA-OAEP', p.publicKey, b'm')\n"
        "(await subtle.decrypt('RSA-OAEP', p.privateKey, c)).to_bytes()",
        "b'm'",
    ),
    (
        "p = await subtle.generateKey({'name': 'RSA-PSS', 'modulusLength': 2048, "
        "'publicExponent': js.Uint8Array.new([1, 0, 1]), 'hash': 'SHA-256'}, True, ['sign', "
        "'verify'])\ns = await subtle.sign({'name': 'RSA-PSS', 'saltLength': 32}, p.privateKey, b'm')\n"
        "x = await subtle.exportKey('spki', p.publicKey)\n"
        "y = await subtle.importKey('spki', x, {'name': 'RSA-PSS', 'hash': 'SHA-256'}, True, "
        "['verify'])\nawait subtle.verify({'name': 'RSA-PSS', 'saltLength': 32}, y, s, b'm')",
        "True",
    ),
    (
        "p = await subtle.generateKey({'name': 'RSASSA-PKCS1-v1_5', 'modulusLength': 2048, "
        "'publicExponent': js.Uint8Array.new([1, 0, 1]), 'hash': 'SHA-256'}, True, ['sign', "
        "'verify'])\nj = await subtle.exportKey('jwk', p.privateKey)\n"
        "k = await subtle.importKey('jwk', j, {'name': 'RSASSA-PKCS1-v1_5', 'hash': "
        "'SHA-256'}, True, ['sign'])\ns = await subtle.sign('RSASSA-PKCS1-v1_5', k, b'm')\n"
        "(j.alg, await subtle.verify('RSASSA-PKCS1-v1_5', p.publicKey, s, b'm'))",
        "('RS256', True)",
    ),
    (
        "k = await subtle.importKey('raw', b'password', 'PBKDF2', False, ['deriveBits', 'deriveKey'])\n"
        "b = await subtle.deriveBits({'name': 'PBKDF2', 'salt': b'salt', 'iterations': 1000, "
        "'hash': 'SHA-256'}, k, 256)\nimport hashlib\n"
        "b.to_bytes() == hashlib.pbkdf2_hmac('sha256', b'password', b'salt', 1000)",
        "True",
    ),
    (
        "k = await subtle.importKey('raw', b'password', 'PBKDF2', False, ['deriveBits', 'deriveKey'])\n"
        "d = await subtle.deriveKey({'name': 'PBKDF2', 'salt': b'salt', 'iterations': 1000, "
        "'hash': 'SHA-256'}, k, {'name': 'AES-GCM', 'length': 256}, True, ['encrypt'])\n"
        "(d.algorithm.name, d.algorithm.length)",
        "('AES-GCM', 256)",
    ),
    (
        "k = await subtle.importKey('raw', b'k', 'HKDF', False, ['deriveBits'])\n"
        "(await subtle.deriveBits({'name': 'HKDF', 'salt': b'', 'info': b'i', 'hash': "
        "'SHA-256'}, k, 128)).byteLength",
        "16",
    ),
    (
        "k = await subtle.importKey('jwk', {'kty': 'oct', 'k': 'a2V5', 'alg': 'HS256'}, "
        "{'name': 'HMAC', 'hash': 'SHA-256'}, True, ['sign'])\n"
        "(await subtle.exportKey('raw', k)).to_bytes()",
        "b'key'",
    ),
    (
        "key = await subtle.importKey('raw', b'key', options(name='HMAC', hash='SHA-256'), "
        "False, ['verify'])\nawait subtle.sign('HMAC', key, b'')",
        'InvalidAccessError: Requested key usage "sign" does not match any usage listed in '
        "this CryptoKey.",
    ),
    (
        "key = await subtle.importKey('raw', b'key', options(name='HMAC', hash='SHA-256'), "
        "False, ['verify'])\nawait subtle.exportKey('raw', key)",
        "InvalidAccessError: Attempt to export non-extractable HMAC key.",
    ),
    (
        "js.crypto.getRandomValues(bytearray(4))",
        "TypeError: Failed to execute 'getRandomValues' on 'Crypto': parameter 1 is not of "
        "type 'ArrayBufferView'.",
    ),
]


@pytest.mark.parametrize(("code", "value"), SOCKETS + STREAMS + LENT + CACHES + CRYPTO)
def test_bytes_go_through(platform, code, value):
    assert run(platform, code) == value

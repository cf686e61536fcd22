"""KV as Python sees it, as the JavaScript object itself and through Cloudflare's SDK: every method, option, type, limit
and error text."""

import pytest

WORKER = "kv"
OWN = "KEY"
MIB = 1 << 20
VALUE_MAX = 25 * MIB

# Code for both styles, and what it gives.
COMMON = [
    ("await kv.put('KEY', 'value')\nawait kv.get('KEY')", "'value'"),
    ("await kv.put('KEY', '')\nawait kv.get('KEY')", "''"),
    ("await kv.put('KEY', 'schön 🐍')\nawait kv.get('KEY')", "'schön 🐍'"),
    ("await kv.put('KEY', 5)\nawait kv.get('KEY')", "'5'"),
    ("await kv.put('KEY', 1.5)\nawait kv.get('KEY')", "'1.5'"),
    ("await kv.put('KEY', True)\nawait kv.get('KEY')", "'true'"),
    ("await kv.put('KEY', '1')\nawait kv.delete('KEY')\nawait kv.get('KEY') in (None, jsnull)", "True"),
    ("await kv.put('KEY', '1')\n[await kv.get('KEY'), await other.get('KEY') in (None, jsnull)]", "['1', True]"),
    ("await kv.put('schlüssel/🐍 ?#%', '1')\nawait kv.get('schlüssel/🐍 ?#%')", "'1'"),
    ("await kv.put('KEY', '1', expirationTtl=60)\nawait kv.get('KEY')", "'1'"),
    ("await kv.get('missing', 'no type') in (None, jsnull)", "True"),
    ("run_sync(kv.put('KEY', '1'))\nrun_sync(kv.get('KEY', cacheTtl=60))", "'1'"),
    ("await kv.put(5, 'x')\nawait kv.get('5')", "'x'"),
    ("await kv.put('KEY', False)\nawait kv.get('KEY')", "'false'"),
    ("await kv.put('KEY', '1')\nawait kv.get('KEY', cacheTtl=30.9)", "'1'"),
    ("await kv.put('KEY', '', expirationTtl='60')\nawait kv.get('KEY')", "''"),
    ("other.constructor.name", "'KvNamespace'"),
]


@pytest.mark.parametrize("style", ["raw", "sdk"])
@pytest.mark.parametrize(("code", "value"), COMMON)
def test_both_styles(request, style, code, value):
    assert request.getfixturevalue(style)(code) == value


# What goes wrong, and how it is told.
ERRORS = [
    ("await kv.get('')", "TypeError: Key name cannot be empty."),
    ("await kv.put('.', '')", 'TypeError: "." is not allowed as a key name.'),
    ("await kv.delete('..')", 'TypeError: ".." is not allowed as a key name.'),
    ("await kv.get('ü' * 256)", None),
    (
        "await kv.get('ü' * 256 + 'x')",
        "Error: KV GET failed: 414 UTF-8 encoded length of 513 exceeds key length limit of 512.",
    ),
    (
        "await kv.put('x' * 513, '')",
        "Error: KV PUT failed: 414 UTF-8 encoded length of 513 exceeds key length limit of 512.",
    ),
    (
        "await kv.delete('x' * 513)",
        "Error: KV DELETE failed: 414 UTF-8 encoded length of 513 exceeds key length limit of 512.",
    ),
    (
        "await kv.list(prefix='x' * 513)",
        "Error: KV GET failed: 414 UTF-8 encoded length of 513 exceeds key length limit of 512.",
    ),
    ("await kv.list(prefix='x' * 512)", None),
    ("await kv.put('KEY', '', expirationTtl=60)", None),
    (
        "await kv.put('KEY', '', expirationTtl=59)",
        "Error: KV PUT failed: 400 Invalid expiration_ttl of 59. Expiration TTL must be at least 60.",
    ),
    (
        "await kv.put('KEY', '', expirationTtl=0)",
        "Error: KV PUT failed: 400 Invalid expiration_ttl of 0. Please specify integer greater than 0.",
    ),
    (
        "await kv.put('KEY', '', expiration=1)",
        "Error: KV PUT failed: 400 Invalid expiration of 1. Please specify integer greater than the current number of "
        "seconds since the UNIX epoch.",
    ),
    ("await kv.put('KEY', '', expiration=1, expirationTtl=60)", None),
    ("await kv.get('KEY', cacheTtl=30)", None),
    (
        "await kv.get('KEY', cacheTtl=29)",
        "Error: KV GET failed: 400 Invalid cache_ttl of 29. Cache TTL must be at least 30.",
    ),
    ("await kv.list(limit=1000)", None),
    (
        "await kv.list(limit=1001)",
        "Error: KV GET failed: 400 Invalid key_count_limit of 1001. Please specify an integer less than 1000.",
    ),
    (
        "await kv.put('KEY', '1')\nawait kv.get('KEY', 'blob')",
        'TypeError: Unknown response type. Possible types are "text", "arrayBuffer", "json", and "stream".',
    ),
    ("await kv.put('KEY', 'no json')\nawait kv.get('KEY', 'json')", "SyntaxError: "),
    ("await kv.put('KEY', '')\nawait kv.get('KEY', 'json')", "SyntaxError: "),
    ("await kv.get(to_js([]))", "Error: KV GET_BULK failed: 400 You must request a minimum of 1 key"),
    ("await kv.get(to_js(['a'] + [str(i) for i in range(99)]))", None),
    (
        "await kv.get(to_js([str(i) for i in range(101)]))",
        "Error: KV GET_BULK failed: 400 You can request a maximum of 100 keys",
    ),
    (
        "await kv.get(to_js(['a']), 'arrayBuffer')",
        'Error: KV GET_BULK failed: 400 "arrayBuffer" is not a valid type. Use "json" or "text"',
    ),
    (
        "await kv.put('KEY', 'no json')\nawait kv.get(to_js(['KEY']), 'json')",
        "Error: KV GET_BULK failed: 400 At least one of the requested keys corresponds to a non-json value",
    ),
    (
        "await kv.put('KEY', js.Object.new())",
        "TypeError: KV put() accepts only strings, ArrayBuffers, ArrayBufferViews, and ReadableStreams as values.",
    ),
    ("await kv.put('KEY', '', metadata='x' * 1022)", None),
    (
        "await kv.put('KEY', '', metadata='x' * 1023)",
        "Error: KV PUT failed: 413 Metadata length of 1025 exceeds limit of 1024.",
    ),
    ("await kv.put('KEY', 'x' * (25 << 20))", None),
    (
        "await kv.put('KEY', 'x' * ((25 << 20) + 1))",
        "Error: KV PUT failed: 413 Value length of 26214401 exceeds limit of 26214400.",
    ),
    ("await kv.put('KEY', '', metadata='ü' * 511)", None),
    (
        "await kv.put('KEY', '', metadata='ü' * 512)",
        "Error: KV PUT failed: 413 Metadata length of 1026 exceeds limit of 1024.",
    ),
    ("await kv.list(cursor='nonsense')", "Error: KV GET failed: 400 Invalid cursor."),
    ("await kv.get(to_js(['']))", "Error: KV GET_BULK failed: 400 "),
    (
        "await kv.get(to_js(['x' * 513]))",
        "Error: KV GET_BULK failed: 414 UTF-8 encoded length of 513 exceeds key length limit of 512.",
    ),
    (
        "await kv.put('KEY', '')\nawait kv.get(to_js(['KEY']), 'json')",
        "Error: KV GET_BULK failed: 400 At least one of the requested keys corresponds to a non-json value",
    ),
    (
        "await kv.put('KEY', 'x' * (13 << 20))\nawait kv.put('KEY2', 'x' * (13 << 20))\nawait kv.get(to_js(['KEY', 'KEY2']))",
        "Error: KV GET_BULK failed: 413 Total size of request exceeds the limit of 25MB",
    ),
    ("await kv.put('KEY', '', expiration=int(js.Date.now() / 1000) + 70)", None),
    ("await kv.put('KEY', '', expiration=int(js.Date.now() / 1000) + 50)", "Error: KV PUT failed: 400 Invalid expiration of "),
    ("await kv.put('KEY', '', expiration=2**31)", "TypeError: Value out of range. Must be between -2147483648 and 2147483647"),
    (
        "await kv.put('KEY', '', expirationTtl='soon')",
        "Error: KV PUT failed: 400 Invalid expiration_ttl of 0. Please specify integer greater than 0.",
    ),
    *[
        (
            f"await kv.put('KEY', js.{value})",
            "TypeError: KV put() accepts only strings, ArrayBuffers, ArrayBufferViews, and ReadableStreams as values.",
        )
        for value in ("Blob.new()", "Response.new('x')", "Array.new()", "Symbol")
    ],
    ("await kv.put('KEY', js.Symbol.iterator)", "TypeError: cannot convert symbol to string"),
    (
        "js.structuredClone(other)",
        "DataCloneError: A KV namespace binding cannot be serialized.",
    ),
]


@pytest.mark.parametrize("style", ["raw", "sdk"])
@pytest.mark.parametrize(("code", "error"), ERRORS)
def test_errors_and_what_just_passes(request, style, code, error):
    told = request.getfixturevalue(style)(code)
    if error is None:
        assert "rror: " not in told
    else:
        # The SDK turns some into Python's own exceptions.
        assert told.removeprefix("Python's ").startswith(error)


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("await kv.get('missing')", "jsnull"),
        ("await kv.put('KEY', None)\nawait kv.get('KEY')", "'undefined'"),
        ("await kv.put('KEY', to_js(b'\\x00\\xff'))\nbytes((await kv.get('KEY', 'arrayBuffer')).to_py())", r"b'\x00\xff'"),
        ("await kv.put('KEY', to_js(b'\\xff'))\nawait kv.get('KEY')", "'\ufffd'"),
        ("await kv.put('KEY', '{\"a\": [1]}')\n(await kv.get('KEY', 'json')).a[0]", "1"),
        ("await kv.put('KEY', jsnull)\nawait kv.get('KEY')", "'null'"),
        ("await kv.put('KEY', js.DataView.new(to_js(b'abcd').buffer, 1, 2))\nawait kv.get('KEY')", "'bc'"),
        ("await kv.put('KEY', js.Float64Array.new(2))\n(await kv.get('KEY', 'arrayBuffer')).byteLength", "16"),
        ("await kv.put('KEY', '')\n(await kv.get('KEY', 'stream')).constructor.name", "'ReadableStream'"),
        ("await kv.put('KEY', 'ab')\nfound = await kv.getWithMetadata('KEY', 'arrayBuffer')\n[found.value.byteLength, found.cacheStatus]",
         "[2, jsnull]"),
        ("await kv.put('KEY', '0')\n(await kv.getWithMetadata(to_js(['KEY', 'missing']), 'json')).to_py()",
         "{'KEY': {'value': 0, 'metadata': jsnull}, 'missing': jsnull}"),
        ("list((await kv.get(to_js(['b', 'a', 'b', 'c']))).to_py())", "['b', 'a', 'c']"),
        ("await kv.put('KEY', '[1]')\n(await kv.get('KEY', type='json')).to_py()", "[1]"),
        ("await kv.put('KEY', '1', to_js({'metadata': {'a': 1}}, dict_converter=js.Object.fromEntries))\n"
         "(await kv.getWithMetadata('KEY')).metadata.a", "1"),
        ("(await kv.getWithMetadata('missing')).to_py()", "{'value': jsnull, 'metadata': jsnull, 'cacheStatus': jsnull}"),
        ("await kv.put('KEY', '1')\ndict((await kv.get(to_js(['KEY', 'missing', 'KEY']))).to_py())",
         "{'KEY': '1', 'missing': jsnull}"),
    ],
)
def test_raw(raw, code, value):
    assert raw(code) == value


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("await kv.get('missing')", "None"),
        ("await kv.put('KEY', None)\nawait kv.get('KEY')", "'null'"),
        ("await kv.put('KEY', b'\\x00\\xff')\nbytes(await kv.get('KEY', 'arrayBuffer'))", r"b'\x00\xff'"),
        ("await kv.put('KEY', json.dumps({'n': 1}), metadata={'src': 'py'})\nawait kv.get('KEY', 'json')", "{'n': 1}"),
        ("await kv.put('KEY', '1', metadata={'a': [1, None]})\n(await kv.getWithMetadata('KEY'))['metadata']", "{'a': [1, None]}"),
        ("await kv.put('KEY', '1', metadata={'a': 1})\nawait kv.put('KEY', '2')\n(await kv.getWithMetadata('KEY'))['metadata']", "None"),
        ("await kv.put('KEY', '1', {'metadata': 5, 'expirationTtl': 60})\n(await kv.getWithMetadata('KEY')).metadata", "5"),
        ("await kv.put('KEY', '1')\nawait kv.get(['KEY', 'missing'])", "{'KEY': '1', 'missing': None}"),
        ("await kv.put('KEY', '[1]', metadata=2)\nawait kv.getWithMetadata(['KEY', 'missing'], 'json')",
         "{'KEY': {'value': [1], 'metadata': 2}, 'missing': None}"),
        # No limit is the default one.
        ("for name in 'ab':\n    await kv.put('KEY' + name, '')\n"
         "[len((await kv.list(prefix='KEY', limit=limit))['keys']) for limit in (0, -5, 1, 1.9, '1')]", "[2, 2, 1, 1, 1]"),
        # What is not said again is gone.
        ("await kv.put('KEY', '', expirationTtl=60, metadata='m')\nawait kv.put('KEY', '')\n"
         "key = (await kv.list(prefix='KEY'))['keys'][0]\nlist(key)", "['name']"),
        ("await kv.getWithMetadata('missing')", "{'value': None, 'metadata': None, 'cacheStatus': None}"),
    ],
)  # fmt: skip
def test_sdk(sdk, code, value):
    assert sdk(code) == value


def test_dicts_are_refused_as_values(sdk):
    assert "KV put() accepts only strings" in sdk("await kv.put('KEY', {'a': 1})")


def test_list_pages_through_everything_in_order_of_bytes(sdk):
    names = ["KEY/" + name for name in ("a", "b", "ä", "z", "🐍", "B")]
    sdk(f"import asyncio\nawait asyncio.gather(*[kv.put(name, '1') for name in {names!r}])")
    paging = """
names, cursor, pages = [], None, 0
while True:
    page = await kv.list(prefix='KEY/', limit=2, cursor=cursor)
    names += [key['name'] for key in page['keys']]
    pages += 1
    if page['list_complete']:
        break
    cursor = page['cursor']
names, pages, 'cursor' in page
"""
    ordered = sorted(names, key=str.encode)
    assert sdk(paging) == repr((ordered, 3, False))


def test_list_tells_expiration_and_metadata_where_there_are(sdk):
    told = sdk(
        "await kv.put('KEY1', '1')\n"
        "await kv.put('KEY2', '1', expiration=2147483647, metadata={'a': 1})\n"
        "(await kv.list({'prefix': 'KEY'}))['keys']"
    )
    assert told == "[{'name': 'KEY1'}, {'name': 'KEY2', 'expiration': 2147483647, 'metadata': {'a': 1}}]"


def test_streams_carry_the_largest_value_both_ways(raw):
    code = """
import hashlib
piece, left = to_js(bytes(range(256)) * 4096), [25]
def pull(controller):
    controller.enqueue(piece)
    left[0] -= 1
    if not left[0]:
        controller.close()
from pyodide.ffi import create_proxy
await kv.put('KEY', js.ReadableStream.new(pull=create_proxy(pull)))
digest, size = hashlib.sha256(), 0
async for chunk in await kv.get('KEY', 'stream'):
    digest.update(chunk.to_py())
    size += chunk.length
size, digest.digest() == hashlib.sha256(bytes(range(256)) * 4096 * 25).digest()
"""
    assert raw(code) == repr((VALUE_MAX, True))


def test_a_stream_past_the_limit_stores_nothing(raw):
    code = """
await kv.put('KEY', 'before')
piece, left = to_js(bytes(1 << 20)), [26]
def pull(controller):
    controller.enqueue(piece)
    left[0] -= 1
    if not left[0]:
        controller.close()
from pyodide.ffi import create_proxy
try:
    await kv.put('KEY', js.ReadableStream.new(pull=create_proxy(pull)))
except JsException as error:
    said = error.message
said, await kv.get('KEY')
"""
    told = raw(code)
    assert "KV PUT failed: 413 Value length of " in told
    assert told.endswith(", 'before')")


def test_a_stream_that_fails_stores_nothing(raw):
    code = """
await kv.put('KEY', 'before')
from pyodide.ffi import create_proxy
def pull(controller):
    controller.error(js.Error.new('broke'))
try:
    await kv.put('KEY', js.ReadableStream.new(pull=create_proxy(pull)))
except JsException as error:
    said = error.message
said, await kv.get('KEY')
"""
    assert raw(code) == "('broke', 'before')"


def test_a_body_is_stored_as_it_comes(raw):
    assert raw("await kv.put('KEY', js.Response.new('of a response').body)\nawait kv.get('KEY')") == "'of a response'"


@pytest.mark.parametrize("style", ["raw", "sdk"])
def test_an_invocation_may_make_1000_operations(request, style):
    run = request.getfixturevalue(style)
    assert run("for _ in range(999): await kv.get('KEY')\nawait other.list()\n'done'") == "'done'"
    refused = "Error: Too many API requests by single worker invocation."
    assert run("for _ in range(1000): await kv.get('KEY')\nawait other.list()\n'done'").endswith(refused)
    assert run("await kv.delete('KEY')\n'the next begins anew'") == "'the next begins anew'"


def test_a_binding_cannot_be_used_at_the_top_level(raw):
    assert raw("at_top_level").startswith("'JsException: Error: Disallowed operation called within global scope.")


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("await kv.put('KEY')", None),
        ("await kv.put('KEY', '1', 5)", "TypeError: Failed to execute 'put' on 'KvNamespace': parameter 3 is not of type"),
        ("await kv.list(5)", "TypeError: "),
        ("await kv.nothing()", "Python's AttributeError: nothing"),
    ],
)
def test_arguments_that_make_no_sense(raw, code, value):
    told = raw(code)
    if value is not None:
        assert told.startswith(value)

"""R2 as Python sees it, as the JavaScript object itself and through Cloudflare's SDK: every method, option, condition,
range and error text; and objects that are streamed."""

import hashlib
import random

import pytest

WORKER = "r2"
OWN = "KEY"
MIB = 1 << 20
O = "lambda **fields: to_js(fields, dict_converter=js.Object.fromEntries)"
PUT = f"O = {O}\nobj = await r2.put('KEY', 'content')\n"
UPLOAD = f"O = {O}\nupload = await r2.createMultipartUpload('KEY')\nsend = upload.uploadPart\n"
PARTS = "list_ = lambda *parts: to_js([O(partNumber=n, etag=e) for n, e in parts])\n"
MD5 = hashlib.md5(b"content").hexdigest()
FIELDS = ["key", "version", "size", "etag", "httpEtag", "uploaded", "checksums", "httpMetadata", "customMetadata", "range",
          "storageClass", "ssecKeyMd5"]  # fmt: skip

# Code for both styles, and what it gives.
COMMON = [
    ("other.constructor.name", "'R2Bucket'"),
    ("(await other.put('KEY', '')).constructor.name", "'HeadResult'"),
    ("await other.put('KEY', '')\n(await other.get('KEY')).constructor.name", "'GetResult'"),
    (PUT + "await (await r2.get('KEY')).text()", "'content'"),
    (PUT + "[obj.key, obj.size, obj.etag, obj.httpEtag, obj.storageClass]",
     str(["KEY", 7, MD5, f'"{MD5}"', "Standard"])),
    (PUT + "again = await r2.put('KEY', 'content')\nobj.version != again.version", "True"),
    (PUT + "[hasattr(await r2.head('KEY'), 'body'), hasattr(await r2.get('KEY'), 'body')]", "[False, True]"),
    (PUT + "obj = await r2.get('KEY', range=O(offset=2, length=3))\n[await obj.text(), obj.size, obj.range.offset, obj.range.length]",
     "['nte', 7, 2, 3]"),
    (PUT + "await (await r2.get('KEY', range=O(suffix=4))).text()", "'tent'"),
    (PUT + "await (await r2.get('KEY', range=O(offset=3, length=100))).text()", "'tent'"),
    (PUT + "await (await r2.get('KEY', range=js.Headers.new(O(range='bytes=1-2')))).text()", "'on'"),
    (PUT + "await (await r2.get('KEY', range=js.Headers.new(O(range='lines=1-2')))).text()", "'content'"),
    (PUT + "await r2.delete('KEY')\nawait r2.get('KEY') in (None, jsnull)", "True"),
    ("await r2.head('missing') in (None, jsnull)", "True"),
    ("await r2.delete('missing')", "None"),
    (PUT + "await r2.put('KEY2', '')\nawait r2.delete(to_js(['KEY', 'KEY2', 'missing']))\nlen((await r2.list(prefix='KEY')).objects)",
     "0"),
    (PUT + "[await other.get('KEY') in (None, jsnull)]", "[True]"),
    (PUT + "page = await r2.list(prefix='KEY')\n[[o.key for o in page.objects], page.truncated, hasattr(page, 'cursor')]",
     "[['KEY'], False, False]"),
    # Conditions.
    (PUT + "hasattr(await r2.get('KEY', onlyIf=O(etagMatches=obj.etag)), 'body')", "True"),
    (PUT + "hasattr(await r2.get('KEY', onlyIf=O(etagMatches='other')), 'body')", "False"),
    (PUT + "hasattr(await r2.get('KEY', onlyIf=O(etagDoesNotMatch=obj.etag)), 'body')", "False"),
    (PUT + "hasattr(await r2.get('KEY', onlyIf=O(uploadedAfter=0)), 'body')", "True"),
    (PUT + "hasattr(await r2.get('KEY', onlyIf=O(uploadedBefore=0)), 'body')", "False"),
    (PUT + "hasattr(await r2.get('KEY', onlyIf=O(uploadedBefore=0, etagMatches='*')), 'body')", "True"),
    (PUT + "hasattr(await r2.get('KEY', onlyIf=js.Headers.new(O(**{'if-none-match': f'\"x\", W/\"{obj.etag}\"'}))), 'body')",
     "False"),
    (PUT + "hasattr(await r2.get('KEY', onlyIf=js.Headers.new(O(**{'if-match': f'W/\"{obj.etag}\"'}))), 'body')", "False"),
    (PUT + "hasattr(await r2.get('KEY', onlyIf=js.Headers.new(O(**{'if-match': f'\"{obj.etag}\"'}))), 'body')", "True"),
    (PUT + "await r2.put('KEY', 'x', onlyIf=O(etagDoesNotMatch='*')) in (None, jsnull)", "True"),
    (PUT + "await r2.put('new-KEY', 'x', onlyIf=O(etagDoesNotMatch='*')) in (None, jsnull)", "False"),
    (PUT + "await r2.put('new-KEY', 'x', onlyIf=O(etagMatches='*')) in (None, jsnull)", "True"),
    (PUT + "await r2.put('KEY', 'x', onlyIf=O(etagMatches=obj.etag))\nawait (await r2.get('KEY')).text()", "'x'"),
    (PUT + "await r2.put('KEY', 'x', onlyIf=O(etagMatches='other'))\nawait (await r2.get('KEY')).text()", "'content'"),
    # Checksums.
    ("obj = await r2.put('KEY', 'content', sha256=hashlib.sha256(b'content').hexdigest())\n"
     "[hasattr(obj.checksums, 'toJSON'), obj.checksums.toJSON().sha256[:6]]", "[True, 'ed7002']"),
    *[(f"obj = await r2.put('KEY', 'content', {name}=hashlib.{name}(b'content').hexdigest())\n"
       f"obj.checksums.toJSON().{name} == hashlib.{name}(b'content').hexdigest()", "True")
      for name in ("md5", "sha1", "sha384", "sha512")],
    # Multipart uploads.
    ("upload = await r2.createMultipartUpload('KEY')\n[upload.key, len(upload.uploadId)]", "['KEY', 32]"),
    ("upload = await r2.createMultipartUpload('KEY')\npart = await upload.uploadPart(1, 'abc')\n"
     "obj = await upload.complete(to_js([part]) if not isinstance(part, dict) else [part])\n"
     "[await (await r2.get('KEY')).text(), obj.etag, obj.size]",
     str(["abc", hashlib.md5(hashlib.md5(b"abc").digest()).hexdigest() + "-1", 3])),
    ("upload = r2.resumeMultipartUpload('KEY', (await r2.createMultipartUpload('KEY')).uploadId)\n"
     "await upload.abort()\nawait upload.abort()", "None"),
]


@pytest.mark.parametrize("style", ["raw", "sdk"])
@pytest.mark.parametrize(("code", "value"), COMMON)
def test_both_styles(request, style, code, value):
    given = request.getfixturevalue(style)(code)
    assert given == value if value is not None else "rror: " not in given


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("await r2.put('KEY', None)\nawait (await r2.get('KEY')).text()", "''"),
        ("await r2.put('KEY', to_js(b'\\x00\\xff'))\n(await (await r2.get('KEY')).arrayBuffer()).to_bytes()", r"b'\x00\xff'"),
        ("await r2.put('KEY', to_js(b'\\x00\\xff'))\n(await (await r2.get('KEY')).bytes()).to_bytes()", r"b'\x00\xff'"),
        ("await r2.put('KEY', '{\"a\": [1]}')\n(await (await r2.get('KEY')).json()).a[0]", "1"),
        ("await r2.put('KEY', js.Blob.new(to_js(['blob'])))\nawait (await r2.get('KEY')).text()", "'blob'"),
        (PUT + "obj = await r2.get('KEY')\n[obj.bodyUsed, await obj.text(), obj.bodyUsed]", "[False, 'content', True]"),
        (PUT + "obj = await r2.get('KEY')\n[obj.body.constructor.name, await js.Response.new(obj.body).text()]",
         "['ReadableStream', 'content']"),
        (PUT + "await r2.put('KEY', 'x', O(httpMetadata=O(contentType='text/x', cacheExpiry=js.Date.new(0)), "
         "customMetadata=O(who='me', n=5)))\nobj = await r2.head('KEY')\n"
         "[obj.httpMetadata.contentType, obj.httpMetadata.cacheExpiry.getTime(), obj.customMetadata.to_py()]",
         "['text/x', 0, {'who': 'me', 'n': '5'}]"),
        (PUT + "await r2.put('KEY', 'x', O(httpMetadata=js.Headers.new(O(**{'content-type': 'a/b', 'x': 'y'}))))\n"
         "headers = js.Headers.new()\n(await r2.head('KEY')).writeHttpMetadata(headers)\nheaders.get('content-type')", "'a/b'"),
        (PUT + "obj = await r2.put('KEY', 'x', O(httpMetadata=O(contentType='a/b')))\n"
         "(await (await r2.get('KEY')).blob()).type", "'a/b'"),
        (PUT + "await r2.put('KEY', 'x', O(customMetadata=O(a='1')))\n"
         "page = await r2.list(prefix='KEY', include=to_js(['customMetadata']))\n"
         "[page.objects[0].customMetadata.a, page.objects[0].httpMetadata]", "['1', None]"),
        (PUT + "obj = await r2.head('KEY')\n[obj.uploaded.constructor.name, abs(obj.uploaded.getTime() - js.Date.now()) < 60000]",
         "['Date', True]"),
        ("for name in ['a', 'b/1', 'b/2', 'c/1', 'd']:\n    await r2.put('KEY/' + name, '')\n"
         "page = await r2.list(prefix='KEY/', delimiter='/')\n"
         "[[o.key[-1] for o in page.objects], [p[-2:] for p in page.delimitedPrefixes]]", "[['a', 'd'], ['b/', 'c/']]"),
        ("for name in ['a', 'b/1', 'b/2', 'c/1', 'd']:\n    await r2.put('KEY/' + name, '')\n"
         "found, cursor = [], None\nwhile True:\n"
         "    page = await r2.list(prefix='KEY/', delimiter='/', limit=1, **({'cursor': cursor} if cursor else {}))\n"
         "    found += [o.key[-1] for o in page.objects] + [p[-2:] for p in page.delimitedPrefixes]\n"
         "    if not page.truncated:\n        break\n    cursor = page.cursor\nfound", "['a', 'b/', 'c/', 'd']"),
        ("for name in 'abc':\n    await r2.put('KEY/' + name, '')\n"
         "[o.key[-1] for o in (await r2.list(prefix='KEY/', startAfter='KEY/a')).objects]", "['b', 'c']"),
        ("for name in ['ä', 'z', '😀']:\n    await r2.put('KEY/' + name, '')\n"
         "[o.key[-1] for o in (await r2.list(prefix='KEY/')).objects]", "['z', 'ä', '😀']"),
        (PUT + "await r2.put('KEY', 'x', O(ssecKey='ab' * 32))\nlen((await r2.head('KEY')).ssecKeyMd5)", "32"),
        (PUT + "await r2.put('KEY', 'x', O(ssecKey='ab' * 32))\nawait (await r2.get('KEY', ssecKey='ab' * 32)).text()", "'x'"),
        (f"O = {O}\nupload = await r2.createMultipartUpload('KEY', O(customMetadata=O(a='1')))\n"
         "first = await upload.uploadPart(1, 'a' * (5 << 20))\nsecond = await upload.uploadPart(2, 'b')\n"
         "obj = await upload.complete(to_js([first, second]))\n"
         "middle = await r2.get('KEY', range=O(offset=(5 << 20) - 1, length=2))\n"
         "[obj.size, obj.customMetadata.a, obj.etag[-2:], await middle.text(), obj.checksums.md5]",
         "[5242881, '1', '-2', 'ab', None]"),
        # What each method tells of an object.
        *[(PUT + f"list(js.Object.keys({given}))", str(FIELDS)) for given in ("obj", "await r2.head('KEY')")],
        (PUT + "objects = (obj, await r2.head('KEY'), await r2.get('KEY'), (await r2.list(prefix='KEY')).objects[0])\n"
         "[js.JSON.stringify([o.range, o.httpMetadata, o.customMetadata]) for o in objects]",
         str(["[null,{},{}]", *2 * ['[{"offset":0,"length":7},{},{}]'], "[null,null,null]"])),
        (PUT + "page = await r2.list(prefix='KEY', include=to_js(['httpMetadata', 'customMetadata']))\n"
         "[js.JSON.stringify(getattr(page.objects[0], name)) for name in ('httpMetadata', 'customMetadata')]", "['{}', '{}']"),
        (PUT + "[js.JSON.stringify(obj.checksums), obj.checksums.md5.byteLength, obj.checksums.sha1]",
         str([f'{{"md5":"{MD5}"}}', 16, None])),
        ("await r2.put('KEY', 'x', O(httpMetadata=O(contentType='a/b', contentLanguage='en', contentDisposition='inline', "
         "contentEncoding='br', cacheControl='no-store', cacheExpiry=js.Date.new(1000))))\n"
         "headers = js.Headers.new(O(**{'content-type': 'old', 'etag': 'own'}))\n"
         "(await r2.head('KEY')).writeHttpMetadata(headers)\ndict(js.Object.fromEntries(headers).to_py())",
         str({"cache-control": "no-store", "content-disposition": "inline", "content-encoding": "br",
              "content-language": "en", "content-type": "a/b", "etag": "own", "expires": "Thu, 01 Jan 1970 00:00:01 GMT"})),
        ("headers = O(**{'content-type': 'a/b', 'expires': 'Thu, 01 Jan 1970 00:00:01 GMT', 'x-other': '1'})\n"
         "js.JSON.stringify((await r2.put('KEY', 'x', O(httpMetadata=js.Headers.new(headers)))).httpMetadata)",
         """'{"contentType":"a/b","cacheExpiry":"1970-01-01T00:00:01.000Z"}'"""),
        ("(await r2.put('KEY', 'x', O(storageClass='InfrequentAccess'))).storageClass", "'InfrequentAccess'"),
        (PUT + "[(await r2.put('KEY', value)).size for value in (jsnull, js.undefined, js.Float64Array.new(2))]", "[0, 0, 16]"),
        ("(await r2.put('KEY', js.Response.new('of a response').body)).size", "13"),
        (PUT + "obj = await r2.get('KEY')\nbody = obj.body\n[obj.bodyUsed, await obj.text(), obj.bodyUsed]",
         "[False, 'content', True]"),
        (PUT + "obj = await r2.get('KEY')\nawait obj.text()\n[obj.bodyUsed, obj.body.constructor.name]", "[True, 'ReadableStream']"),
        # Ranges.
        *[(PUT + f"obj = await r2.get('KEY', range={range_})\n[await obj.text(), obj.range.offset, obj.range.length]", told)
          for range_, told in [
              ("O()", "['content', 0, 7]"),
              ("O(suffix=100)", "['content', 0, 7]"),
              ("js.Headers.new()", "['content', 0, 7]"),
              ("js.Headers.new(O(range='bytes=-3'))", "['ent', 4, 3]"),
              ("js.Headers.new(O(range='bytes=0-1,3-4'))", "['content', 0, 7]"),
              ("js.Headers.new(O(range='bytes=100-'))", "['content', 0, 7]"),
          ]],
        # Conditions: comparisons of times are strict, and an etag says more than a time.
        *[(PUT + f"time = obj.uploaded.getTime()\nhasattr(await r2.get('KEY', onlyIf=O({condition})), 'body')", str(holds))
          for condition, holds in [
              ("uploadedBefore=obj.uploaded", False),
              ("uploadedBefore=js.Date.new(time + 1)", True),
              ("uploadedAfter=obj.uploaded", False),
              ("uploadedAfter=js.Date.new(time - 1)", True),
              ("uploadedAfter=js.Date.new(time - time % 1000), secondsGranularity=True", False),
              ("uploadedAfter=js.Date.new(time - 1000), secondsGranularity=True", True),
              ("uploadedAfter=js.Date.new(8e15), etagDoesNotMatch='x'", True),
              ("etagDoesNotMatch='*'", False),
              ("nothing=1", True),
          ]],
        *[(PUT + f"hasattr(await r2.get('KEY', onlyIf=js.Headers.new(O(**{headers}))), 'body')", str(holds))
          for headers, holds in [
              ({}, True),
              ({"if-match": "*"}, True),
              ({"if-none-match": "*"}, False),
              ({"if-modified-since": "Mon, 01 Jan 2001 00:00:00 GMT"}, True),
              ({"if-unmodified-since": "Mon, 01 Jan 2001 00:00:00 GMT"}, False),
              ({"if-modified-since": "no time"}, True),
          ]],
        ("await r2.get('missing', onlyIf=O(etagMatches='x'))", "jsnull"),
        ("await r2.put('KEY', 'x', onlyIf=O(uploadedAfter=js.Date.new(0)))", "jsnull"),
        ("(await r2.put('KEY', 'x', onlyIf=O(uploadedBefore=js.Date.new(0)))).key", "'KEY'"),
        # Lists.
        ("for name in 'abc':\n    await r2.put('KEY' + name, '')\npage = await r2.list(prefix='KEY', limit=1)\n"
         "[o.key for o in (await r2.list(prefix='KEY', cursor=page.cursor, startAfter='KEYb')).objects]", "['KEYc']"),
        ("for name in ('a::1', 'a::2', 'b'):\n    await r2.put('KEY' + name, '')\npage = await r2.list(prefix='KEY', delimiter='::')\n"
         "[[o.key for o in page.objects], page.delimitedPrefixes.to_py()]", "[['KEYb'], ['KEYa::']]"),
        (PUT + "[o.key for o in (await r2.list(prefix='KEY', delimiter='')).objects]", "['KEY']"),
        # Keys that no object can have.
        *[(f"await r2.{call}", value) for call, value in [
            ("head('')", "jsnull"), ("get('x' * 1025)", "jsnull"), ("delete('')", "None"), ("delete(to_js([]))", "None"),
        ]],
        # Uploads.
        (UPLOAD + "obj = await upload.complete(to_js([]))\n[obj.size, obj.etag[-2:]]", "[0, '-0']"),
        (UPLOAD + "first, second = await send(1, 'a'), await send(2, 'b')\n(await upload.complete(to_js([second]))).size", "1"),
        (UPLOAD + "second, first = await send(2, 'b'), await send(1, 'a' * (5 << 20))\n"
         "(await upload.complete(to_js([first, second]))).size", "5242881"),
        (UPLOAD + "part = await send(1, 'a')\nawait upload.complete(to_js([part]))\nawait upload.abort()", "None"),
        ("key = O(ssecKey='ab' * 32, httpMetadata=O(contentType='a/b'), storageClass='InfrequentAccess')\n"
         "upload = await r2.createMultipartUpload('KEY', key)\npart = await upload.uploadPart(1, 'x', key)\n"
         "obj = await upload.complete(to_js([part]))\n[obj.httpMetadata.contentType, obj.storageClass, len(obj.ssecKeyMd5), "
         "await (await r2.get('KEY', ssecKey='ab' * 32)).text()]", "['a/b', 'InfrequentAccess', 32, 'x']"),
        ("upload = await r2.createMultipartUpload('KEY')\nawait upload.uploadPart(1, 'old')\n"
         "part = await upload.uploadPart(1, 'new')\nawait upload.complete(to_js([part]))\nawait (await r2.get('KEY')).text()", "'new'"),
    ],
)
def test_raw(raw, code, value):
    assert raw(f"O = {O}\n{code}") == value


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("await r2.put('KEY', None)\nawait (await r2.get('KEY')).text()", "''"),
        ("await r2.put('KEY', b'\\x00\\xff')\nbytes(await (await r2.get('KEY')).arrayBuffer())", r"b'\x00\xff'"),
        ("obj = await r2.put('KEY', 'hi', httpMetadata={'contentType': 'text/plain'}, customMetadata={'who': 'py'})\n"
         "[obj.customMetadata, obj.httpMetadata['contentType'], obj.etag[:4]]", "[{'who': 'py'}, 'text/plain', '49f6']"),
        ("await r2.put('KEY', 'hi')\nawait (await r2.get('KEY', range={'offset': 0, 'length': 1})).text()", "'h'"),
        ("await r2.put('KEY', '1', onlyIf={'etagDoesNotMatch': '*'})\nawait r2.put('KEY', '1', onlyIf={'etagDoesNotMatch': '*'})",
         "None"),
        ("import datetime\nawait r2.put('KEY', '1')\n"
         "hasattr(await r2.get('KEY', onlyIf={'uploadedBefore': datetime.datetime(2100, 1, 1)}), 'body')", "True"),
        ("obj = await r2.put('KEY', '1')\ntype(obj.uploaded).__name__", "'datetime'"),
    ],
)
def test_sdk(sdk, code, value):
    assert sdk(code) == value


@pytest.mark.parametrize("value", ["to_js(content)", "to_js(content).buffer", "memoryview(content)"])
def test_the_sdk_sends_a_large_buffer_as_a_whole(sdk, value):
    # A look at each of its bytes would take longer than an event may compute.
    code = f"content = bytes(range(256)) * {16 * MIB // 256}\nawait r2.put('KEY', {value})\n"
    assert sdk(code + "bytes(await (await r2.get('KEY')).arrayBuffer()) == content") == "True"


# What goes wrong, and how it is told; `None` where it just passes.
ERRORS = [
    ("await r2.put('', 'x')", "Error: put: The specified object name is not valid. (10020)"),
    ("await r2.put('ü' * 512, 'x')", None),
    ("await r2.put('ü' * 512 + 'x', 'x')", "Error: put: The specified object name is not valid. (10020)"),
    ("await r2.put('KEY', 5)", "TypeError: Failed to execute 'put' on 'R2Bucket': parameter 2 is not of type "),
    ("await r2.put('KEY', 'x', 5)", "TypeError: Failed to execute 'put' on 'R2Bucket': parameter 3 is not of type "),
    (f"O = {O}\nawait r2.put('KEY', '', O(customMetadata=O(a='x' * 8191)))", None),
    (f"O = {O}\nawait r2.put('KEY', '', O(customMetadata=O(a='x' * 8192)))",
     "Error: put: Your metadata headers exceed the maximum allowed metadata size. (10012)"),
    ("await r2.put('KEY', 'x', md5='00')", "TypeError: MD5 is 32 hex characters, not 2"),
    ("await r2.put('KEY', 'x', md5='x' * 32)", "TypeError: Provided MD5 wasn't a valid hex string"),
    ("await r2.put('KEY', 'x', sha1=to_js(b'x'))", "TypeError: SHA-1 is 20 bytes, not 1"),
    ("await r2.put('KEY', 'x', md5='0' * 32, sha1='0' * 40)", "TypeError: You cannot specify multiple hashing algorithms."),
    ("await r2.put('KEY', 'x', sha256='0' * 64)",
     "Error: put: The SHA-256 checksum you specified did not match what we received.\nYou provided a SHA-256 checksum with "
     f"value: {'0' * 64}\nActual SHA-256 was: {hashlib.sha256(b'x').hexdigest()} (10037)"),
    (PUT + "await r2.get('KEY', range=O(offset=-1))",
     "RangeError: Invalid range. Starting offset (-1) must be greater than or equal to 0."),
    (PUT + "await r2.get('KEY', range=O(length=1.5))", "RangeError: Invalid range. Length (1.5) must be an integer"),
    (PUT + "await r2.get('KEY', range=O(suffix=-1))", "RangeError: Invalid suffix. Suffix (-1) must be greater"),
    (PUT + "await r2.get('KEY', range=O(suffix=1, offset=1))", "TypeError: Suffix is incompatible with offset."),
    (PUT + "await r2.get('KEY', range=O(suffix=1, length=1))", "TypeError: Suffix is incompatible with length."),
    (PUT + "await r2.get('KEY', range=O(offset=6))", None),
    (PUT + "await r2.get('KEY', range=O(offset=7))", "Error: get: The requested range is not satisfiable (10039)"),
    (PUT + "await r2.get('KEY', range=O(length=0))", "Error: get: The requested range is not satisfiable (10039)"),
    (PUT + "await r2.get('KEY', onlyIf=O(etagMatches='\"x\"'))",
     'TypeError: Conditional ETag should not be wrapped in quotes ("x").'),
    *[(PUT + f"await r2.{call}", f"TypeError: Incorrect type for the '{field}' field on '{owner}': the provided value is not of "
       f"type '{expected}'.")
      for call, field, owner, expected in [
          ("get('KEY', range=5)", "range", "GetOptions", "Range or Headers"),
          ("get('KEY', onlyIf=5)", "onlyIf", "GetOptions", "Conditional or Headers"),
          ("get('KEY', onlyIf=O(uploadedBefore='x'))", "uploadedBefore", "Conditional", "date"),
          ("get('KEY', ssecKey=5)", "ssecKey", "GetOptions", "ArrayBuffer or ArrayBufferView or string"),
          ("put('KEY', 'x', httpMetadata=5)", "httpMetadata", "PutOptions", "HttpMetadata or Headers"),
          ("put('KEY', 'x', httpMetadata=O(cacheExpiry='x'))", "cacheExpiry", "HttpMetadata", "date"),
          ("put('KEY', 'x', customMetadata=5)", "customMetadata", "PutOptions", "object"),
          ("put('KEY', 'x', md5=5)", "md5", "PutOptions", "ArrayBuffer or ArrayBufferView or string"),
          ("list(include='httpMetadata')", "include", "ListOptions", "Array"),
          ("createMultipartUpload('KEY', httpMetadata=5)", "httpMetadata", "MultipartOptions", "HttpMetadata or Headers"),
      ]],
    *[(f"await r2.put('KEY', 'x', {name}='{digits}')", f"TypeError: {error}")
      for name, title, size in [("sha1", "SHA-1", 40), ("sha256", "SHA-256", 64), ("sha384", "SHA-384", 96), ("sha512", "SHA-512", 128)]
      for digits, error in [("0", f"{title} is {size} hex characters, not 1"),
                            ("x" * size, f"Provided {title} wasn't a valid hex string")]],
    *[(f"await r2.put('KEY', 'x', {name}='{'0' * size}')", f"Error: put: The {title} checksum you specified did not match")
      for name, title, size in [("md5", "MD5", 32), ("sha1", "SHA-1", 40), ("sha384", "SHA-384", 96), ("sha512", "SHA-512", 128)]],
    *[(f"O = {O}\nawait r2.put('KEY', '', O(customMetadata=O(a={value})))", error)
      for value, error in [
          ("'ü' * 8191", None), ("'ü' * 8192", "Error: put: Your metadata headers exceed the maximum"),
          ("'ж' * 4095", None), ("'ж' * 4096", "Error: put: Your metadata headers exceed the maximum"),
      ]],
    (PUT + "await r2.get('KEY', range=O(suffix=0))", "Error: get: The requested range is not satisfiable (10039)"),
    (PUT + "await r2.get('KEY', range=O(offset=1.5))",
     "RangeError: Invalid range. Starting offset (1.5) must be an integer, not floating point."),
    ("await r2.list(cursor='%')", "Error: list: The specified cursor is not valid. (10022)"),
    ("await r2.createMultipartUpload('')", "Error: createMultipartUpload: The specified object name is not valid. (10020)"),
    (UPLOAD + "await upload.complete(5)",
     "TypeError: Failed to execute 'complete' on 'R2MultipartUpload': parameter 1 is not of type 'Array'."),
    (UPLOAD + "await send(1, 5)", "TypeError: Failed to execute 'uploadPart' on 'R2MultipartUpload': parameter 2 is not of type "),
    (UPLOAD + "await send(1.5, '')", "TypeError: Part number must be between 1 and 10000 (inclusive). Actual value was: 1.5"),
    (UPLOAD + PARTS + "await upload.complete(list_((10001, 'x')))",
     "TypeError: Part number must be between 1 and 10000 (inclusive). Actual value was: 10001"),
    (UPLOAD + "await send(1, js.ReadableStream.new())", "TypeError: Provided readable stream must have a known length"),
    (UPLOAD + PARTS + "e = (await send(1, 'a')).etag\nawait upload.complete(list_((1, e)))\nawait upload.complete(list_((1, e)))",
     "Error: completeMultipartUpload: The specified multipart upload does not exist. (10024)"),
    (PUT + "await r2.get('KEY', onlyIf=O(etagMatches=5))",
     "TypeError: Incorrect type for the 'etagMatches' field on 'Conditional': the provided value is not of type 'string'."),
    *[(PUT + f"await r2.get('KEY', onlyIf=js.Headers.new(O(**{{'if-match': {header!r}}})))", f"Error: {error}")
      for header, error in [
          ("W/x", "Weak etags must start with W/ and their value must be quoted"),
          ('"x', "Unclosed double quote for Etag"),
          ('"x" "y"', "Comma was expected to separate etags."),
          ("x", "Invalid ETag in if-match header"),
      ]],
    (PUT + "obj = await r2.get('KEY')\nawait obj.text()\nawait obj.text()", "TypeError: Body has already been used."),
    ("await r2.list(limit=1000)", None),
    ("await r2.list(limit=1001)", "Error: list: MaxKeys params must be positive integer <= 1000. (10022)"),
    ("await r2.list(limit=0)", "Error: list: MaxKeys params must be positive integer <= 1000. (10022)"),
    ("await r2.list(include=to_js(['x']))", "RangeError: Unsupported include value x"),
    ("await r2.list(prefix=5)",
     "TypeError: Incorrect type for the 'prefix' field on 'ListOptions': the provided value is not of type 'string'."),
    (PUT + "(await other.put('KEY', 'x'))\n(await other.list(prefix='KEY')).objects[0].writeHttpMetadata(js.Headers.new())",
     "TypeError: HTTP metadata unknown for key `KEY`. Did you forget to add 'httpMetadata' to `include` when listing?"),
    ("await r2.delete(to_js([f'{i}' for i in range(1000)]))", None),
    ("await r2.delete(to_js([f'{i}' for i in range(1001)]))", "Error: delete: "),
    ("js.structuredClone(other)", "DataCloneError: An R2 bucket binding cannot be serialized."),
    ("await r2.put('KEY', 'x', ssecKey='x')", "Error: SSE-C Key has invalid format"),
    ("await r2.put('KEY', 'x', ssecKey=to_js(b'x'))", "Error: SSE-C Key must be 32 bytes in length"),
    (PUT + "await r2.get('KEY', ssecKey='ab' * 32)", "Error: get: "),
    ("await r2.put('KEY', 'x', storageClass='Cold')", "Error: put: "),
    (UPLOAD + "await send(10000, '')", None),
    (UPLOAD + "await send(0, '')", "TypeError: Part number must be between 1 and 10000 (inclusive). Actual value was: 0"),
    (UPLOAD + "await send(10001, '')", "TypeError: Part number must be between 1 and 10000 (inclusive)."),
    (UPLOAD + "await upload.abort()\nawait send(1, '')",
     "Error: uploadPart: The specified multipart upload does not exist. (10024)"),
    ("await r2.resumeMultipartUpload('KEY', 'x').abort()", "Error: abortMultipartUpload: The specified multipart upload"),
    (UPLOAD + PARTS + "await upload.complete(list_((1, 'x')))",
     "Error: completeMultipartUpload: One or more of the specified parts could not be found. (10025)"),
    (UPLOAD + PARTS + "e = (await send(1, 'a')).etag\nawait upload.complete(list_((1, e), (1, e)))",
     "Error: completeMultipartUpload: We encountered an internal error. Please try again. (10001)"),
    (UPLOAD + PARTS + "a, b = (await send(1, 'a')).etag, (await send(2, 'b')).etag\nawait upload.complete(list_((1, a), (2, b)))",
     "Error: completeMultipartUpload: Your proposed upload is smaller than the minimum allowed object size. (10011)"),
    (UPLOAD + PARTS + "a, b = (await send(1, 'a' * (5 << 20))).etag, (await send(2, 'b' * ((5 << 20) + 1))).etag\n"
     "await upload.complete(list_((1, a), (2, b)))",
     "Error: completeMultipartUpload: There was a problem with the multipart upload. (10048)"),
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


@pytest.mark.parametrize("size", [0, 64 << 10, (64 << 10) + 1, 20 * MIB + 1])
def test_bodies_are_streamed_both_ways(server, size):
    content = random.Random(size).randbytes(size)
    answer = server.fetch(f"/streamed-{size}", "PUT", content)
    assert answer.text == f"{size} {hashlib.md5(content).hexdigest()}"
    assert server.fetch(f"/streamed-{size}").body == content
    middle = server.fetch(f"/streamed-{size}", headers={"Range": f"bytes={size // 2}-"})
    assert middle.body == content[size // 2 :]


def test_a_stream_of_unknown_length_is_refused(server):
    answer = server.fetch("/chunked", "PUT", iter([b"chunk"]))
    assert (answer.status, answer.text) == (
        400,
        "TypeError: Provided readable stream must have a known length (request/response body or readable half of "
        "FixedLengthStream)",
    )
    assert server.fetch("/chunked").text == "missing"


def test_an_upload_that_breaks_off_stores_nothing(server):
    with server.socket() as client:
        client.sendall(b"PUT /broken HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 2_000_000)
    assert server.fetch("/broken").text == "missing"

"""Web Crypto and HTMLRewriter, as Python sees them."""

import pytest
from harness import run


@pytest.fixture
def script(tmp_path):
    """A function that runs Python with `js` imported and gives what it printed."""

    def execute(text):
        (tmp_path / "a.py").write_text(f"import js\nfrom pyodide.ffi import create_proxy, to_js\n{text}")
        code, output = run("run", str(tmp_path / "a.py"), folder=tmp_path)
        assert code == 0, output
        return output

    return execute


def test_bytes_are_hashed(script):
    text = "print((await js.crypto.subtle.digest('SHA-256', to_js(b'abc'))).to_bytes().hex())\n"
    assert script(text).startswith("ba7816bf8f01cfea")


def test_a_dict_describes_a_key(script):
    text = """
options = to_js({"name": "HMAC", "hash": "SHA-256"}, dict_converter=js.Object.fromEntries)
key = await js.crypto.subtle.importKey("raw", to_js(b"key"), options, False, to_js(["sign", "verify"]))
message = to_js(b"message")
signature = await js.crypto.subtle.sign("HMAC", key, message)
print(await js.crypto.subtle.verify("HMAC", key, signature, message))
print(key.constructor.name, key.algorithm.hash.name, list(key.usages))
"""
    assert script(text) == "True\nCryptoKey SHA-256 ['sign', 'verify']\n"


def test_a_mistake_is_a_javascript_error(script):
    text = """
from pyodide.ffi import JsException
try:
    await js.crypto.subtle.digest("SHA-0", to_js(b""))
except JsException as error:
    print(error.name, error.message)
"""
    assert script(text) == "NotSupportedError Unrecognized or unimplemented digest algorithm requested.\n"


def test_python_objects_are_handlers(script):
    text = """
import asyncio

class Links:
    def element(self, element):
        element.setAttribute("rel", "nofollow")
        element.onEndTag(create_proxy(lambda tag: tag.after("*")))

class Words:
    async def text(self, chunk):
        await asyncio.sleep(0)
        if chunk.text:
            chunk.replace(chunk.text.upper())

rewriter = js.HTMLRewriter.new().on("a", create_proxy(Links())).on("p", create_proxy(Words()))
page = js.Response.new("<a>x</a><p>y</p>")
print(await rewriter.transform(page).text())
"""
    assert script(text) == '<a rel="nofollow">x</a>*<p>Y</p>\n'


def test_an_exception_in_a_handler_reaches_the_reader(script):
    text = """
class Broken:
    def element(self, element):
        raise ValueError("on purpose")

page = js.HTMLRewriter.new().on("p", create_proxy(Broken())).transform(js.Response.new("<p>"))
try:
    await page.text()
except ValueError as error:
    print("caught", error)
"""
    assert script(text) == "caught on purpose\n"

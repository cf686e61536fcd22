"""Mistakes that newcomers make: the page that `hognose dev` answers with has their line, and advice."""

import pytest

CONFIGURATION = """\
name = "mistakes"
main = "entry.py"
compatibility_date = "2026-03-01"
compatibility_flags = ["python_workers"]
kv_namespaces = [{ binding = "STORE", id = "store" }]
d1_databases = [{ binding = "DB", database_name = "shop", database_id = "x" }]
"""

OLD = CONFIGURATION.replace("2026-03-01", "2025-03-01")

# What a handler does, and what its author reads: the line that did it, and the last words.
MISTAKES = {
    "data = request.json(); return Response(data['name'])": "an `await` is missing",
    "return Response(self.env.STORE.get('key'))": "an `await` is missing",
    "return Response({'a': 1})": "`Response.json(...)` sends it as JSON",
    "return Response(bytearray(b'a'))": "`bytes(...)` makes a body",
    "return Response(piece for piece in 'ab')": "gathers what it yields",
    "return Response(42)": "`str(...)` makes a text of it",
    "return js.Response('text')": "`Response.new(...)`",
    "return js.Response.new('text', headers={'a': 'b'})": "a Python `dict` is not a JavaScript object",
    "await self.env.STORES.get('key')": "did you mean `STORE`?",
    "await self.env.DATABASE.get('key')": "it has `DB`, `STORE`",
    "return js.Response.new('text').nothing": "this JavaScript object has no property `nothing`",
    "return Response(env.STORE)": "in a class it is `self.env`",
    "from . import helpers": "are imported by their names",
    "import no_such_package": "named in the `dependencies` of `pyproject.toml`",
    "open(__file__, 'a')": "a Worker reads its own files",
    "__import__('subprocess').run(['ls'])": "it starts no programs",
    "__import__('socket').socket().bind(('127.0.0.1', 0))": "listens on no port",
    "await self.env.STORE.put('key', {'a': 1})": "`json.dumps(...)` makes a text",
    "return Response(await piece for piece in [])": "sent by `ReadableStream.from_(create_proxy(...))`",
    "return Response.json(self.env.DB.prepare('SELECT 1').all())": "an `await` is missing",
    "return Response.json({'url': js.URL.new('http://a/')})": "`.to_py()` makes a `dict`",
    "return Response(str(dict(js.Object.new())))": "`.to_py()` makes a `dict`",
    "return Response.json([key.name for key in (await self.env.STORE.list()).keys])": 'is `result["keys"]`',
    "return Response(workers.Blob('a'))": "its `.js_object` is a body",
    "return await fetch(request.url, method='POST', body=workers.FormData({'a': 'b'}))": "`body=form.js_object`",
    "return Response(self.env['STORE'])": "are attributes: `env.NAME`",
    "return Response.redirect('/other')": "an absolute URL is needed",
    "return await fetch('/other')": "an absolute URL is needed",
    "return await fetch(request)": "waits for itself without end",
    "await self.env.DB.prepare('SELECT * FROM wares').all()": "`hognose d1 migrations apply NAME`",
    "self.env.DB.prepare('SELECT ?').bind({'a': 1})": "`json.dumps(...)` makes a text of a `dict`",
    "self.env.DB.prepare('SELECT ?').bind(2**60)": "`str(...)` makes a text of a larger one",
}

NO_RESPONSES = {"{'a': 1}": "dict", "'text'": "str", "None": "NoneType", "('text', 200)": "tuple", "later()": "coroutine"}


def method(number, line):
    return f"    async def mistake{number}(self, request):\n        {line}\n"


@pytest.fixture
def make(serve, project):
    """A function that serves a Worker of this source."""

    def made(source, configuration=CONFIGURATION):
        return serve(project(files={"wrangler.toml": configuration, "entry.py": source}))

    return made


def test_a_mistake_is_shown_with_its_line_and_advice(make):
    server = make(
        "import js\nimport workers\nfrom workers import Response, WorkerEntrypoint, fetch\n\nclass Default(WorkerEntrypoint):\n"
        "    async def fetch(self, request):\n"
        "        return await getattr(self, request.url.rpartition('/')[2])(request)\n"
        + "".join(method(number, line) for number, line in enumerate(MISTAKES))
    )
    for number, (line, advice) in enumerate(MISTAKES.items()):
        answer = server.fetch(f"/mistake{number}")
        assert answer.status == 500
        assert f"line {9 + 2 * number}, in mistake{number}\n" in answer.text, line
        hint = answer.text.rstrip().rpartition("\n")[2]
        assert hint.startswith("hint: ") and advice in hint, (line, answer.text)


@pytest.mark.parametrize("configuration", [CONFIGURATION, OLD])
def test_what_is_no_response_is_named_with_its_handler(make, configuration):
    body = "".join(f"    if url.endswith('/{kind}'):\n        return {value}\n" for value, kind in NO_RESPONSES.items())
    source = f"async def answer(url):\n{body}\nasync def later():\n    return 'text'\n\n"
    if configuration is OLD:
        source += "async def on_fetch(request):\n    return await answer(request.url)\n"
    else:
        source += "from workers import WorkerEntrypoint\n\nclass Default(WorkerEntrypoint):\n"
        source += "    async def fetch(self, request):\n        return await answer(request.url)\n"
    server = make(source, configuration)
    line = source[: source.rindex("async def")].count("\n") + 1
    for kind in NO_RESPONSES.values():
        # An old handler's caller awaits whatever it returns.
        seen = "str" if configuration is OLD and kind == "coroutine" else kind
        text = server.fetch(f"/{kind}").text
        assert "Incorrect type for Promise: the Promise did not resolve to 'Response'." in text
        assert f"The handler returned an object of the type `{seen}`; it must return a Response" in text
        assert f'entry.py", line {line}, in ' in text


@pytest.mark.parametrize(
    ("response", "why"),
    [
        ("js.Response.error()", "must not be an error response"),
        ("js.Response.new(None, status=101, webSocket=js.WebSocketPair.new().object_values()[0])", 'did not contain the header "Upgrade: websocket"'),
    ],
)
def test_a_response_that_cannot_be_sent_is_not_called_something_else(make, response, why):
    text = make(f"import js\nasync def on_fetch(request):\n    return {response}\n", OLD).fetch().text
    assert why in text and "The handler returned" not in text


def test_a_syntax_error_is_said_once_with_its_place(make):
    text = make("def broken(:\n    pass\n").fetch().text
    assert text.startswith("The Worker could not be loaded: SyntaxError: invalid syntax\n")
    assert 'entry.py", line 1\n    def broken(:\n' in text


@pytest.mark.parametrize("use", ["env.STORE", "env['STORE']"])
def test_the_arguments_of_handlers_outside_of_classes_are_explained(make, use):
    source = "from workers import Response, WorkerEntrypoint\n\nclass Default(WorkerEntrypoint):\n"
    source += f"    async def fetch(self, request, env, ctx):\n        return Response({use})\n"
    assert make(source).fetch().text.rstrip().endswith(
        "hint: `env` is `None` as an argument of a class's handler: there it is `self.env`"
    )


def test_an_entrypoint_by_another_name_is_named(make):
    source = "from workers import WorkerEntrypoint\n\nclass Main(WorkerEntrypoint):\n    async def fetch(self, request): ...\n"
    assert '("Main" is not called "Default")' in make(source).fetch().text


PROGRAM = """
from workers import Response, WorkerEntrypoint

class Basket:
    pass

class Shop(WorkerEntrypoint):
    async def basket(self):
        return Basket()

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response.json(await self.env.SHOP.basket())
"""


def test_an_object_that_cannot_be_handed_over_is_no_missing_response(make):
    """Neither in the log of the Worker that returned it nor to the one that called."""
    services = 'services = [{ binding = "SHOP", service = "mistakes", entrypoint = "Shop" }]\n'
    server = make(PROGRAM, CONFIGURATION + services)
    assert "dicts and functions can" in server.fetch().text.rstrip().rpartition("\n")[2]
    server.output.wait_for(r"DataCloneError: Could not serialize object")
    assert "must return a Response" not in server.output.text


def test_a_response_whose_body_is_used_is_a_response(make):
    source = "from workers import Response, WorkerEntrypoint\n\nclass Default(WorkerEntrypoint):\n"
    source += "    async def fetch(self, request):\n        answer = Response('a')\n        await answer.text()\n        return answer\n"
    text = make(source).fetch().text
    assert "body" in text.lower() and "must return a Response" not in text


def test_the_log_names_who_could_not_be_reached(make):
    source = "from workers import WorkerEntrypoint, fetch\n\nclass Default(WorkerEntrypoint):\n"
    source += "    async def fetch(self, request):\n        return await fetch('http://localhost:1/secret?key=1')\n"
    server = make(source)
    assert "Network connection lost." in server.fetch().text
    said = server.output.wait_for(r"fetch\(\) from (\S+): .*[Cc]onnect")
    assert said[1] == "http://localhost:1"

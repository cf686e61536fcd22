"""What calls between Workers carry, refuse and say, row by row: expressions in JavaScript and in Python, each calling both."""

import contextlib
import json

import pytest
from harness import Server

JAVASCRIPT = """\
import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers";

const told = async (work) => {
  try {
    return await work();
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
};

const kind = (value) => Object.prototype.toString.call(value).slice(8, -1);

class Mine {}

class Target extends RpcTarget {
  static made = 0;
  own = 1;
  disposed = Promise.withResolvers();

  get computed() {
    return "from a getter";
  }

  get nested() {
    return { list: [1, { deep: () => "called" }] };
  }

  method() {
    return "called";
  }

  [Symbol.dispose]() {
    this.disposed.resolve("disposed");
  }
}

class Lower extends Target {
  lower() {
    return "lower";
  }
}

export class Callee extends WorkerEntrypoint {
  own = "hidden";
  text = "a text";

  get props() {
    return this.ctx.props;
  }

  echo(value) {
    return value;
  }

  kind(value) {
    return kind(value);
  }

  target() {
    return new Lower();
  }

  text_of(value) {
    return new Response(value).text();
  }

  of_response() {
    return new Response(new ReadableStream({
      async start(controller) {
        await Promise.resolve();
        controller.enqueue(new TextEncoder().encode("still there"));
        controller.close();
      },
    }), { status: 201, headers: { "x-made": "here" } });
  }

  broken() {
    return new ReadableStream({
      pull(controller) {
        controller.error(new RangeError("gave up"));
      },
    });
  }

  async write(stream) {
    const writer = stream.getWriter();
    await writer.write(new TextEncoder().encode("written"));
    await writer.close();
  }

  fails(what) {
    const failures = {
      custom: () => Object.assign(new Error("no"), { name: "Custom" }),
      subclass: () => new (class Special extends Error {})("no"),
    };
    throw failures[what]();
  }

  two() {
    return { one: new Target(), two: new Target() };
  }

  async call(callback) {
    return callback();
  }

  async later(callback) {
    this.ctx.waitUntil(Promise.resolve());
    return { callback };
  }
}

export class Bare extends WorkerEntrypoint {}

const rows = [
ROWS
];

export default {
  async fetch(request, env, ctx) {
    const index = new URL(request.url).pathname.slice(1);
    return Response.json((await told(() => rows[index]({ callee: env.CALLEE, bare: env.BARE, python: env.PYTHON, ctx }))) ?? null);
  },
};
"""
CONFIGURATION = """
name = "rows"
main = "index.mjs"
compatibility_date = "2026-03-01"
kv_namespaces = [{ binding = "KV" }]
services = [
  { binding = "CALLEE", service = "rows", entrypoint = "Callee", props = { role = "ops" } },
  { binding = "BARE", service = "rows", entrypoint = "Bare" },
  { binding = "PYTHON", service = "python", entrypoint = "Callee", props = { role = "ops" } },
]
"""

NO_TYPE = 'DataCloneError: Could not serialize object of type "{}". This type does not support serialization.'
NO_METHOD = 'TypeError: The RPC receiver does not implement the method "{}".'
RESERVED = "TypeError: '{}' is a reserved method and cannot be called over RPC."
ROWS = [
    # What is reached.
    ("callee.props", {"role": "ops"}),
    ("callee.own", NO_METHOD.format("own")),
    ("callee.text()", NO_METHOD.format("text")),
    ("callee.missing()", NO_METHOD.format("missing")),
    ("callee.target().own", NO_METHOD.format("own")),
    ("callee.target().computed", "from a getter"),
    ("[await callee.target().method(), await callee.target().lower()]", ["called", "lower"]),
    ("callee.target().nested.list[1].deep()", "called"),
    ("callee.target().computed()", 'TypeError: "computed" is not a function.'),
    ("callee.target().nested.list()", 'TypeError: "nested.list" is not a function.'),
    ("callee.constructor.name", "Fetcher"),
    *[(f"callee.{name}()", RESERVED.format(name)) for name in ("alarm", "webSocketMessage", "webSocketClose", "webSocketError")],
    ("bare.fetch('http://any.host/')", "Error: Handler does not export a fetch() function."),
    ("[typeof callee.then, await callee === callee]", ["undefined", True]),
    # What is sent by value.
    ("(await callee.echo(new DataView(new ArrayBuffer(3)))).byteLength", 3),
    ("callee.kind(new DataView(new ArrayBuffer(3)))", "DataView"),
    ("callee.kind(new Uint16Array(2))", "Uint16Array"),
    ("[...(await callee.echo(new Headers({ 'x-a': '1' })))]", [["x-a", "1"]]),
    ("(async (request) => [request.url, request.method, await request.text()])"
     "(await callee.echo(new Request('http://any.host/path', { method: 'PUT', body: 'sent' })))", ["http://any.host/path", "PUT", "sent"]),
    ("(async (response) => [response.status, response.headers.get('x-made'), await response.text()])(await callee.of_response())",
     [201, "here", "still there"]),
    ("callee.text_of(new Blob(['a blob']).stream())", "a blob"),
    ("(async (blob) => [blob.type, await blob.text()])(await callee.echo(new Blob(['b'], { type: 'text/x' })))", ["text/x", "b"]),
    ("(async ({ readable, writable }) => (await Promise.all([new Response(readable).text(), callee.write(writable)]))[0])"
     "(new IdentityTransformStream())", "written"),
    ("((error) => [error instanceof DOMException, error.name, error.message])(await callee.echo(new DOMException('a', 'TimeoutError')))",
     [True, "TimeoutError", "a"]),
    ("((error) => [error.constructor.name, error.message])(await callee.echo(new RangeError('a')))", ["RangeError", "a"]),
    ("callee.echo(Object.assign([1], { extra: 1 }))", [1]),
    ("Object.is(await callee.echo(-0), -0)", True),
    ("(await callee.echo(new Date(NaN))).getTime()", None),
    ("callee.kind(undefined)", "Undefined"),
    # What cannot be sent.
    ("callee.echo(new Mine())", NO_TYPE.format("Mine")),
    ("callee.echo({ deep: [new Mine()] })", NO_TYPE.format("Mine")),
    ("callee.echo(Symbol('a'))", "DataCloneError: Symbol(a) could not be cloned."),
    ("callee.echo(Object.create(null))", NO_TYPE.format("Object")),
    ("callee.echo(new WeakMap())", NO_TYPE.format("WeakMap")),
    ("callee.echo(Promise.resolve())", NO_TYPE.format("Promise")),
    ("callee.echo(new FormData())", NO_TYPE.format("FormData")),
    ("callee.echo(new URL('http://any.host/'))", NO_TYPE.format("URL")),
    ("callee.echo(callee.target().computed)", NO_TYPE.format("RpcProperty")),
    ("((stream) => (stream.getReader(), callee.text_of(stream)))(new Blob(['a']).stream())",
     "TypeError: The ReadableStream has been locked to a reader."),
    ("(({ writable }) => (writable.getWriter(), callee.write(writable)))(new IdentityTransformStream())",
     "TypeError: The WritableStream has been locked to a writer."),
    ("new Response(await callee.broken()).text()", "RangeError: gave up"),
    # How calls fail.
    ("callee.fails('custom')", "Error: Custom: no"),
    ("callee.fails('subclass')", "Error: no"),
    ("python.hangs()", "Error: The Workers runtime canceled this request because it detected that your Worker's code had hung and "
     "would never generate a response."),
    ("callee.missing().deeper().still()", NO_METHOD.format("missing")),
    ("callee.fails('subclass').deeper()", "Error: no"),
    ("Promise.race([callee.fails('custom').catch((error) => error.remote)])", True),
    # Who holds what.
    ("(async (both) => { both[Symbol.dispose](); return [await told(() => both.one.method()), await told(() => both.two.method())]; })"
     "(await callee.two())", 2 * ["Error: RPC stub used after being disposed."]),
    ("(async (target) => { const copy = target.dup(); target[Symbol.dispose](); return copy.method(); })(await callee.target())",
     "called"),
    ("callee.call(() => 5)", 5),
    ("(await callee.later(() => 6)).callback()", 6),
    # Python's half.
    ("python.echo({ a: [1, null, 'x', true, 2.5] })", {"a": [1, None, "x", True, 2.5]}),
    ("python.props()", "ops"),
    ("python.missing()", "TypeError: Method missing does not exist"),
    ("python.data", NO_METHOD.format("data")),
    ("python.two(1)", "Error: PythonError: TypeError: Callee.two() missing 1 required positional argument: 'second'\n"),
    ("python._hidden()", "seen"),
    ("[await python.count(), await python.count()]", [1, 1]),
    ("python.kind(new Map([['a', 1]]))", "JsDict"),
    ("python.kind(new Set([1]))", "set"),
    ("python.kind(undefined)", "NoneType"),
    ("python.kind(new Uint8Array(1))", "memoryview"),
    ("python.kind(new ArrayBuffer(1))", "memoryview"),
    ("python.kind(new Date(0))", "datetime"),
    ("python.kind(new Error('a'))", "Exception"),
    ("python.kind([1])", "list"),
    ("python.kind({})", "JsDict"),
    ("python.kind(2n ** 70n)", "int"),
    ("python.kind(1)", "int"),
    ("python.kind(1.5)", "float"),
    ("kind(await python.make('None'))", "Null"),
    ("kind(await python.make('{1}'))", "Set"),
    ("kind(await python.make('b\"a\"'))", "Uint8Array"),
    ("kind(await python.make('datetime.fromtimestamp(5)'))", "Date"),
    ("kind(await python.make('ValueError(\"a\")'))", "Error"),
    ("kind(await python.make('2 ** 70'))", "BigInt"),
    ("kind(await python.make('{\"a\": 1}'))", "Object"),
    ("(await python.make('lambda value: value + 1'))(4)", 5),
    ("(async (response) => [response.status, await response.text()])(await python.make('Response(\"made\", status=202)'))", [202, "made"]),
]

PYTHON = """\
from asyncio import Future
from datetime import datetime
from workers import Response, WorkerEntrypoint

ROWS = REPLACED

class Callee(WorkerEntrypoint):
    data = 5

    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.counted = 0

    def props(self):
        return self.ctx.props.role

    def echo(self, value):
        return value

    def _hidden(self):
        return "seen"

    def two(self, first, second):
        return [first, second]

    def count(self):
        self.counted += 1
        return self.counted

    def kind(self, value):
        return type(value).__name__

    def make(self, expression):
        return eval(expression)

    async def hangs(self):
        await Future()

    async def named(self, first, options):
        return [first, options["second"]]

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        index = int(request.url.rsplit("/", 1)[1])
        try:
            found = await eval(f"told(lambda: {ROWS[index]})", {**globals(), "callee": self.env.CALLEE, "javascript": self.env.JAVASCRIPT})
        except Exception as error:
            found = f"{type(error).__name__}: {error}".strip().splitlines()[-1]
        return Response.json(found)

async def told(work):
    found = work()
    return await found if hasattr(found, "__await__") else found
"""
PYTHON_CONFIGURATION = """
name = "python"
main = "index.py"
compatibility_date = "2026-03-01"
compatibility_flags = ["python_workers"]
services = [
  { binding = "CALLEE", service = "python", entrypoint = "Callee", props = { role = "ops" } },
  { binding = "JAVASCRIPT", service = "rows", entrypoint = "Callee" },
]
routes = [{ pattern = "python.example", custom_domain = true }]
"""
PYTHON_ROWS = [
    ("callee.named(1, second=2)", [1, 2]),
    ("callee.echo(None)", None),
    ("callee.echo({1, 2}).__class__.__name__", "coroutine"),
    ("callee.kind({1, 2})", "set"),
    ("callee.kind(b'a')", "memoryview"),
    ("callee.kind(memoryview(b'a'))", "memoryview"),
    ("callee.kind(datetime.now())", "datetime"),
    ("callee.kind(ValueError('a'))", "Exception"),
    ("callee.kind({'a': 1})", "JsDict"),
    ("callee.kind(lambda: 1)", "JsProxy"),
    ("callee.kind(Response('a'))", "Response"),
    ("callee.kind(callee)", "JsProxy"),
    ("callee.echo(2 ** 70)", 2**70),
    ("callee.echo((1, 2))", "TypeError: <class 'tuple'> cannot be sent over RPC."),
    ("callee.echo(bytearray(1))", "TypeError: <class 'bytearray'> cannot be sent over RPC."),
    ("javascript.kind(1j)", "JsException: " + NO_TYPE.format("PyProxy")),
    ("javascript.kind(object())", "JsException: " + NO_TYPE.format("PyProxy")),
    ("javascript.kind(range(3))", "JsException: " + NO_TYPE.format("PyProxy")),
    ("javascript.kind({1})", "Set"),
    ("javascript.kind(b'a')", "Uint8Array"),
    ("javascript.kind(datetime.now())", "Date"),
    ("javascript.call(lambda: 5)", 5),
    ("javascript.fails('custom')", "JsException: Error: Custom: no"),
    ("callee.missing()", "JsException: TypeError: Method missing does not exist"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    names = "{ callee, bare, python, ctx }"
    expressions = [f"  async ({names}) => ({code})," for code, _ in ROWS]
    python = PYTHON.replace("REPLACED", repr([code for code, _ in PYTHON_ROWS]))
    for name, files in {
        "rows": {"index.mjs": JAVASCRIPT.replace("ROWS", "\n".join(expressions)), "wrangler.toml": CONFIGURATION},
        "python": {"index.py": python, "wrangler.toml": PYTHON_CONFIGURATION},
    }.items():
        (folder / name).mkdir()
        for file, text in files.items():
            (folder / name / file).write_text(text)
    command = ["dev", str(folder / "rows"), str(folder / "python"), "--port", "0"]
    with contextlib.closing(Server(command, folder)) as server:
        yield server


def check(server, rows, headers):
    for index, (code, expected) in enumerate(rows):
        answer = server.fetch(f"/{index}", headers=headers)
        assert (answer.status, answer.json) == (200, expected), code


def test_rows_in_javascript(server):
    check(server, ROWS, {})


def test_rows_in_python(server):
    check(server, PYTHON_ROWS, {"host": "python.example"})

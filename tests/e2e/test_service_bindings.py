"""Workers that call each other: `fetch` and methods, in Python and JavaScript, in every combination."""

import functools
import gzip

import pytest
from harness import run

PYTHON_CALLEE = """\
import asyncio
from datetime import datetime
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.url.endswith("/raises"):
            raise ValueError("on purpose")
        return Response(f"{request.method} {request.url} {await request.text()}", headers={"x-from": "callee"})

    async def add(self, a, b):
        return {"sum": a + b, "who": "nobody" if not hasattr(self.ctx.props, "role") else self.ctx.props.role}

    def echo(self, value):
        return value

    async def raises(self):
        raise ValueError("on purpose")

    async def counter(self):
        count = 0

        def increment(by=1):
            nonlocal count
            count += by
            return count

        return increment

    async def apply(self, function, value):
        return await function(value)

    async def tuples(self):
        return (1, 2)


class Admin(WorkerEntrypoint):
    def add(self, a, b):
        return {"sum": a + b, "who": self.ctx.props.role}
"""

JAVASCRIPT_CALLEE = """\
import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers";

class Counter extends RpcTarget {
  #count = 0;
  secret = "hidden";

  increment(by = 1) {
    this.#count += by;
    return this.#count;
  }

  get value() {
    return this.#count;
  }
}

export default class extends WorkerEntrypoint {
  async fetch(request) {
    if (request.url.endsWith("/raises")) throw new RangeError("on purpose");
    return new Response(`${request.method} ${request.url} ${await request.text()}`, { headers: { "x-from": "callee" } });
  }
  add(a, b) { return { sum: a + b, who: this.ctx.props.role ?? "nobody" }; }
  echo(value) { return value; }
  raises() { throw new RangeError("on purpose"); }
  counter() { let count = 0; return (by = 1) => (count += by); }
  target() { return new Counter(); }
  async apply(callback, value) { return await callback(value); }
  stream(text) { return new Response(text).body; }
  nested() { return { user: { name: () => "deep" } }; }
}

export class Admin extends WorkerEntrypoint {
  add(a, b) { return { sum: a + b, who: this.ctx.props.role }; }
}
"""

PYTHON_CALLER = """\
import json
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        name = request.url.rsplit("/", 1)[1]
        try:
            return Response(json.dumps(await getattr(self, name)()))
        except Exception as error:
            return Response(json.dumps(f"{type(error).__name__}: {error}"))

    async def fetches(self):
        answer = await self.env.CALLEE.fetch("http://any.host/path?q", method="POST", body="sent")
        return [answer.status, await answer.text(), answer.headers["x-from"]]

    async def fetch_raises(self):
        await self.env.CALLEE.fetch("http://any.host/raises")

    async def adds(self):
        return [await self.env.CALLEE.add(1, 2), await self.env.ADMIN.add(3, 4)]

    async def echoes(self):
        value = {"list": [1, 2.5, "three", None, True], "bytes": b"abc", "deep": {"er": {}}}
        back = await self.env.CALLEE.echo(value)
        return [back["list"], bytes(back["bytes"]).decode(), back["deep"]]

    async def raises(self):
        await self.env.CALLEE.raises()

    async def missing(self):
        await self.env.CALLEE.missing()

    async def counts(self):
        increment = await self.env.CALLEE.counter()
        return [await increment(), await increment(5)]

    async def lends(self):
        return await self.env.CALLEE.apply(lambda value: value + 1, 41)

    async def tuples(self):
        return await self.env.CALLEE.echo((1, 2))
"""

JAVASCRIPT_CALLER = """\
import { WorkerEntrypoint } from "cloudflare:workers";

const tests = {
  async fetches(env) {
    const answer = await env.CALLEE.fetch("http://any.host/path?q", { method: "POST", body: "sent" });
    return [answer.status, await answer.text(), answer.headers.get("x-from")];
  },
  fetch_raises: (env) => env.CALLEE.fetch("http://any.host/raises"),
  adds: async (env) => [await env.CALLEE.add(1, 2), await env.ADMIN.add(3, 4)],
  async echoes(env) {
    const back = await env.CALLEE.echo({
      list: [1, 2.5, "three", null, true], bytes: new TextEncoder().encode("abc"), deep: { er: {} },
    });
    return [back.list, new TextDecoder().decode(back.bytes), back.deep];
  },
  raises: (env) => env.CALLEE.raises(),
  missing: (env) => env.CALLEE.missing(),
  async counts(env) {
    const increment = await env.CALLEE.counter();
    return [await increment(), await increment(5)];
  },
  lends: (env) => env.CALLEE.apply((value) => value + 1, 41),
  async target(env) {
    using counter = await env.CALLEE.target();
    await counter.increment(2);
    const hidden = await Promise.resolve(counter.secret).catch((error) => error.message);
    return [await counter.value, await counter.increment(), hidden];
  },
  pipelined: (env) => env.CALLEE.nested().user.name(),
  async disposed(env) {
    const counter = await env.CALLEE.target();
    counter[Symbol.dispose]();
    return counter.increment();
  },
  async streams(env) {
    const stream = await env.CALLEE.stream("x".repeat(300000));
    return (await new Response(stream).text()).length;
  },
  async special(env) {
    const shared = { shared: true };
    const value = {
      date: new Date(5), map: new Map([[1, "one"]]), set: new Set(["a"]), big: 12345678901234567890n, nothing: undefined,
      nan: NaN, regexp: /a+/gi, error: new TypeError("kept"), twice: [shared, shared], floats: new Float32Array([1.5]),
    };
    value.self = value;
    const back = await env.CALLEE.echo(value);
    return [
      back.date.getTime(), back.map.get(1), back.set.has("a"), `${back.big}`, "nothing" in back, `${back.nan}`,
      `${back.regexp}`, back.error instanceof TypeError && back.error.message, back.twice[0] === back.twice[1],
      back.floats[0], back.self === back,
    ];
  },
  unclonable: (env) => env.CALLEE.echo(new (class Mine {})()),
  kv: (env) => env.CALLEE.echo(env.KV),
  passes_promise: (env) => env.CALLEE.echo(env.CALLEE.echo(1)),
  reserved: (env) => env.CALLEE.alarm(),
  names: (env) => [env.CALLEE.constructor.name, typeof env.CALLEE.anything, typeof env.CALLEE.then],
  large: async (env) => (await env.CALLEE.echo("x".repeat(1 << 20))).length,
  too_large: (env) => env.CALLEE.echo(new Uint8Array((1 << 25) + 1)),
  passes_binding: async (env) => (await env.CALLEE.echo({ admin: env.ADMIN })).admin.add(5, 6),
};

export default class extends WorkerEntrypoint {
  async fetch(request) {
    const name = new URL(request.url).pathname.slice(1);
    try {
      return Response.json((await tests[name](this.env)) ?? null);
    } catch (error) {
      return Response.json(`${error.name}: ${error.message}`);
    }
  }
}
"""
CALLERS = {"python": PYTHON_CALLER, "javascript": JAVASCRIPT_CALLER}
CALLEES = {"python": PYTHON_CALLEE, "javascript": JAVASCRIPT_CALLEE}
BINDINGS = """\
kv_namespaces = [{ binding = "KV" }]
[[services]]
binding = "CALLEE"
service = "callee"
[[services]]
binding = "ADMIN"
service = "callee"
entrypoint = "Admin"
props = { role = "ops" }
"""


def worker(folder, language, source, configuration=""):
    file = "index.py" if language == "python" else "index.mjs"
    head = f'name = "{folder}"\nmain = "{file}"\n'
    return {f"{folder}/wrangler.toml": head + configuration, f"{folder}/{file}": source}


@pytest.fixture
def start(serve, project):
    def start(caller, callee):
        files = worker("caller", caller, CALLERS[caller], BINDINGS) | worker("callee", callee, CALLEES[callee])
        folder = project(files=files)
        return serve(folder / "caller", str(folder / "callee"))

    return start


def answer_of(server, name):
    """What the caller's test of this name has given."""
    answer = server.fetch(f"/{name}")
    assert answer.status == 200, f"{name}: {answer.text}"
    return answer.json


@pytest.fixture(params=[(caller, callee) for caller in CALLERS for callee in CALLEES], ids="-".join)
def pair(request, start):
    server = start(*request.param)
    return *request.param, lambda name: answer_of(server, name)


def test_workers_call_each_other(pair):
    caller, callee, ask = pair
    assert ask("fetches") == [200, "POST http://any.host/path?q sent", "callee"]
    assert ask("adds") == [{"sum": 3, "who": "nobody"}, {"sum": 7, "who": "ops"}]
    assert ask("echoes") == [[1, 2.5, "three", None, True], "abc", {"er": {}}]
    assert ask("counts") == [1, 6]
    assert ask("lends") == 42
    expected = "PythonError: Traceback" if callee == "python" else "on purpose"
    assert expected in ask("raises")
    assert "on purpose" in ask("raises")
    assert "on purpose" in ask("fetch_raises")
    assert "missing" in ask("missing")


def test_javascript_objects_by_reference(start):
    server = start("javascript", "javascript")
    ask = functools.partial(answer_of, server)
    hidden = 'The RPC receiver does not implement the method "secret".'
    assert ask("target") == [2, 3, hidden]
    assert ask("pipelined") == "deep"
    assert ask("disposed") == "Error: RPC stub used after being disposed."
    assert ask("streams") == 300000
    assert ask("special") == [5, "one", True, "12345678901234567890", True, "NaN", "/a+/gi", "kept", True, 1.5, True]
    assert ask("raises") == "RangeError: on purpose"
    assert ask("missing") == 'TypeError: The RPC receiver does not implement the method "missing".'
    assert ask("reserved") == "TypeError: 'alarm' is a reserved method and cannot be called over RPC."
    assert ask("names") == ["Fetcher", "function", "undefined"]
    assert ask("large") == 1 << 20
    assert ask("passes_binding") == {"sum": 11, "who": "ops"}


def test_what_cannot_be_sent_is_named(start):
    server = start("javascript", "javascript")
    ask = functools.partial(answer_of, server)
    end = "This type does not support serialization."
    assert ask("unclonable") == f'DataCloneError: Could not serialize object of type "Mine". {end}'
    assert ask("passes_promise") == f'DataCloneError: Could not serialize object of type "RpcPromise". {end}'
    assert ask("kv") == "DataCloneError: A KV namespace binding cannot be serialized."
    assert "limited to 32MiB, but the size of this value was: 33554" in ask("too_large")


def test_python_refuses_tuples_at_the_sender(start):
    server = start("python", "python")
    assert "cannot be sent over RPC" in answer_of(server, "tuples")


def test_a_binding_that_leads_nowhere_is_an_error_at_the_start(project):
    folder = project(files=worker("caller", "python", PYTHON_CALLER, BINDINGS))
    code, output = run("dev", "caller", folder=folder)
    assert code == 1
    assert 'Worker "callee" not found' in output


def test_workers_that_call_themselves_without_end_are_stopped(serve, project):
    source = """\
export default {
  async fetch(request, env) {
    try {
      return await env.SELF.fetch(request);
    } catch (error) {
      return new Response(error.message);
    }
  },
};
"""
    binding = '[[services]]\nbinding = "SELF"\nservice = "self"\n'
    folder = project(files=worker("self", "javascript", source, binding))
    assert "Subrequest depth limit exceeded" in serve(folder / "self").fetch().text


def test_functions_of_a_plain_object_take_one_argument(serve, project):
    callee = """\
export default {
  plain(name) { return `plain ${name}`; },
  whole(name, env, ctx) { return `whole ${name} ${env.WORD} ${typeof ctx.waitUntil}`; },
  many(name, other, env, ctx) { return "never"; },
};
"""
    caller = """\
export default {
  async fetch(request, { CALLEE }) {
    const tell = (promise) => promise.then((value) => value, (error) => `${error.name}: ${error.message}`);
    const calls = [CALLEE.plain("a"), CALLEE.whole("b"), CALLEE.many("c"), CALLEE.plain("d", "e")];
    return Response.json(await Promise.all(calls.map(tell)));
  },
};
"""
    binding = '[[services]]\nbinding = "CALLEE"\nservice = "callee"\n'
    files = worker("caller", "javascript", caller, binding) | worker(
        "callee", "javascript", callee, 'vars = { WORD = "word" }\n'
    )
    folder = project(files=files)
    plain, whole, many, surplus = serve(folder / "caller", str(folder / "callee")).fetch().json
    assert (plain, whole) == ("plain a", "whole b word function")
    assert many.startswith('TypeError: Cannot call handler function "many" over RPC')
    assert surplus.startswith('TypeError: Attempted to call RPC function "plain" with the wrong number of arguments.')


CODING_CALLEE = """\
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response("told in full", headers={"content-encoding": "gzip"})
"""
CODING_CALLER = """\
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        answer = await self.env.CALLEE.fetch("http://any.host/")
        if request.url.endswith("/through"):
            return answer
        return Response(f"{answer.headers['content-encoding']} {await answer.text()}")
"""


def test_a_packed_answer_is_read_unpacked_and_passed_on_packed(serve, project):
    binding = '[[services]]\nbinding = "CALLEE"\nservice = "callee"\n'
    files = worker("caller", "python", CODING_CALLER, binding) | worker("callee", "python", CODING_CALLEE)
    folder = project(files=files)
    server = serve(folder / "caller", str(folder / "callee"))
    assert server.fetch("/read").text == "gzip told in full"
    through = server.fetch("/through")
    assert through.headers["content-encoding"] == "gzip"
    assert gzip.decompress(through.body) == b"told in full"

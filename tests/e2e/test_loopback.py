"""What a Worker finds of itself: `ctx.exports`, and what `cloudflare:workers` offers to code far from a handler."""

import pytest

CONFIGURATION = """
name = "own"
main = "src/MAIN"
compatibility_date = "2026-01-01"
compatibility_flags = ["python_workers"]
vars = { GREETING = "hello" }
"""

PYTHON = """
from workers import Response, WorkerEntrypoint

class Admin(WorkerEntrypoint):
    async def who(self, name):
        return f"{name} {self.ctx.props.to_py()}"

    async def fetch(self, request):
        return Response(f"admin got {request.url}")

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        exports, path = self.ctx.exports, request.url.rsplit("/", 1)[1]
        if path == "plain":
            return Response(await exports.Admin.who("a"))
        if path == "fetch":
            return Response(await (await exports.Admin.fetch("http://x/y")).text())
        import js
        from pyodide.ffi import to_js
        props = to_js({"props": {"role": "ops"}}, dict_converter=js.Object.fromEntries)
        return Response(await exports.Admin(props).who("b"))
"""

JAVASCRIPT = """
import { WorkerEntrypoint, env, exports, waitUntil, withEnv } from "cloudflare:workers";

export class Admin extends WorkerEntrypoint {
  who(name) {
    return `${name} ${JSON.stringify(this.ctx.props)}`;
  }

  fetch(request) {
    return new Response(`admin got ${request.url}`);
  }

  async ask(admin) {
    return admin.who("passed on");
  }
}

const greeting = () => env.GREETING;

export default {
  async fetch(request, own, ctx) {
    const { Admin } = ctx.exports;
    const special = Admin({ props: { role: "ops" } });
    const answers = {
      async plain() { return Admin.who("a"); },
      async fetch() { return (await Admin.fetch("http://x/y")).text(); },
      async props() { return special.who("b"); },
      async propsfetch() { return (await special.fetch("http://x/z")).text(); },
      async passed() { return `${await Admin.ask(Admin)}, ${await special.who("c")}, ${await Admin.ask(special)}`; },
      async module() {
        waitUntil(Promise.resolve().then(() => console.log("WAITED")));
        return `${exports.Admin === ctx.exports.Admin} ${Object.keys(exports)}`;
      },
      async env() {
        const inside = await withEnv({ GREETING: "other" }, async () => {
          await Promise.resolve();
          return greeting();
        });
        return `${greeting()} ${inside} ${greeting()} ${Object.keys(env)}`;
      },
    };
    return new Response(await answers[new URL(request.url).pathname.slice(1)]());
  },
};
"""


def served(project, serve, main, source, **changes):
    configuration = CONFIGURATION.replace("MAIN", main)
    for old, new in changes.items():
        configuration = configuration.replace(old, new)
    return serve(project(files={"wrangler.toml": configuration, f"src/{main}": source}))


def test_python_calls_its_own_entrypoints(project, serve):
    server = served(project, serve, "index.py", PYTHON)
    assert server.fetch("/plain").text == "a {}"
    assert server.fetch("/fetch").text == "admin got http://x/y"
    assert server.fetch("/props").text == "b {'role': 'ops'}"


ANSWERS = {
    "plain": "a {}",
    "fetch": "admin got http://x/y",
    "props": 'b {"role":"ops"}',
    "propsfetch": "admin got http://x/z",
    "passed": 'passed on {}, c {"role":"ops"}, passed on {"role":"ops"}',
    "module": "true Admin,default",
    "env": "hello other hello GREETING",
}


def test_javascript_calls_its_own_entrypoints(project, serve):
    server = served(project, serve, "index.mjs", JAVASCRIPT)
    assert {path: server.fetch(f"/{path}").text for path in ANSWERS} == ANSWERS
    server.output.wait_for("WAITED")


@pytest.mark.parametrize(("date", "there"), [("2025-11-16", "undefined"), ("2025-11-17", "object")])
def test_exports_come_with_their_date(project, serve, date, there):
    source = "export default { fetch: (request, env, ctx) => new Response(typeof ctx.exports) };"
    configuration = {"2026-01-01": date}
    server = served(project, serve, "index.mjs", source, **configuration)
    assert server.fetch("/").text == there


ENVS = """
from workers import Response, WorkerEntrypoint, import_from_javascript

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        imported = import_from_javascript("cloudflare:workers").env
        return Response(f"{self.env.GREETING} {getattr(imported, 'GREETING', None)}")
"""


@pytest.mark.parametrize(("flags", "imported"), [("", "hello"), (', "disallow_importable_env"', "None")])
def test_a_flag_hides_the_env_that_modules_can_import(project, serve, flags, imported):
    server = served(project, serve, "index.py", ENVS, **{'"python_workers"': f'"python_workers"{flags}'})
    assert server.fetch("/").text == f"hello {imported}"


TO_ITSELF = """
from workers import Blob, Response, WorkerEntrypoint

class Counting(WorkerEntrypoint):
    async def same(self, value):
        return value

    async def come_back(self):
        return await (await self.env.SELF.same(lambda: "called when it came back"))()

    async def call(self, function):
        return await function(1)

    async def new_counter(self):
        value = 0

        def add(amount):
            nonlocal value
            value += amount
            return value

        return add

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        counter = await self.env.SELF.new_counter()
        answers = [await self.env.SELF.call(lambda n: f"called with {n}"), await self.env.SELF.call(counter), await counter(4)]
        answers.append(await self.env.SELF.come_back())
        return Response.json(answers)
"""


def test_functions_that_a_worker_sends_to_itself_are_stubs_as_any(serve, project):
    services = 'services = [{ binding = "SELF", service = "own", entrypoint = "Counting" }]\n'
    configuration = CONFIGURATION.replace("MAIN", "index.py") + services
    folder = project(files={"wrangler.toml": configuration, "src/index.py": TO_ITSELF})
    assert serve(folder).fetch().json == ["called with 1", 1, 5, "called when it came back"]


def test_blobs_arrive_as_they_were(serve, project):
    body = """
        blob = await self.env.SELF.same(Blob("öl", content_type="text/x"))
        return Response.json([await blob.text(), blob.content_type])
"""
    source = TO_ITSELF.partition("        counter =")[0] + body
    services = 'services = [{ binding = "SELF", service = "own", entrypoint = "Counting" }]\n'
    configuration = CONFIGURATION.replace("MAIN", "index.py") + services
    folder = project(files={"wrangler.toml": configuration, "src/index.py": source})
    answer = serve(folder).fetch()
    assert answer.status == 200, answer.text
    assert answer.json == ["öl", "text/x"]

"""Small APIs that no larger story needs, each used once: what `hognose run` finds in its globals, and what Workers find."""

import pytest
from harness import run

SETTINGS = 'name = "small"\ncompatibility_date = "2026-06-01"\ncompatibility_flags = ["python_workers"]\n'


@pytest.mark.parametrize(
    ("code", "printed"),
    [
        ("js.DOMException.new('gone', 'NotFoundError').code", "8"),
        ("js.DOMException.new('gone', 'AbortError').name", "AbortError"),
        ("js.JSON.parse('{\"a\": 1}').as_object_map()['a']", "1"),
        ("dict(js.JSON.parse('{\"a\": 1}').as_object_map())", "{'a': 1}"),
        ("await (await pyfetch('data:,text')).string()", "text"),
        ("(await pyfetch('data:,text')).status", "200"),
        ("await run_js('(f) => f.callPromising(1)')(lambda x: run_sync(add(x)))", "2"),
    ],
)
def test_a_script_finds(tmp_path, code, printed):
    imports = (
        "import js\nfrom pyodide.code import run_js\nfrom pyodide.ffi import run_sync\n"
        "from pyodide.http import pyfetch\n"
        "async def add(x): return x + 1\n"
    )
    (tmp_path / "a.py").write_text(f"{imports}print({code})\n")
    assert run("run", "a.py", folder=tmp_path) == (0, f"{printed}\n")


def test_node_process(tmp_path):
    (tmp_path / "a.mjs").write_text(
        "import process from 'node:process';\nprocess.nextTick((x) => console.log(x), 'next');\n"
        "console.log(typeof process.env, process.platform);\n"
    )
    assert run("run", "a.mjs", folder=tmp_path) == (0, "object linux\nnext\n")


QUEUE = """\
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        self.ctx.passThroughOnException()
        await self.env.JOBS.sendBatch([{"body": "one"}, {"body": "two"}])
        return Response("sent")

    async def queue(self, batch):
        times = [message.timestamp for message in batch.messages]
        print("given", [message.body for message in batch.messages], times == sorted(times), type(times[0]).__name__)
        batch.ackAll()
        raise RuntimeError("after all is acknowledged")
"""


def test_a_batch_that_was_acknowledged_is_not_given_again(project, serve):
    queues = '[[queues.producers]]\nbinding = "JOBS"\nqueue = "jobs"\n[[queues.consumers]]\nqueue = "jobs"\nmax_batch_timeout = 0\n'
    server = serve(project(files={"wrangler.toml": SETTINGS + 'main = "a.py"\n' + queues, "a.py": QUEUE}))
    for _ in range(2):
        seen = len(server.output.text)
        assert server.fetch("/").text == "sent"
        server.output.wait_for(r"given \['one', 'two'\] True", seen)
        server.output.wait_for("after all is acknowledged", seen)
    server.output.wait_for_times("'one'", 2)


OBJECT = """\
import { DurableObject } from "cloudflare:workers";

export class Store extends DurableObject {
  async work() {
    const { storage } = this.ctx;
    this.ctx.waitUntil(storage.put("later", 1));
    storage.sql.exec("CREATE TABLE t (a)");
    storage.sql.exec("INSERT INTO t VALUES (1), (2)");
    const cursor = storage.sql.exec("SELECT * FROM t");
    const before = cursor.rowsRead;
    cursor.toArray();
    await storage.sync();
    return [before <= cursor.rowsRead, cursor.rowsRead, cursor.rowsWritten, await storage.get("later")];
  }
}

export default {
  async fetch(request, env) {
    const stub = env.STORE.getByName("a");
    return Response.json(await stub.work());
  },
};
"""


def test_an_objects_storage_counts_and_is_synchronised(project, serve):
    objects = (
        '[[durable_objects.bindings]]\nname = "STORE"\nclass_name = "Store"\n'
        '[[migrations]]\ntag = "v1"\nnew_sqlite_classes = ["Store"]\n'
    )
    server = serve(project(files={"wrangler.toml": SETTINGS + 'main = "a.js"\n' + objects, "a.js": OBJECT}))
    assert server.fetch("/").json == [True, 2, 0, 1]


CALLER = """\
import asyncio
from js import Response as JavaScriptResponse
from pyodide.ffi import create_proxy
from workers import Response, WorkerEntrypoint


class Callee(WorkerEntrypoint):
    async def fetch(self, request):
        def tell(event):
            print("callee:", signal.reason.name, signal.reason.message)
            gone.set()

        async def begun():
            yield b"first"
            await asyncio.Event().wait()

        signal, gone = request.js_object.signal, asyncio.Event()
        self.ctx.waitUntil(asyncio.wait_for(gone.wait(), 30))
        signal.addEventListener("abort", create_proxy(tell))
        return JavaScriptResponse.new(create_proxy(begun()))


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        answer = await self.env.CALLEE.fetch("http://any.host/")
        reader = answer.js_object.body.getReader()
        chunk = await reader.read()
        await reader.cancel()
        return Response(chunk.value.to_bytes().decode())
"""


def test_a_bound_worker_learns_that_its_caller_has_gone(project, serve):
    settings = SETTINGS.replace('["python_workers"]', '["python_workers", "enable_request_signal"]')
    binding = 'main = "a.py"\n[[services]]\nbinding = "CALLEE"\nservice = "small"\nentrypoint = "Callee"\n'
    server = serve(project(files={"wrangler.toml": settings + binding, "a.py": CALLER}))
    assert server.fetch().text == "first"
    server.output.wait_for("callee: AbortError The client has disconnected")

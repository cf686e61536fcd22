"""The plugin `hognose.pytest`, as the tests of a Worker use it."""

import os
import subprocess

from harness import HOGNOSE, TIMEOUT_S

PYTHON = os.path.join(os.path.dirname(HOGNOSE), "python")
SOURCE = """\
from js import Response

async def on_fetch(request, env):
    if request.method == "PUT":
        await env.KV.put("kept", await request.text())
    return Response.new(await env.KV.get("kept") or "nothing")
"""
TESTS = """\
def test_puts(worker):
    assert worker.fetch("/", "PUT", {"n": 1}).json() == {"n": 1}

def test_has_a_state_of_its_own(worker):
    assert worker.fetch("/").text == "nothing"
"""


# Several servers are started one after the other.
RUN_MAX_S = 4 * TIMEOUT_S


def run_tests(folder):
    command = [PYTHON, "-m", "pytest", "-q", "-p", "hognose.pytest", "--rootdir", str(folder), "-c", os.devnull]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    ended = subprocess.run(
        [*command, str(folder)], cwd=folder, env=environment, capture_output=True, text=True, timeout=RUN_MAX_S, check=False
    )
    return ended.returncode, ended.stdout


def test_each_test_gets_the_worker_with_a_state_of_its_own(project):
    configuration = 'main = "src/index.py"\nkv_namespaces = [{ binding = "KV", id = "x" }]\n'
    folder = project(files={"wrangler.toml": configuration, "src/index.py": SOURCE, "test_it.py": TESTS})
    code, output = run_tests(folder)
    assert code == 0, output
    assert "2 passed" in output


def test_a_worker_that_cannot_be_served_fails_its_tests_with_the_reason(project):
    folder = project(files={"wrangler.toml": 'main = "absent.py"\n', "test_it.py": TESTS})
    code, output = run_tests(folder)
    assert code == 1
    assert "The Worker is not served" in output
    assert "`absent.py` does not exist" in output


EVERYTHING = """\
name = "all"
main = "src/index.py"
compatibility_date = "2026-06-01"
compatibility_flags = ["python_workers"]
kv_namespaces = [{ binding = "KV", id = "x" }]
d1_databases = [{ binding = "DB", database_name = "db", database_id = "d" }]
r2_buckets = [{ binding = "R2", bucket_name = "files" }]
queues.producers = [{ binding = "QUEUE", queue = "jobs" }]
durable_objects.bindings = [{ name = "COUNTERS", class_name = "Counter" }]
migrations = [{ tag = "v1", new_sqlite_classes = ["Counter"] }]
"""
COUNTS = """\
from js import Response as JsResponse, caches
from pyodide.ffi import to_js
from workers import DurableObject, Response, WorkerEntrypoint

print("imported")
seen = []

class Counter(DurableObject):
    async def count(self):
        number = (await self.ctx.storage.get("n") or 0) + 1
        await self.ctx.storage.put("n", number)
        return number

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        env = self.env
        cached = await caches.default.match("http://cache/x")
        seen.append(1)
        await env.DB.exec("CREATE TABLE IF NOT EXISTS t (n)")
        before = [
            await env.KV.get("k") is not None,
            (await env.DB.prepare("SELECT count(*) AS n FROM t").first()).n,
            await env.R2.head("o") is not None,
            await env.COUNTERS.getByName("a").count() - 1,
            (await env.QUEUE.metrics()).backlogCount,
            len(seen) - 1,
            cached is not None,
        ]
        await env.KV.put("k", "v")
        await env.DB.exec("INSERT INTO t VALUES (1)")
        await env.R2.put("o", "v")
        await env.QUEUE.send("m")
        response = JsResponse.new("v", headers=to_js([["cache-control", "max-age=60"]]))
        await caches.default.put("http://cache/x", response)
        print("counted")
        return Response.from_json([int(n) for n in before])
"""
TWICE = """\
import pytest

@pytest.mark.parametrize("turn", [1, 2, 3])
def test_it(worker, turn):
    assert worker.fetch().text == "[0, 0, 0, 0, 0, 0, 0]"
    assert worker.fetch().text == "[1, 1, 1, 1, 1, 1, 1]"
    while worker.output.count("counted") < 2:
        pass
    assert worker.output.count("counted") == 2
    assert worker.output.count("imported") == (turn == 1)
"""


def test_the_worker_begins_anew_for_each_test_without_being_loaded_again(project):
    files = {"wrangler.toml": EVERYTHING, "src/index.py": COUNTS, "test_it.py": TWICE}
    code, output = run_tests(project(files=files))
    assert code == 0, output


def test_data_are_forgotten_only_by_servers_of_tests(serve, project):
    configuration = 'main = "src/index.py"\nkv_namespaces = [{ binding = "KV", id = "x" }]\n'
    server = serve(project(files={"wrangler.toml": configuration, "src/index.py": SOURCE}))
    server.fetch("/", "PUT", "mine")
    assert server.fetch("/cdn-cgi/explorer/api/local/anew", "POST").status == 403
    assert server.fetch().text == "mine"

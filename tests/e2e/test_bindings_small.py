"""Rate limits, the Analytics Engine and Hyperdrive; and what a flag changes of R2."""

import contextlib
import json
import socket
import sqlite3
import threading

import pytest
from harness import run

CONFIGURATION = """\
main = "index.py"
compatibility_date = "2025-08-01"
compatibility_flags = ["python_workers"]
"""
LIMITS = """
[[ratelimits]]
name = "LIMIT"
namespace_id = "1001"
simple = { limit = 3, period = 60 }

[[ratelimits]]
name = "SAME"
namespace_id = "1001"
simple = { limit = 3, period = 60 }
"""
DATASETS = """
[[analytics_engine_datasets]]
binding = "POINTS"
dataset = "visits"

[[analytics_engine_datasets]]
binding = "OTHER"
"""
RAW = """\
import json
from js import Object, Response
from pyodide.ffi import to_js

def js(value):
    return to_js(value, dict_converter=Object.fromEntries)

async def on_fetch(request, env):
    code = "async def run(env, js):\\n" + "\\n".join("    " + line for line in (await request.text()).splitlines())
    scope = {}
    try:
        exec(code, scope)
        return Response.new(json.dumps(await scope["run"](env, js)))
    except Exception as error:
        return Response.new(str(error))
"""
SDK = """\
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        self.env.POINTS.writeDataPoint({"indexes": ["sdk"], "blobs": ["a"], "doubles": [1]})
        first = await self.env.LIMIT.limit({"key": "k"})
        second = await self.env.LIMIT.limit(key="k")
        return Response(f"{first.success} {second['success']}")
"""


@pytest.fixture
def run_in(project, serve):
    """A function that runs code in a Worker with the bindings."""
    server = serve(project(files={"wrangler.toml": CONFIGURATION + LIMITS + DATASETS, "index.py": RAW}))

    def post(code):
        text = server.fetch("/", "POST", code.encode()).text
        return json.loads(text) if text[:1] in '["{tfn0123456789' else text

    post.folder = server.folder
    return post


def test_a_key_succeeds_up_to_its_limit(run_in):
    # Tried until all of it falls into one window.
    code = """
    results = []
    for name in ["LIMIT", "SAME", "LIMIT", "LIMIT"]:
        results.append((await getattr(env, name).limit(js({"key": "KEY"}))).success)
    results.append((await env.LIMIT.limit(js({"key": "KEY other"}))).success)
    return results
    """
    for attempt in range(3):
        results = run_in(code.replace("\n    ", "\n").replace("KEY", f"k{attempt}"))
        if results == [True, True, True, False, True]:
            return
    raise AssertionError(results)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("1", "Error: invalid rate limit options"),
        ('js({"key": "a", "x": 1, "y": 2})', "Error: bad rate limit options: [x,y]"),
        ('js({"key": 5})', "Error: invalid key: 5"),
        ('js({"key": "a", "period": 7})', "Error: unsupported period: 7"),
    ],
)
def test_wrong_options_are_named(run_in, argument, message):
    assert run_in(f"return await env.LIMIT.limit({argument})") == message


def test_names_are_those_that_the_sdk_looks_for(run_in):
    code = "return [env.LIMIT.constructor.name, env.POINTS.constructor.name]"
    assert run_in(code) == ["Ratelimit", "AnalyticsEngine"]


def points(folder):
    with contextlib.closing(sqlite3.connect(folder / ".hognose/analytics/analytics.sqlite")) as database:
        sql = "SELECT dataset, index1, blob1, blob2, blob20, double1, double20, _sample_interval FROM points"
        return database.execute(sql).fetchall()


def test_points_are_kept(run_in):
    code = """
full = {"indexes": ["i" * 96], "blobs": ["é"] + [None] * 18 + ["last"], "doubles": [0.5] * 20}
nothing = env.POINTS.writeDataPoint(js(full))
env.OTHER.writeDataPoint()
env.OTHER.writeDataPoint(js({"blobs": [b"raw", "x" * 15997]}))
return nothing
"""
    assert run_in(code) is None
    kept = []
    while len(kept) < 3:
        kept = points(run_in.folder)
    assert kept[0] == ("visits", "i" * 96, "é", None, "last", 0.5, 0.5, 1)
    assert kept[1] == ("OTHER", None, None, None, None, None, None, 1)
    assert kept[2][:3] == ("OTHER", None, b"raw")


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ('{"indexes": ["a", "b"]}', "Maximum of 1 indexes supported."),
        ('{"indexes": ["i" * 97]}', "Size of indexes[0] exceeds 96 bytes)."),
        ('{"blobs": ["x"] * 21}', "Maximum of 20 blobs supported."),
        ('{"blobs": ["x" * 16000, "y"]}', "Cumulative size of blobs exceeds 16000 bytes)."),
        ('{"doubles": [1] * 21}', "Maximum of 20 doubles supported."),
    ],
)
def test_points_that_are_too_large_are_refused(run_in, point, message):
    assert run_in(f"env.POINTS.writeDataPoint(js({point}))") == f"TypeError: writeDataPoint(): {message}"


def test_the_sdk_has_them_too(project, serve):
    server = serve(project(files={"wrangler.toml": CONFIGURATION + LIMITS + DATASETS, "index.py": SDK}))
    assert server.fetch("/").text == "True True"
    while not points(server.folder):
        pass
    assert points(server.folder)[0][1:3] == ("sdk", "a")


@pytest.mark.parametrize("simple", ["{ limit = 1, period = 30 }", "{ period = 60 }", "{ limit = 1 }"])
def test_a_limit_needs_a_number_and_a_period(project, simple):
    limits = f'[[ratelimits]]\nname = "L"\nnamespace_id = "1"\nsimple = {simple}\n'
    folder = project(files={"wrangler.toml": CONFIGURATION + limits, "index.py": RAW})
    code, output = run("dev", folder=folder)
    assert (code, '"period" of 10 or 60 seconds' in output) == (1, True), output


HYPERDRIVE = """
[[hyperdrive]]
binding = "DATABASE"
id = "on Cloudflare"
"""
CONNECTING = """\
import json
from js import Response, TextEncoder

async def on_fetch(request, env):
    database = env.DATABASE
    if request.url.endswith("/connect"):
        socket = database.connect()
        writer = socket.writable.getWriter()
        await writer.write(TextEncoder.new().encode("who is there?"))
        answer = await socket.readable.getReader().read()
        return Response.new(bytes(answer.value.to_py()).decode())
    names = ["connectionString", "host", "port", "user", "password", "database"]
    return Response.new(json.dumps([str(database.constructor.name), *(getattr(database, name) for name in names)]))
"""


def test_hyperdrive_is_a_connection_string_in_parts(serve, project):
    string = "postgres://some%20one:p%40ss@db.example/shop?sslmode=disable"
    configuration = CONFIGURATION + HYPERDRIVE + f'localConnectionString = "{string}"\n'
    server = serve(project(files={"wrangler.toml": configuration, "index.py": CONNECTING}))
    assert server.fetch().json == ["Hyperdrive", string, "db.example", 5432, "some one", "p@ss", "shop"]


def test_hyperdrive_connects_to_its_database(serve, project, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as database:
        string = f"mysql://root@127.0.0.1:{database.getsockname()[1]}/shop"
        monkeypatch.setenv("CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_DATABASE", string)
        server = serve(project(files={"wrangler.toml": CONFIGURATION + HYPERDRIVE, "index.py": CONNECTING}))
        assert server.fetch().json[1:4] == [string, "127.0.0.1", database.getsockname()[1]]

        def answer():
            client, _ = database.accept()
            with client:
                client.sendall(b"you said: " + client.recv(100))

        answering = threading.Thread(target=answer)
        answering.start()
        assert server.fetch("/connect").text == "you said: who is there?"
        answering.join()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "`CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_DATABASE`"),
        ('localConnectionString = "mongodb://localhost/shop"', "names no database"),
        ('localConnectionString = "postgres://:5432/shop"', "names no database"),
    ],
)
def test_hyperdrive_without_a_database_is_refused(project, line, said):
    configuration = CONFIGURATION + HYPERDRIVE + line
    folder = project(files={"wrangler.toml": configuration, "index.py": CONNECTING})
    code, output = run("dev", "--port", "0", folder=folder)
    assert code == 1
    assert said in output


def test_lists_of_r2_include_all_metadata_before_the_flag(project, serve):
    code = """
export default { async fetch(request, { FILES }) {
  await FILES.put("a", "", { customMetadata: { who: "me" }, httpMetadata: { contentType: "a/b" } });
  const { objects: [{ customMetadata, httpMetadata }] } = await FILES.list({ include: [] });
  return Response.json([customMetadata, httpMetadata]);
} };
"""
    config = """
name = "old"
main = "index.mjs"
compatibility_date = "2022-08-03"
r2_buckets = [{ binding = "FILES", bucket_name = "files" }]
"""
    server = serve(project(files={"index.mjs": code, "wrangler.toml": config}))
    assert server.fetch("/").text == '[{"who":"me"},{"contentType":"a/b"}]'

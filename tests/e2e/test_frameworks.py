"""The web frameworks that people bring, by the SDK's adapters: the projects in `examples/`, as they are."""

import hashlib
import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import REPOSITORY
from websocket_client import Client

UPLOAD = bytes(range(256)) * 32 * 1024  # 8 MiB: many times what crosses to a cell at once
SHA256 = hashlib.sha256(UPLOAD).hexdigest()
BOUNDARY = "a-line-between"


@pytest.fixture
def example(serve, tmp_path):
    """A function that serves `examples/<name>`."""

    def start(name):
        folder = tmp_path / name
        shutil.copytree(REPOSITORY / "examples" / name, folder, ignore=shutil.ignore_patterns(".hognose"))
        return serve(folder)

    return start


def as_form(content):
    """The fields of a request that uploads `content` as the file `zoo.bin`."""
    head = (
        f"--{BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="file"; filename="zoo.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return {
        "method": "POST",
        "body": head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode(),
        "headers": {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
    }


def post_json(server, path, value):
    return server.fetch(path, "POST", json.dumps(value), {"Content-Type": "application/json"})


def test_fastapi_keeps_tasks_and_files(example):
    server = example("fastapi")
    assert server.fetch("/").json == {"title": "Tasks", "docs": "/docs"}
    added = post_json(server, "/tasks", {"title": "feed the snake"})
    assert (added.status, added.json) == (201, {"title": "feed the snake", "done": False, "id": 1})
    server.output.wait_for("added 'feed the snake'")
    assert server.fetch("/tasks/1").json["title"] == "feed the snake"
    assert server.fetch("/tasks?done=true").json == []
    assert len(server.fetch("/tasks").json) == 1
    assert server.fetch("/tasks/2").status == 404
    refused = post_json(server, "/tasks", {"title": ""})
    assert (refused.status, refused.json["detail"][0]["loc"]) == (422, ["body", "title"])
    uploaded = server.fetch("/files", **as_form(UPLOAD)).json
    assert uploaded == {"name": "zoo.bin", "type": "application/octet-stream", "size": len(UPLOAD)}
    assert "/tasks/{number}" in server.fetch("/openapi.json").json["paths"]


PLAIN = """
from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI, Request
from pyodide.ffi import run_sync
from workers import asgi

app = FastAPI()


@app.get("/{key}")
def keep(key: str, request: Request):
    store = request.scope["env"].STORE
    run_sync(store.put(key, key.upper()))
    with ThreadPoolExecutor(1) as pool:
        return [run_sync(store.get(key)), pool.submit(lambda: run_sync(store.get(key))).result()]


Default = asgi.entrypoint(app)
"""


def test_fastapis_plain_functions_use_bindings_and_threads_of_their_own(serve, tmp_path):
    folder = tmp_path / "plain"
    shutil.copytree(REPOSITORY / "examples/fastapi", folder, ignore=shutil.ignore_patterns(".hognose"))
    (folder / "src/entry.py").write_text(PLAIN)
    with open(folder / "wrangler.toml", "a") as configuration:
        configuration.write('\n[[kv_namespaces]]\nbinding = "STORE"\nid = "store"\n')
    server = serve(folder)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: server.fetch(f"/key{number}").json, range(24)))
    assert answers == [[f"KEY{number}"] * 2 for number in range(24)]


def test_starlette_streams(example):
    server = example("starlette")
    events = server.fetch("/events?from=2")
    assert events.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert events.text == "data: 2\n\ndata: 1\n\n"
    assert server.fetch("/upload", "POST", UPLOAD).json == {"size": len(UPLOAD), "sha256": SHA256}
    cookies = server.fetch("/cookies").headers.get_all("set-cookie")
    assert [cookie.partition(";")[0] for cookie in cookies] == ["first=1", "second=2"]
    server.output.wait_for("after the response")
    with Client(server.port, "/echo") as client:
        client.text("hello")
        assert client.receive_text() == "HELLO"
        client.text("bye")
        assert client.receive_close() == (4000, "as you wish")


def test_flask_waits_for_bindings(example):
    server = example("flask")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    signed = server.fetch("/", "POST", "guest=<b>%C3%84da</b>", form)
    assert (signed.status, signed.headers["location"]) == (303, "/")
    assert "<li>&lt;b&gt;Äda&lt;/b&gt;</li>" in server.fetch("/").text
    assert server.fetch("/", "POST", "", form).status == 400
    assert server.fetch("/numbers").text == "0\n1\n2\n"
    assert server.fetch("/upload", "POST", UPLOAD).json == {"size": len(UPLOAD), "sha256": SHA256}


def test_django_answers_by_asgi(example):
    server = example("django")
    for visit in [1, 2]:
        told = server.fetch("/hello/%3Cworld%3E").text
        assert told == f"<h1>Hello, &lt;world&gt;</h1><p>Visit {visit}</p>"
    assert server.fetch("/about", headers={"User-Agent": "a test"}).json == {"path": "/about", "agent": "a test"}
    assert server.fetch("/numbers").text == "0\n1\n2\n"
    uploaded = server.fetch("/upload", **as_form(UPLOAD)).json
    assert uploaded == {"name": "zoo.bin", "size": len(UPLOAD), "sha256": SHA256}
    assert server.fetch("/nowhere").status == 404

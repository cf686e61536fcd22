"""What a handler may return, and how long what its answer is made of lives."""

import pytest

OLD = 'name = "answers"\nmain = "index.py"\ncompatibility_date = "2025-03-01"\ncompatibility_flags = ["python_workers"]\n'

# Each path returns something that has to be awaited twice.
AWAITABLES = """\
from js import Promise, Response, fetch as js_fetch
from workers import fetch

async def teapot():
    return Response.new("short and stout", status=418)

async def nested():
    return teapot()

async def on_fetch(request):
    url = "http://service.test/teapot"
    if request.url.endswith("/sdk"):
        return fetch(url)
    if request.url.endswith("/js"):
        return js_fetch(url)
    if request.url.endswith("/promise"):
        return Promise.resolve(await teapot())
    return nested()
"""

STREAMS = """\
from js import HTMLRewriter, ReadableStream, Response, TransformStream, fetch
from pyodide.ffi import create_proxy

async def on_fetch(request):
    if request.method == "POST":
        return Response.new(request.body.pipeThrough(TransformStream.new()))
    page = await fetch("http://service.test/teapot")
    if request.url.endswith("/rewritten"):
        return HTMLRewriter.new().transform(page)
    if request.url.endswith("/tee"):
        return Response.new(page.body.tee()[1])
    return Response.new(read(page.body.getReader()))

def read(reader):
    async def pull(controller):
        chunk = await reader.read()
        if chunk.done:
            controller.close()
        else:
            controller.enqueue(chunk.value)

    return ReadableStream.new(pull=create_proxy(pull))
"""

BROKEN = """\
from js import Error, ReadableStream, Response
from pyodide.ffi import create_proxy

def start(controller):
    controller.error(Error.new("nothing to read"))

async def on_fetch(request):
    return Response.new(ReadableStream.new(start=create_proxy(start)))
"""

GIVER = """\
import js
from workers import DurableObject, WorkerEntrypoint

class Giver(DurableObject):
    async def page(self):
        return (await js.fetch("http://service.test/teapot")).body.pipeThrough(js.TransformStream.new())

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return js.Response.new(await self.env.GIVER.getByName("one").page())
"""

GIVER_CONFIGURATION = """\
name = "giver"
main = "index.py"
compatibility_date = "2026-03-01"
compatibility_flags = ["python_workers"]
durable_objects.bindings = [{ name = "GIVER", class_name = "Giver" }]
migrations = [{ tag = "v1", new_sqlite_classes = ["Giver"] }]
"""


@pytest.fixture
def start(serve, project):
    """A function that serves a Worker which finds the Worker `raw` at `service.test`."""

    def started(source, configuration=OLD):
        target = serve("raw")
        folder = project(files={"wrangler.toml": configuration, "index.py": source})
        return serve(folder, "--connect-to", f"service.test:80:127.0.0.1:{target.port}")

    return started


def test_what_an_async_handler_returns_is_awaited_to_its_end(start):
    server = start(AWAITABLES)
    for path in ("/sdk", "/js", "/promise", "/nested"):
        answer = server.fetch(path)
        assert (answer.status, answer.text) == (418, "short and stout"), path


def test_a_fetched_body_can_be_sent_through_streams_of_the_worker(start):
    server = start(STREAMS)
    for path in ("/rewritten", "/tee", "/read"):
        assert server.fetch(path).text == "short and stout", path


def test_a_request_s_body_can_be_sent_back_through_a_stream(start):
    upload = bytes(range(256)) * 4096
    assert start(STREAMS).fetch("/", "POST", upload).body == upload


def test_a_method_may_hand_out_a_stream_of_what_it_fetched(start):
    assert start(GIVER, GIVER_CONFIGURATION).fetch().text == "short and stout"


def test_a_body_that_has_failed_before_it_is_sent_is_an_error_page(start):
    server = start(BROKEN)
    assert server.fetch().status == 500
    server.output.wait_for("Error: nothing to read")

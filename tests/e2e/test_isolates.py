"""How long isolates live, and what they may do after the answer."""

import concurrent.futures
import contextlib
import os
import select

import pytest
from harness import TIMEOUT_S, Gates

WORKER = """\
import asyncio
import os
import time
import urllib.request

import js
from js import Response, TransformStream, URL
from pyodide.ffi import to_js


async def on_fetch(request, env, ctx):
    return await ROUTES[URL.new(request.url).pathname](env, ctx)


async def gate(env):
    return await js.fetch(f"{env.GATES}/gate")


async def keeps(env, ctx):
    ctx.waitUntil(gate(env))
    return Response.new("answered")


async def streams(env, ctx):
    stream = TransformStream.new()
    writer = stream.writable.getWriter()

    async def write():
        await writer.write(to_js(b"first "))
        await gate(env)
        await writer.write(to_js(b"last"))
        await writer.close()
        print("all was written")

    ctx.waitUntil(write())
    return Response.new(stream.readable)


async def process(env, ctx):
    return Response.new(str(os.getpid()))


async def computes(env, ctx):
    # Does not give way until the test says so.
    urllib.request.urlopen(f"{env.GATES}/enough").close()
    return await process(env, ctx)


def computes_until(env, gate):
    # Longer than a step usually takes, before it waits: what is known of this Worker then does not hang on the test.
    end = time.monotonic() + 0.01
    while time.monotonic() < end:
        pass
    urllib.request.urlopen(f"{env.GATES}/{gate}").close()


async def holds_up(env, ctx):
    computes_until(env, "held_up")
    return Response.new("held up")


others = []


async def is_quick_once(env, ctx):
    if not others:
        others.append(True)
        return Response.new("quick")
    computes_until(env, "enough")
    return Response.new("slow")


kept = []


async def hoards(env, ctx):
    kept.append(bytearray(b"x") * (50 << 20))
    # Long enough for somebody to look.
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
    return await process(env, ctx)


ROUTES = {
    "/hoards": hoards,
    "/keeps": keeps,
    "/streams": streams,
    "/process": process,
    "/computes": computes,
    "/holds_up": holds_up,
    "/is_quick_once": is_quick_once,
}
"""
TOO_LONG = "waitUntil() tasks did not complete within the allowed time"


@pytest.fixture
def gates():
    with contextlib.closing(Gates()) as gates:
        yield gates
        gates.open("gate")


@pytest.fixture
def start(serve, project, gates):
    def start(settings):
        files = {"wrangler.toml": 'main = "src/index.py"\n', "src/index.py": WORKER, "hognose.toml": settings}
        return serve(project(files=files), "--var", f"GATES:http://127.0.0.1:{gates.server_port}")

    return start


def test_what_wait_until_keeps_has_a_limited_time_after_the_answer(start):
    server = start("[limits]\nwait_until_ms = 1\n")
    assert server.fetch("/keeps").text == "answered"
    server.output.wait_for(TOO_LONG.replace("(", r"\(").replace(")", r"\)"))


def test_the_time_begins_when_the_response_has_ended(start, gates):
    server = start("[limits]\nwait_until_ms = 1\n")
    with contextlib.closing(server.connect()) as connection:
        connection.request("GET", "/streams")
        response = connection.getresponse()
        assert response.read(6) == b"first "
        for _ in range(10):
            server.fetch("/process")
        gates.open("gate")
        assert response.read() == b"last"
    server.output.wait_for("all was written")
    assert TOO_LONG not in server.output.text


def test_what_is_answered_does_not_wait_for_what_computes_in_the_same_turn(start, gates):
    server = start("[pool]\nmax_isolates = 1\n")
    with contextlib.ExitStack() as opened:
        holding, *pair = [opened.enter_context(contextlib.closing(server.connect())) for _ in range(3)]
        holding.request("GET", "/holds_up")
        gates.wait_for("held_up")
        for connection in pair:
            connection.request("GET", "/is_quick_once")
        while len(server.fetch("/cdn-cgi/explorer/api/invocations").json["result"]["open"]) < 3:
            pass
        gates.open("held_up")
        assert holding.getresponse().read() == b"held up"
        answered = select.select([connection.sock for connection in pair], [], [], TIMEOUT_S)[0]
        assert len(answered) == 1
        quick, slow = sorted(pair, key=lambda connection: connection.sock is not answered[0])
        assert quick.getresponse().read() == b"quick"
        gates.open("enough")
        assert slow.getresponse().read() == b"slow"


def test_an_isolate_that_is_no_longer_needed_ends(start, gates):
    server = start("[pool]\nmax_isolates = 2\nisolate_idle_ms = 1\n")
    server.fetch("/process")
    with concurrent.futures.ThreadPoolExecutor() as threads:
        computing = threads.submit(server.fetch, "/computes")
        gates.wait_for("enough")
        second = answer_of_another(server, threads)
        gates.open("enough")
        first = int(computing.result().text)
    assert first != second
    ended = wait_for_one_end([first, second])
    assert int(server.fetch("/process").text) in {first, second} - {ended}
    assert "ended" not in server.output.text


REPLACED = {
    "by its age": ("[pool]\nisolate_age_ms = 1\n", "/process"),
    "by requests": ("[pool]\nisolate_requests = 3\n", "/process"),
    "by memory": ("[limits]\nmemory_mb = 64\n", "/hoards"),
}


@pytest.mark.parametrize("why", REPLACED)
def test_an_isolate_is_replaced(start, why):
    settings, path = REPLACED[why]
    server = start(settings)
    first = server.fetch(path)
    with contextlib.closing(Ended(int(first.text))) as ended:
        while (answer := server.fetch("/process")).text == first.text:
            assert answer.status == 200
        assert answer.status == 200
        ended.wait()
    assert "ended" not in server.output.text, "nobody lost anything"


def test_a_worker_that_nobody_asks_has_no_isolate(start):
    server = start("[pool]\nisolate_idle_ms = 1\nworker_idle_ms = 1\n")
    pid = int(server.fetch("/process").text)
    with contextlib.closing(Ended(pid)) as ended:
        ended.wait()
    answer = server.fetch("/process")
    assert answer.status == 200 and int(answer.text) != pid


class Ended:
    """The end of a process, which may have come already."""

    def __init__(self, pid):
        try:
            self._descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            self._descriptor = None

    def wait(self):
        if self._descriptor is not None:
            assert select.select([self._descriptor], [], [], TIMEOUT_S)[0]

    def close(self):
        if self._descriptor is not None:
            os.close(self._descriptor)


def answer_of_another(server, threads):
    """The process of an isolate beside the one that computes. A request that comes in the moment before the supervisor
    knows that it does has to wait for it."""
    while True:
        asked = threads.submit(server.fetch, "/process")
        with contextlib.suppress(TimeoutError):
            return int(asked.result(1).text)


def wait_for_one_end(pids):
    """Waits until one of two processes has ended, and gives its number."""
    with contextlib.ExitStack() as opened:
        numbers = {}
        for pid in pids:
            try:
                descriptor = os.pidfd_open(pid)
            except ProcessLookupError:
                return pid
            opened.callback(os.close, descriptor)
            numbers[descriptor] = pid
        ready = select.select(list(numbers), [], [], TIMEOUT_S)[0]
        return numbers[ready[0]]


CONSUMER = """\
import asyncio
import time

from js import Response

arrived = []


async def on_fetch(request, env):
    await env.JOBS.send("x")
    begun = time.monotonic()
    while time.monotonic() - begun < 0.1:
        pass
    while not arrived:
        await asyncio.sleep(0.01)
    return Response.new("arrived")


async def on_queue(batch, env):
    arrived.append(batch)
"""
QUEUE = """\
main = "index.py"
compatibility_date = "2025-08-01"
queues.producers = [{ binding = "JOBS", queue = "jobs" }]
queues.consumers = [{ queue = "jobs", max_batch_timeout = 0 }]
"""


def test_an_event_waits_for_the_isolate_that_computes_and_shares_its_globals(serve, project):
    server = serve(project(files={"wrangler.toml": QUEUE, "index.py": CONSUMER}))
    assert server.fetch().text == "arrived"

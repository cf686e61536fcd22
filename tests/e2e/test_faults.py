"""What is promised when something breaks: a process is killed from outside in the middle of its work, descriptors run
out. `docs/faults.md` names the promise of each fault, and where the others are tested."""

import concurrent.futures
import contextlib
import os
import resource
import select
import signal

import pytest
from harness import TIMEOUT_S, Gates, children, descendants, reap_orphans, stat

WORKER = """\
import ctypes
import os
import urllib.request

import js
from js import Response, URL


async def on_fetch(request, env):
    path = URL.new(request.url).pathname
    print("began", path)
    if path == "/waits":
        await js.fetch(f"{env.GATES}/gate")
    elif path in ("/computes", "/spins"):
        # Does not give way until the test says so.
        urllib.request.urlopen(f"{env.GATES}{path}").close()
        while path == "/spins":
            pass
    elif path == "/crashes":
        ctypes.string_at(0)
    return Response.new(str(os.getpid()))
"""


@pytest.fixture
def gates():
    with contextlib.closing(Gates()) as gates:
        yield gates
        for name in ("gate", "computes", "spins"):
            gates.open(name)


@pytest.fixture
def start(serve, project, gates):
    def start(settings=""):
        files = {"wrangler.toml": 'main = "src/index.py"\n', "src/index.py": WORKER, "hognose.toml": settings}
        return serve(project(files=files), "--var", f"GATES:http://127.0.0.1:{gates.server_port}")

    return start


@pytest.fixture
def threads():
    with concurrent.futures.ThreadPoolExecutor() as threads:
        yield threads


def kill(pid):
    """Kills a process that is not ours and waits until it has ended."""
    descriptor = os.pidfd_open(pid)
    try:
        os.kill(pid, signal.SIGKILL)
        assert select.select([descriptor], [], [], TIMEOUT_S)[0]
    finally:
        os.close(descriptor)


def process(server):
    return int(server.fetch("/process").text)


def test_a_killed_isolate_costs_its_own_requests_which_are_not_tried_again(start, gates, threads):
    server = start("[pool]\nmax_isolates = 2\n")
    computing = threads.submit(server.fetch, "/computes")
    gates.wait_for("computes")
    waiting = threads.submit(server.fetch, "/waits", "POST")
    gates.wait_for("gate")
    victim = process(server)
    kill(victim)
    lost = waiting.result()
    assert (lost.status, lost.text) == (502, "Bad Gateway: the Worker ended before it answered: its process ended.\n")
    gates.open("computes")
    assert computing.result().status == 200, "the other isolate knows nothing of it"
    assert process(server) != victim
    server.output.wait_for(rf"{victim}.*ended")
    server.output.wait_for_times("began /waits", 1)


def test_a_crash_of_native_code_is_told_with_its_line(start):
    server = start()
    victim = process(server)
    assert server.fetch("/crashes").status == 502
    server.output.wait_for(r'Fatal Python error: Segmentation fault\n(.*\n)*.*index\.py", line 20 in on_fetch')
    assert process(server) != victim


def test_a_killed_zygote_costs_the_requests_of_its_isolates_and_is_made_again(start, gates, threads):
    server = start()
    waiting = threads.submit(server.fetch, "/waits")
    gates.wait_for("gate")
    isolate = process(server)
    zygote = stat(isolate)[1]
    kill(zygote)
    assert waiting.result().status == 502
    again = process(server)
    assert stat(again)[1] not in (zygote, None)
    assert process(server) == again


def test_a_killed_base_costs_the_requests_of_its_isolates_and_is_made_again(start):
    server = start()
    isolate = process(server)
    base = stat(stat(isolate)[1])[1]
    assert base in children(server.process.pid)
    kill(base)
    server.output.wait_for(f"Isolate {isolate} ended")
    again = process(server)
    assert stat(stat(again)[1])[1] in children(server.process.pid)


def test_no_process_outlives_a_killed_supervisor_not_even_one_that_spins(start, gates, threads):
    server = start()
    spinning = threads.submit(server.fetch, "/spins")
    gates.wait_for("spins")
    assert len(descendants(server.process.pid)) >= 3, "base, zygote, isolate"
    gates.open("spins")
    server.process.kill()
    server.process.wait(TIMEOUT_S)
    reap_orphans()
    assert spinning.exception() is not None, "its client learns of it"


def test_without_descriptors_what_is_open_goes_on_and_what_comes_waits(start):
    server = start("[pool]\nmax_isolates = 1\n")
    with contextlib.ExitStack() as clients:
        first = clients.enter_context(contextlib.closing(server.connect()))
        first.request("GET", "/process")
        pid = first.getresponse().read()
        most, hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
        used = len(os.listdir(f"/proc/{server.process.pid}/fd"))
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (used + 2, hard))
        late = [clients.enter_context(contextlib.closing(server.connect())) for _ in range(8)]
        for client in late:
            client.request("GET", "/process")
        server.output.wait_for("No connection can be accepted: .*open files")
        first.request("GET", "/process")
        assert first.getresponse().read() == pid
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (most, hard))
        assert {client.getresponse().read() for client in late} == {pid}


DELIVERED = """\
import os

from js import Response


async def on_fetch(request, env):
    await env.JOBS.send("work")
    return Response.new("sent")


async def on_queue(batch, env, ctx):
    if batch.queue == "jobs":
        os._exit(1)
    print("GOT", batch.queue, batch.messages[0].attempts)
"""
QUEUES = """\
main = "src/index.py"
queues.producers = [{ binding = "JOBS", queue = "jobs" }]

[[queues.consumers]]
queue = "jobs"
max_batch_timeout = 0
max_retries = 1
dead_letter_queue = "dead"

[[queues.consumers]]
queue = "dead"
max_batch_timeout = 0
"""


def test_a_message_is_delivered_again_after_a_crash_before_its_acknowledgement(serve, project):
    server = serve(project(files={"wrangler.toml": QUEUES, "src/index.py": DELIVERED}))
    # The batch may end the isolate before the request that sent the message is answered.
    assert server.fetch().status in (200, 502)
    server.output.wait_for("GOT dead 1")
    server.output.wait_for_times("a batch of the queue `jobs` is delivered again", 2)


RINGING = """\
import os
import time

from workers import DurableObject, Response, WorkerEntrypoint


class Clock(DurableObject):
    async def set(self):
        await self.ctx.storage.setAlarm(time.time() * 1000)

    async def alarm(self, info):
        print("RANG after", await self.ctx.storage.get("before"))
        if not await self.ctx.storage.get("before"):
            await self.ctx.storage.put("before", "a crash")
            await self.ctx.storage.sync()
            os._exit(1)


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        await self.env.CLOCKS.getByName("one").set()
        return Response("set")
"""
CLOCKS = """\
main = "src/index.py"
compatibility_date = "2026-03-01"
compatibility_flags = ["python_workers"]
durable_objects.bindings = [{ name = "CLOCKS", class_name = "Clock" }]
migrations = [{ tag = "v1", new_sqlite_classes = ["Clock"] }]
"""


def test_an_alarm_rings_again_after_a_crash_of_its_handler(serve, project):
    server = serve(project(files={"wrangler.toml": CLOCKS, "src/index.py": RINGING}))
    # The alarm may be faster than the answer, and end the process of both.
    assert server.fetch().status in (200, 502)
    server.output.wait_for(r"RANG after a crash")

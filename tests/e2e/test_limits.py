"""What a Worker may use: CPU time of an invocation, memory of an isolate. Whoever goes past a limit is told so, and the
next request finds a fresh isolate."""

import concurrent.futures

import pytest

CONFIGURATION = 'main = "src/index.py"\nlimits = { cpu_ms = 200 }\n'

PYTHON = """\
import asyncio
import itertools
import os

from js import Response
from pyodide.code import run_js


def spin():
    while True:
        pass


def swallow():
    while True:
        try:
            spin()
        except BaseException:
            pass


def spin_in_c():
    return sum(itertools.repeat(1))


async def spin_in_turns():
    while True:
        for _ in range(1000):
            pass
        await asyncio.sleep(0)


spin_in_javascript = run_js("() => { while (true); }")


async def on_fetch(request):
    name = request.url.rpartition("/")[2]
    if name:
        result = globals()[name]()
        if asyncio.iscoroutine(result):
            await result
    return Response.new(str(os.getpid()))
"""


@pytest.fixture
def limited(serve, project):
    """Serves Python code under the configuration."""

    def start(code=PYTHON, configuration=CONFIGURATION, settings=""):
        files = {"wrangler.toml": configuration, "src/index.py": code, "hognose.toml": settings}
        return serve(project(files=files))

    return start


@pytest.mark.parametrize("endless", ["spin", "spin_in_turns", "spin_in_javascript"])
def test_what_computes_too_long_is_ended_with_a_traceback(limited, endless):
    server = limited()
    before = server.fetch().text
    answer = server.fetch(f"/{endless}")
    assert answer.status == 503
    assert answer.text.startswith("Worker exceeded CPU time limit.")
    server.output.wait_for("Worker exceeded CPU time limit")
    assert "in on_fetch" in answer.text, "the Worker's own line"
    assert server.fetch().text != before, "its state is not trusted any more"


@pytest.mark.parametrize("endless", ["swallow", "spin_in_c"])
def test_what_does_not_end_when_told_to_is_killed(limited, endless):
    server = limited()
    before = server.fetch().text
    answer = server.fetch(f"/{endless}")
    assert (answer.status, answer.text) == (503, "Worker exceeded CPU time limit.\n")
    server.output.wait_for(r"Worker exceeded CPU time limit\.")
    assert server.fetch().text != before


def test_one_that_computes_too_long_costs_its_neighbours_nothing(limited):
    server = limited(settings="[pool]\nmax_isolates = 2\n")
    with concurrent.futures.ThreadPoolExecutor() as threads:
        endless = threads.submit(server.fetch, "/spin")
        answers = [server.fetch() for _ in range(20)]
    assert endless.result().status == 503
    assert {answer.status for answer in answers} == {200}


MEMORY = """\
import mmap

from js import Response

kept = []


def python():
    while True:
        kept.append(bytearray(b"x") * (1 << 20))


def shared():
    kept.append(mmap.mmap(-1, 400 << 20))
    for _ in range(400):
        kept[-1].write(b"x" * (1 << 20))


async def on_fetch(request):
    name = request.url.rpartition("/")[2]
    if name.isdigit():
        kept.append(bytearray(b"x") * (int(name) << 20))
    elif name:
        globals()[name]()
    return Response.new("ok")
"""


@pytest.mark.parametrize("greedy", ["python", "shared"])
def test_memory_has_an_end(limited, greedy):
    server = limited(MEMORY, settings="[limits]\nmemory_mb = 64\n")
    assert server.fetch("/40").text == "ok"
    answer = server.fetch(f"/{greedy}")
    assert (answer.status, answer.text.split("\n")[0]) == (503, "Worker exceeded memory limit.")
    assert server.fetch().text == "ok"


def test_what_the_top_level_holds_is_not_charged(limited):
    server = limited("held = bytearray(b'x') * (200 << 20)\n" + MEMORY, settings="[limits]\nmemory_mb = 64\n")
    assert server.fetch("/40").text == "ok"

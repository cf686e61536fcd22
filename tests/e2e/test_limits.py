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


RESERVES = """\
import mmap

from js import Response

kept = []


async def on_fetch(request):
    kept.append(mmap.mmap(-1, int(request.url.rpartition("/")[2]) << 30))
    kept[-1].write(b"touched")
    return Response.new("ok")
"""


def test_what_is_reserved_and_not_touched_is_not_charged(limited):
    """Allocators of native packages reserve a gibibyte at once, as Arrow's does."""
    server = limited(RESERVES, settings="[limits]\nmemory_mb = 64\n")
    assert server.fetch("/3").text == "ok"
    answer = server.fetch("/2")
    assert answer.status == 500 and "Cannot allocate memory" in answer.text
    assert server.fetch("/0").status == 500, "a map of no length"


WAITS_ON_STACKS = """\
import asyncio

from js import Response
from pyodide.ffi import run_sync


async def wait_on_a_stack():
    run_sync(asyncio.Event().wait())


async def on_fetch(request):
    count = int(request.url.rpartition("/")[2] or 0)
    waiting = [asyncio.ensure_future(wait_on_a_stack()) for _ in range(count)]
    if waiting:
        await asyncio.wait(waiting, timeout=1e6)
    return Response.new("ok")
"""


def test_stacks_that_fill_the_address_space_are_too_much_memory(limited):
    server = limited(WAITS_ON_STACKS, settings="[limits]\nmemory_mb = 64\n")
    answer = server.fetch("/2000")
    assert (answer.status, answer.text.split("\n")[0]) == (503, "Worker exceeded memory limit.")
    server.output.wait_for(r"no address space is left for one more stack, while \d+ callbacks wait in run_sync\(\)")
    server.output.wait_for(r"Worker exceeded memory limit\.")
    assert server.fetch().text == "ok"


def test_what_the_top_level_holds_is_not_charged(limited):
    server = limited("held = bytearray(b'x') * (200 << 20)\n" + MEMORY, settings="[limits]\nmemory_mb = 64\n")
    assert server.fetch("/40").text == "ok"


ASKING = """\
from js import Response


async def on_fetch(request, env):
    path, _, count = request.url.rpartition("/")
    for number in range(int(count)):
        await env.KV.get("nothing")
    return Response.new("ok")
"""
KV = 'main = "src/index.py"\nkv_namespaces = [{ binding = "KV", id = "kv" }]\n'


def test_subrequests_are_counted_by_invocation(limited):
    server = limited(ASKING, KV + "limits = { subrequests = 3 }\n")
    for count, status in [(3, 200), (4, 500), (3, 200)]:
        answer = server.fetch(f"/{count}")
        assert (answer.status, "Error: Too many subrequests." in answer.text) == (status, status == 500)


TALKING = """\
from js import Response


async def on_fetch(request):
    for number in request.url.rpartition("/")[2].split(","):
        print("x" * int(number))
    print("behind it")
    return Response.new("ok")
"""
CUT = r"Log size limit exceeded: More than 100 bytes were logged by one invocation\."


def test_what_one_invocation_logs_has_an_end(limited):
    server = limited(TALKING, settings="[limits]\nlog_bytes = 100\n")
    assert server.fetch(f"/{100 - len('behind it')}").text == "ok"
    server.output.wait_for("x{91}\nbehind it")
    begun = len(server.output.text)
    assert server.fetch("/92,1").text == "ok"
    end = server.output.wait_for(f"x{{92}}\nx\n{CUT}", begun).end()
    assert server.fetch("/50").text == "ok"
    server.output.wait_for("x{50}\nbehind it", end)
    server.output.wait_for_times("behind it", 2)


WAITS = """\
import threading

from js import Response, scheduler

signals = []


async def on_fetch(request):
    path = request.url.rpartition("/")[2]
    if path == "waits":
        signals.append(request.signal)
        await scheduler.wait(1_000_000)
    if path == "blocks":
        threading.Lock().acquire() and threading.Event().wait()
    return Response.new(f"{[signal.aborted for signal in signals]}")
"""


def test_what_is_not_answered_in_time_fails_alone(limited):
    server = limited(WAITS, 'main = "src/index.py"\n', "[limits]\nwall_ms = 50\n")
    with concurrent.futures.ThreadPoolExecutor() as threads:
        late = [threads.submit(server.fetch, "/waits") for _ in range(2)]
        assert [answer.result().status for answer in late] == [503, 503]
    assert "Worker exceeded wall time limit." in late[0].result().text
    assert server.fetch().text == "[True, True]", "the isolate goes on, and the signals were aborted"


def test_what_blocks_past_its_time_is_killed(limited):
    server = limited(WAITS, 'main = "src/index.py"\n', "[limits]\nwall_ms = 50\n")
    assert server.fetch("/blocks").status == 503
    assert server.fetch().text == "[]"


THREADS = """\
import threading

from js import Response


async def on_fetch(request):
    enough = threading.Event()
    threads = [threading.Thread(target=enough.wait) for _ in range(12)]
    try:
        for thread in threads:
            thread.start()
    except RuntimeError as error:
        return Response.new(f"{error} after {len([thread for thread in threads if thread.ident])}")
    finally:
        enough.set()
    return Response.new("all")
"""


@pytest.mark.parametrize(("most", "answer"), [(13, "all"), (12, "can't start new thread after 11")])
def test_threads_have_an_end(limited, most, answer):
    server = limited(THREADS, 'main = "src/index.py"\n', f"[limits]\nthreads = {most}\n")
    assert server.fetch().text == answer
    if answer != "all":
        server.output.wait_for("a Worker was refused a thread: it has 12 \\(`limits.threads`\\)")

"""What isolates of one zygote must not share, and zygotes that cannot be forked."""

import re

import pytest


def test_isolates_of_one_zygote_draw_different_numbers(serve):
    server = serve("forks")
    first = server.fetch().json
    assert server.fetch("/end").status == 502
    second = server.fetch().json
    assert first.pop("random.Random(42)") == second.pop("random.Random(42)")
    assert [name for name in first if first[name] == second[name]] == []


THREADED = """\
import os
import threading
from js import Response

asked, answered = threading.Event(), threading.Event()

def work():
    while True:
        asked.wait()
        asked.clear()
        answered.set()

threading.Thread(target=work, name="worker of mine", daemon=True).start()

async def on_fetch(request):
    if request.url.endswith("end"):
        os._exit(1)
    asked.set()
    return Response.new(f"{answered.wait(10)} {os.getpid()}")
"""


def test_a_thread_of_the_top_level_lives_on_in_every_isolate(serve, project):
    files = {"wrangler.toml": 'main = "src/index.py"\n', "src/index.py": THREADED}
    server = serve(project(files=files))
    warning = server.output.wait_for("Top-level code left (.*) running or open")
    assert "`worker of mine`" in warning[1]
    first = server.fetch().text
    assert re.fullmatch(r"True \d+", first)
    assert server.fetch("/end").status == 502
    second = server.fetch().text
    assert re.fullmatch(r"True \d+", second)
    assert first != second


OPEN = """\
import os
import socket
import tempfile
from js import Response

left, other = {}

async def on_fetch(request):
    return Response.new(str(os.getpid()))
"""


@pytest.mark.parametrize(
    ("expression", "kind"),
    [("socket.socketpair()", "socket"), ("tempfile.TemporaryFile(), 0", "file"), ("os.pipe()", "pipe")],
)
def test_an_open_descriptor_of_the_top_level_belongs_to_one_isolate(serve, project, expression, kind):
    files = {"wrangler.toml": 'main = "src/index.py"\n', "src/index.py": OPEN.format(expression)}
    server = serve(project(files=files))
    assert f"a {kind} (descriptor " in server.output.wait_for("Top-level code left (.*) running or open")[1]
    assert server.fetch().status == 200


WAITED = """\
import asyncio
from js import Response
from pyodide.ffi import run_sync

run_sync(asyncio.sleep(0.001))

async def on_fetch(request):
    await asyncio.sleep(0.001)
    return Response.new("hello")
"""


def test_what_hognose_itself_opens_while_loading_does_not_count(serve, project):
    server = serve(project(files={"wrangler.toml": 'main = "src/index.py"\n', "src/index.py": WAITED}))
    assert server.fetch().text == "hello"
    assert "running or open" not in server.output.text


TOP_LEVEL = """\
import random
import secrets
import socket
import uuid
from js import Response

number = uuid.uuid4()
secrets.token_hex()
seeded = random.Random(1).random()
try:
    socket.create_connection(("127.0.0.1", 1))
except OSError:
    pass

async def on_fetch(request):
    uuid.uuid4()
    return Response.new("ok")
"""


def test_what_the_top_level_should_not_do_is_told(serve, project):
    server = serve(project(files={"wrangler.toml": 'main = "src/index.py"\n', "src/index.py": TOP_LEVEL}))
    assert server.fetch().text == "ok"
    server.output.wait_for("Loaded in")
    told = re.findall(r"index\.py:(\d+) (draws|uses)", server.output.text)
    assert sorted(set(told)) == [("11", "uses"), ("7", "draws"), ("8", "draws")]


def test_drawing_from_the_global_generator_at_the_top_level_is_told(serve, project):
    text = "import random\nfrom js import Response\nrandom.random()\nasync def on_fetch(request):\n    return Response.new('ok')\n"
    server = serve(project(files={"wrangler.toml": 'main = "src/index.py"\n', "src/index.py": text}))
    server.output.wait_for("the Worker draws random numbers at the top level, .*: do it in a handler")


def test_chance_comes_from_its_device_too(serve, project):
    # Libraries in C++ read it rather than ask the kernel.
    text = "from js import Response\nasync def on_fetch(request):\n    return Response.new(open('/dev/urandom', 'rb').read(8).hex())\n"
    server = serve(project(files={"wrangler.toml": 'main = "src/index.py"\n', "src/index.py": text}))
    first, second = server.fetch().text, server.fetch().text
    assert len(first) == len(second) == 16 and first != second

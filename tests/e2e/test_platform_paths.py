"""Where programs look for files that are written for the platform: `/tmp`, and the Worker's code at `/session/metadata`.
They are there where the lock has a root of its own, which one Worker has for itself."""

import pytest

SCRATCH_BYTES = 1 << 20
LOCK = f'[lock]\nminimum = "full"\n[limits]\nscratch_bytes = {SCRATCH_BYTES}\n'
CONFIGURATION = 'main = "src/index.py"\nrules = [{ type = "Text", globs = ["**/*.txt"] }]\n'
WORKER = """\
import os
import tempfile
from pathlib import Path

from js import Response

read_at_the_top_level = Path("/session/metadata/greeting.txt").read_text()


def read():
    return [read_at_the_top_level, sorted(os.listdir("/session/metadata"))]


def write_in_tmp():
    Path("/tmp/note.txt").write_text("x" * 10)
    Path("/tmp/folder").mkdir(exist_ok=True)
    Path("/tmp/note.txt").rename("/tmp/folder/note.txt")
    with tempfile.NamedTemporaryFile("w+", dir="/tmp") as file:
        file.write("y")
    return [os.listdir("/tmp/folder"), Path(tempfile.gettempdir(), "folder/note.txt").read_text()]


def fill():
    half = bytes(SCRATCH_BYTES // 2)
    Path("/tmp/half").write_bytes(half)
    with tempfile.NamedTemporaryFile() as file:
        file.write(half)
        file.write(half)


def write_code():
    Path("/session/metadata/greeting.txt").write_text("other")


def write_session():
    Path("/session/new").write_text("other")


def link_to_code():
    os.link("/session/metadata/greeting.txt", "/tmp/linked")


def read_beside_the_code():
    return Path("/session/metadata/../hognose.toml").read_text()


def read_the_machine():
    return Path("/tmp/../etc/passwd").read_text()


async def on_fetch(request):
    try:
        return Response.new(str(globals()[request.url.rpartition("/")[2]]()))
    except OSError as error:
        return Response.new(os.strerror(error.errno), status=500)
""".replace("SCRATCH_BYTES", str(SCRATCH_BYTES))
FILES = {"wrangler.toml": CONFIGURATION, "hognose.toml": LOCK, "src/index.py": WORKER, "src/greeting.txt": "hello"}


@pytest.fixture
def alone(serve, project):
    return serve(project(files=FILES))


def test_the_code_is_where_the_platform_has_it(alone):
    assert alone.fetch("/read").text == "['hello', ['greeting.txt', 'index.py']]"


def test_the_temporary_folder_of_every_program_is_the_scratch_folder(alone):
    assert alone.fetch("/write_in_tmp").text == f"[['note.txt'], '{'x' * 10}']"


def test_what_lies_there_counts_against_the_one_limit(alone):
    answer = alone.fetch("/fill")
    assert (answer.status, answer.text) == (500, "No space left on device")


@pytest.mark.parametrize(
    "attempt", ["write_code", "write_session", "link_to_code", "read_beside_the_code", "read_the_machine"]
)
def test_they_lead_nowhere_else(alone, attempt):
    answer = alone.fetch(f"/{attempt}")
    assert answer.status == 500 and answer.text != "", answer.text


def test_workers_that_share_a_base_see_no_such_place(serve, project):
    sharing = WORKER.replace('Path("/session/metadata/greeting.txt").read_text()', "None")
    first = project(files={**FILES, "src/index.py": sharing, "wrangler.toml": 'name = "first"\n' + CONFIGURATION})
    files = {"wrangler.toml": 'name = "second"\nmain = "index.py"\n', "index.py": sharing}
    for name, text in files.items():
        (first.parent / "second").mkdir(exist_ok=True)
        (first.parent / "second" / name).write_text(text)
    server = serve(first, str(first.parent / "second"))
    for attempt in ("read", "write_in_tmp"):
        assert server.fetch(f"/{attempt}").status == 500

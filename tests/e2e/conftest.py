"""Starts `hognose dev` on the projects in `workers/` and speaks HTTP to them, as a user would.

Nothing here sleeps: the harness waits for lines of output, answers, and ends of processes. Each test gets its own copy
of a project, so that it may edit it, and its own state.
"""

import contextlib
import ctypes
import random
import shutil
from pathlib import Path

import pytest
from harness import Server, children

WORKERS = Path(__file__).parent / "workers"
PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture(scope="session", autouse=True)
def orphans_come_to_us():
    """A cell that outlives its supervisor becomes a child of this process, where `Server.close` finds it."""
    assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


@pytest.fixture
def project(tmp_path):
    """A function that gives a private copy of the project `workers/<name>`, or one made of the given files."""

    def make(name=None, files=()):
        folder = tmp_path / (name or "project")
        if name:
            shutil.copytree(WORKERS / name, folder)
        for path, text in dict(files).items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return folder

    return make


@pytest.fixture
def serve(project):
    """A function that serves a project (its name or its folder) and gives the running `Server`."""
    servers = contextlib.ExitStack()

    def start(worker, *options, command="dev", port=0, **more):
        folder = project(worker) if isinstance(worker, str) else worker
        port_options = () if port is None else ("--port", str(port))
        server = Server([command, str(folder), *port_options, *options], folder, **more)
        servers.callback(server.close)
        return server

    with servers:
        yield start
    assert children() == [], "processes are left"


@pytest.fixture(scope="module")
def server(request, tmp_path_factory):
    """`hognose dev` on the project that `WORKER` names in a test's module, for all its tests; code can be posted to it."""
    folder = tmp_path_factory.mktemp(request.module.WORKER) / request.module.WORKER
    shutil.copytree(WORKERS / request.module.WORKER, folder)
    with contextlib.closing(Server(["dev", str(folder), "--port", "0"], folder)) as server:
        yield server


@pytest.fixture
def raw(request, server):
    """What code gives that uses the JavaScript object. What `OWN` names in it stands for a name of the test's own."""
    return poster(server, "/raw", getattr(request.module, "OWN", None))


@pytest.fixture
def sdk(request, server):
    """What code gives that uses the SDK's object."""
    return poster(server, "/sdk", getattr(request.module, "OWN", None))


def poster(server, path, placeholder=None):
    """A function that posts code; a name of its own stands for the placeholder."""
    own = f"own{random.randrange(1 << 60)}"

    def post(code):
        answer = server.fetch(path, "POST", (code.replace(placeholder, own) if placeholder else code).encode())
        assert answer.status == 200, answer.text
        return answer.text.replace(own, placeholder) if placeholder else answer.text

    return post

"""A pytest plugin. The fixture `worker` is the project's Worker, served with a state of its own for each test:

    def test_hello(worker):
        assert worker.fetch("/").text == "Hello!\\n"

A test that takes `env`, `js` or `ctx` runs inside the Worker's process, with its real bindings:

    async def test_a_note_is_kept(env):
        await env.NOTES.put("a", "b")
        assert await env.NOTES.get("a") == "b"

The project is the one whose configuration pytest's root folder has; the ini option `hognose_project` names another, the
fixture `hognose_options` gives more options of `hognose dev`. The Worker runs as it does in `dev`: in a locked process,
with real bindings, whose data lies in a temporary folder and goes with the test.
"""

import contextlib
import http.client
import json
import re
import subprocess
import sys
import threading
from dataclasses import dataclass

import pytest

from hognose import in_cell

READY = re.compile(r"Ready on http://\S+?:(\d+)")
TIMEOUT_S = 60
CONFIGURATIONS = ("wrangler.json", "wrangler.jsonc", "wrangler.toml")


@dataclass
class Response:
    """A response, read whole."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self):
        """The body as UTF-8."""
        return self.body.decode()

    def json(self):
        """The body as JSON."""
        return json.loads(self.body)


class Worker:
    """A Worker that is served on this machine."""

    def __init__(self, process):
        self._process = process
        self._lines = []
        self._more = threading.Condition()
        self._ready = threading.Event()
        self.port = None
        threading.Thread(target=self._gather, daemon=True).start()
        if not self._ready.wait(TIMEOUT_S) or self.port is None:
            process.kill()
            pytest.fail(f"The Worker is not served:\n{self.output}", pytrace=False)

    @property
    def url(self):
        """Where it listens, without a slash at the end."""
        return f"http://localhost:{self.port}"

    @property
    def output(self):
        """What it and hognose have printed so far."""
        return "".join(self._lines)

    def fetch(self, path="/", method="GET", body=None, headers=None):
        """Sends a request and reads the response. A body that is neither text nor bytes is sent as JSON."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, str | bytes):
            headers.setdefault("content-type", "application/json")
            body = json.dumps(body)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, body.encode() if isinstance(body, str) else body, headers)
            answer = connection.getresponse()
            return Response(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def _wait_for(self, mark, start):
        """Waits until a line with the mark is printed after so many characters, or no more can be."""
        with self._more:
            self._more.wait_for(lambda: mark in self.output[start:] or self._process.poll() is not None, TIMEOUT_S)

    def _gather(self):
        for line in self._process.stdout:
            with self._more:
                self._lines.append(line)
                self._more.notify_all()
            if match := READY.search(line):
                self.port = int(match[1])
                self._ready.set()
        self._ready.set()


def pytest_addoption(parser):
    """Names the project, where it is not pytest's root folder."""
    parser.addini("hognose_project", "the folder of the Worker that is tested, relative to the root folder", default=".")


@pytest.fixture
def hognose_options():
    """More options for `hognose dev`; to be overridden."""
    return ()


@pytest.fixture
def worker(pytestconfig, tmp_path_factory, hognose_options):
    """The project's Worker, served for one test."""
    with _served(pytestconfig, tmp_path_factory, hognose_options) as served:
        yield served


@contextlib.contextmanager
def _served(pytestconfig, tmp_path_factory, options):
    state = tmp_path_factory.mktemp("hognose")
    command = [sys.executable, "-m", "hognose", "dev", str(_project(pytestconfig)), "--port", "0"]
    process = subprocess.Popen(
        [*command, "--persist-to", str(state), *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    try:
        yield Worker(process)
    finally:
        process.terminate()
        process.wait(TIMEOUT_S)


def _project(pytestconfig):
    return pytestconfig.rootpath / pytestconfig.getini("hognose_project")


def pytest_configure(config):
    """Makes `from js import ...` harmless where a Worker's tests are collected. Elsewhere, where hognose is installed only,
    nobody is to find a `js`."""
    if any((_project(config) / name).is_file() for name in CONFIGURATIONS):
        in_cell.offer_js()


@pytest.fixture(scope="session")
def _modules(pytestconfig, tmp_path_factory):
    """A function that gives what tests of a folder import in the cell, made once for each."""
    made = {}

    def modules(tests):
        if tests not in made:
            made[tests] = in_cell.Modules(tmp_path_factory.mktemp("modules"), _project(pytestconfig), tests)
        return made[tests]

    return modules


@pytest.fixture
def _cell(request, pytestconfig, tmp_path_factory, hognose_options, _modules):
    """The Worker in whose cell one test is run."""
    modules = _modules(request.node.path.parent)
    options = ["--script", str(modules.main), *hognose_options]
    with _served(pytestconfig, tmp_path_factory, options) as served:
        served.secret = modules.secret
        yield served


@pytest.fixture
def env(_cell):
    """What the Worker's handlers get as `env`. The test runs in the Worker's process."""


@pytest.fixture
def ctx(_cell):
    """What the Worker's handlers get as `ctx`. The test runs in the Worker's process."""


@pytest.fixture
def js(_cell):
    """The module `js`. The test runs in the Worker's process."""


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Runs a test that takes one of our fixtures in the cell, and leaves any other to pytest."""
    cell = pyfuncitem.funcargs.get("_cell")
    if cell is None:
        return None
    printed = len(cell.output)
    try:
        in_cell.call(pyfuncitem, cell)
    finally:
        if said := in_cell.without_marks(cell.output[printed:]):
            pyfuncitem.add_report_section("call", "worker", said)
    return True

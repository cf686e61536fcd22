"""A pytest plugin. The fixture `worker` is the project's Worker, served with a state of its own for each test:

    def test_hello(worker):
        assert worker.fetch("/").text == "Hello!\\n"

A test that takes `env`, `js` or `ctx` runs inside the Worker's process, with its real bindings:

    async def test_a_note_is_kept(env):
        await env.NOTES.put("a", "b")
        assert await env.NOTES.get("a") == "b"

The project is the one whose configuration pytest's root folder has; the ini option `hognose_project` names another, the
fixture `hognose_options` gives more options of `hognose dev`. The Worker runs as it does in `dev`: in a locked process,
with real bindings, whose data lies in a temporary folder. Its code is loaded once; for each test it begins anew, in a fork
that has run nothing yet and with nothing stored. Only what it wrote below `/tmp` stays.
"""

import http.client
import json
import os
import re
import subprocess
import sys
import threading
from dataclasses import dataclass
from functools import partial

import pytest

from hognose import in_cell

READY = re.compile(r"Ready on http://\S+?:(\d+)")
TIMEOUT_S = 60
# How a server is told to begin anew, and what it prints then.
ANEW = "/cdn-cgi/explorer/api/local/anew"
LOADED = "oaded"
# How many servers are kept for later tests with the same options.
SERVERS_MAX = 4
# What pytest says of the test that runs, in the environment.
CURRENT_TEST = "PYTEST_CURRENT_TEST"
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
            process.wait(TIMEOUT_S)
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
        """Waits until something with the mark is printed after so many characters, or no more can be."""
        with self._more:
            self._more.wait_for(lambda: mark in self.output[start:] or self._process.poll() is not None, TIMEOUT_S)

    def _begin_anew(self):
        """Ends what runs and forgets what is stored and what was printed; says whether that could be done."""
        printed = len(self.output)
        try:
            begun = self.fetch(ANEW, "POST").status == 200
        except (OSError, http.client.HTTPException):
            return False
        if begun:
            # The last lines of the test before come ahead of this one.
            self._wait_for(LOADED, printed)
            self._lines.clear()
        return begun

    def _end(self):
        self._process.terminate()
        self._process.wait(TIMEOUT_S)

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


class Servers:
    """The servers of a session: one for each set of options, which begins anew for each test. Its process stays, and the
    Worker's code stays loaded; isolates are forked again, and nothing is stored yet."""

    def __init__(self, project, new_folder):
        self._project, self._new_folder = project, new_folder
        self._running = {}

    def fresh(self, options):
        """The project's Worker, as if it had just been started."""
        # Options and environment are told to a process once.
        alike = (*options, *sorted(f"{name}={value}" for name, value in os.environ.items() if name != CURRENT_TEST))
        worker = self._running.pop(alike, None)
        if worker and not worker._begin_anew():
            worker._end()
            worker = None
        self._running[alike] = worker = worker or self._new(options)
        return worker

    def _new(self, options):
        if len(self._running) == SERVERS_MAX:
            wanted_longest_ago = next(iter(self._running))
            self._running.pop(wanted_longest_ago)._end()
        return Worker(self._start(options))

    def end(self):
        """Ends all of them."""
        for worker in self._running.values():
            worker._end()

    def _start(self, options):
        command = [sys.executable, "-m", "hognose", "dev", "--anew", str(self._project), "--port", "0"]
        return subprocess.Popen(
            [*command, "--persist-to", str(self._new_folder()), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )


@pytest.fixture(scope="session")
def _servers(pytestconfig, tmp_path_factory):
    servers = Servers(_project(pytestconfig), partial(tmp_path_factory.mktemp, "hognose"))
    yield servers
    servers.end()


@pytest.fixture
def worker(hognose_options, _servers):
    """The project's Worker, served for one test."""
    return _servers.fresh(hognose_options)


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
def _cell(request, hognose_options, _modules, _servers):
    """The Worker in whose cell one test is run."""
    modules = _modules(request.node.path.parent)
    worker = _servers.fresh(["--script", str(modules.main), *hognose_options])
    worker.secret = modules.secret
    return worker


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

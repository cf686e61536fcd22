"""Starts `hognose dev` on the projects in `workers/` and speaks HTTP to them, as a user would.

Nothing here sleeps: the harness waits for lines of output, answers, and ends of processes. Each test gets its own copy
of a project, so that it may edit it, and its own state.
"""

import contextlib
import ctypes
import gzip
import http.server
import json
import random
import shutil
import threading
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


class Origin(http.server.ThreadingHTTPServer):
    """A server that Workers fetch from: it echoes, redirects, and answers in ways that need care."""

    class RequestHandlerClass(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            body = self.chunks() if "transfer-encoding" in self.headers else self.rfile.read(self.length())
            path, _, query = self.path.partition("?")
            status, headers, content = self.answers(path, query) or (200, [], self.echo(body))
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            if status != 204:
                self.send_header("content-length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST = do_PUT = answer

        def length(self):
            return int(self.headers.get("content-length", 0))

        def chunks(self):
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def echo(self, body):
            headers = {name.lower(): value for name, value in self.headers.items()}
            return json.dumps({"method": self.command, "path": self.path, "headers": headers, "body": body.decode()}).encode()

        def answers(self, path, query):
            if path.startswith("/redirect/"):
                return int(path.rpartition("/")[2]), [("location", query or "/echo")], b""
            return {
                "/loop": (302, [("location", "/loop")], b""),
                "/status/204": (204, [], b""),
                "/gzip": (200, [("content-encoding", "gzip")], gzip.compress(b"zipped")),
                "/cookies": (200, [("set-cookie", "a=1"), ("set-cookie", "b=2"), ("x-a", "1"), ("x-a", "2")], b""),
                "/events": (200, [("content-type", "text/event-stream")], EVENTS),
                "/big": (200, [], b"x" * 300_000),
            }.get(path)

        def log_message(self, *_):
            """Says nothing."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.RequestHandlerClass)
        threading.Thread(target=self.serve_forever).start()

    def close(self):
        self.shutdown()
        self.server_close()


EVENTS = b"data: one\n\nevent: x\nid: 7\ndata: two\ndata: three\n\n"


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    """The Worker `web` at a date with all of the platform's changes, which can reach `service.test` and `other.test`."""
    folder = tmp_path_factory.mktemp("platform") / "web"
    shutil.copytree(WORKERS / "web", folder)
    (folder / "wrangler.toml").write_text(
        'name = "web"\nmain = "src/index.py"\ncompatibility_date = "2026-09-01"\n'
        'compatibility_flags = ["python_workers", "disable_python_no_global_handlers"]\n'
    )
    with contextlib.closing(Origin()) as origin:
        to = [f"{name}.test:80:127.0.0.1:{origin.server_port}" for name in ("service", "other")]
        options = [word for pair in to for word in ("--connect-to", pair)]
        with contextlib.closing(Server(["dev", str(folder), "--port", "0", *options], folder)) as server:
            yield server

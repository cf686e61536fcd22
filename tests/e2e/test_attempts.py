"""Attempts to get out of a cell, one file each in `attempts/`. Every function there is made three times: at the levels
`full` and `container` of the lock, where it must fail, and with the lock off, where it must succeed: an attempt that
fails there too would prove nothing."""

import ast
import contextlib
import http.server
import json
import os
import shutil
import socket
import threading
from pathlib import Path

import pytest
from conftest import WORKERS
from harness import Server

SCRATCH_BYTES = 1 << 20
LEVELS = ("full", "container")


def attempts():
    for path in sorted((Path(__file__).parent / "attempts").glob("*.py")):
        tree = ast.parse(path.read_text())
        sets = {
            node.targets[0].id: ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Set)
        }
        functions = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
        for function in functions:
            if [argument.arg for argument in function.args.args] == ["outside"]:
                marks = {name for name, functions in sets.items() if function.name in functions}
                yield pytest.param(path, function.name, marks, id=f"{path.stem}-{function.name}")


ATTEMPTS = list(attempts())


class Redirecting(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(302)
        self.send_header("location", f"http://127.0.0.1:{self.server.target}/")
        self.end_headers()

    def log_message(self, *_):
        """Says nothing."""


class Answering(Redirecting):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"in")


@contextlib.contextmanager
def http_server(handler, target=None):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.target = target
        threading.Thread(target=server.serve_forever).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


@contextlib.contextmanager
def listening(kind, name):
    with socket.socket(socket.AF_UNIX, kind) as listener:
        listener.bind(name)
        if kind == socket.SOCK_STREAM:
            listener.listen()
        yield name


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """What there is that a cell must not reach."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "file.txt").write_text("beside")
    abstract = f"hognose-attempt-{os.getpid()}"
    with contextlib.ExitStack() as open_until_the_end:
        enter = open_until_the_end.enter_context
        port = enter(http_server(Answering))
        yield {
            "file": str(folder / "file.txt"),
            "port": port,
            "redirects": enter(http_server(Redirecting, port)),
            "socket": enter(listening(socket.SOCK_STREAM, str(folder / "socket"))),
            "datagrams": enter(listening(socket.SOCK_DGRAM, str(folder / "datagrams"))),
            "abstract": enter(listening(socket.SOCK_STREAM, f"\0{abstract}")).removeprefix("\0"),
            "scratch_bytes": SCRATCH_BYTES,
        }


@pytest.fixture(scope="module")
def arms(tmp_path_factory, outside):
    """A function that gives the running server of a level."""
    started = {}

    def arm(level):
        if level not in started:
            folder = tmp_path_factory.mktemp(level) / "attempts"
            shutil.copytree(WORKERS / "attempts", folder)
            egress = "" if level == "off" else f'allow_private = false\nallow = ["127.0.0.1:{outside["redirects"]}"]'
            # The supervisor bounds memory whatever the level of the lock.
            memory_mb = 1 << 20 if level == "off" else 128
            (folder / "hognose.toml").write_text(
                f'[lock]\nminimum = "{level}"\nmaximum = "{level}"\n[egress]\n{egress}\n'
                f"[limits]\nscratch_bytes = {SCRATCH_BYTES}\nmemory_mb = {memory_mb}\n"
            )
            started[level] = Server(["dev", str(folder), "--port", "0"], folder)
        return started[level]

    yield arm
    for server in started.values():
        server.close()


def make(server, path, function, outside):
    told = {"name": path.name, "text": path.read_text(), "function": function}
    told["outside"] = outside | {"process": server.process.pid}
    answer = server.fetch("/", "POST", json.dumps(told).encode())
    assert answer.status == 200, answer.text
    return answer.json


@pytest.mark.parametrize(("path", "function", "marks"), ATTEMPTS)
def test_an_attempt_succeeds_without_the_lock(arms, outside, path, function, marks):
    if "NEEDS_ROOT" in marks and os.geteuid() != 0:
        pytest.skip("only root succeeds")
    assert "gave" in (told := make(arms("off"), path, function, outside)), told


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("path", "function", "marks"), ATTEMPTS)
def test_an_attempt_fails_under_the_lock(arms, outside, level, path, function, marks):
    if "ONLY_FULL" in marks and level != "full":
        pytest.skip("this level does not promise it")
    assert "error" in (told := make(arms(level), path, function, outside)), told

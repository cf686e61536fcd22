"""`hognose dev --inspect`: isolates attach to an editor that listens. A stand-in for debugpy says how it was asked."""

import socket

import pytest

DEBUGPY = """\
import socket

connection = None


def is_client_connected():
    return connection is not None


def connect(address):
    global connection
    connection = socket.create_connection(address)


def wait_for_client():
    connection.sendall(b"attached\\n")
    assert connection.recv(3) == b"go\\n"


def breakpoint():
    connection.sendall(b"stopped\\n")
"""
WORKER = """\
from js import Response


async def on_fetch(request, env):
    breakpoint()
    return Response.new("served")
"""
CONFIGURATION = 'name = "inspected"\nmain = "index.py"\n'


@pytest.fixture
def editor():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        yield listener


def test_an_isolate_attaches_once_before_it_serves(editor, serve, project):
    folder = project(files={"wrangler.toml": CONFIGURATION, "index.py": WORKER, "debugpy.py": DEBUGPY})
    server = serve(folder, f"--inspect={editor.getsockname()[1]}")
    with server.socket() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        editor.accept()[0].close()  # Whether anybody listens is asked first.
        attached, _ = editor.accept()
        with attached, attached.makefile("r") as said:
            assert said.readline() == "attached\n"
            attached.sendall(b"go\n")
            assert said.readline() == "stopped\n"
            assert b" 200 " in client.recv(100)
            assert server.fetch("/").text == "served"
            assert said.readline() == "stopped\n"


def test_without_an_editor_requests_are_served(serve, project):
    folder = project(files={"wrangler.toml": CONFIGURATION, "index.py": WORKER, "debugpy.py": DEBUGPY})
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert serve(folder, f"--inspect={port}").fetch("/").text == "served"


def test_what_is_missing_is_said_once(editor, serve, project):
    server = serve(project(files={"wrangler.toml": CONFIGURATION, "index.py": WORKER}), f"--inspect={editor.getsockname()[1]}")
    for _ in range(2):
        assert server.fetch("/").text == "served"
    server.close()
    server.output.wait_for_times("`--inspect` needs debugpy: add it to `dependencies` in pyproject.toml", 1)

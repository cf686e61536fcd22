"""Clients that open sockets of their own, unmodified, in a locked cell: what they connect is made by the supervisor."""

import contextlib
import socket
import threading

import pytest
from test_attempts import Answering, http_server

WORKER = """\
import json

from js import Response


async def on_fetch(request):
    names = {}
    exec(await request.text(), names)
    return Response.new(json.dumps(await names["main"]()))
"""
FILES = {"wrangler.toml": 'main = "src/index.py"\n', "src/index.py": WORKER}


@pytest.fixture(scope="module")
def peer():
    with http_server(Answering) as port:
        yield port


@pytest.fixture
def run(serve, project):
    """A function that has a Worker run code, whose `main` it answers with."""

    def start(settings=""):
        server = serve(project(files=FILES | {"hognose.toml": settings}))

        def post(code):
            answer = server.fetch("/", "POST", code.encode())
            assert answer.status == 200, answer.text + server.output.text
            return answer.json

        post.server = server
        return post

    return start


CLIENTS = {
    "urllib": """
import urllib.request
async def main():
    with urllib.request.urlopen("http://{host}:{port}/", timeout=20) as response:
        return response.read().decode()
""",
    "http.client with a time limit": """
import http.client
async def main():
    connection = http.client.HTTPConnection("{host}", {port}, timeout=20)
    connection.request("GET", "/")
    return connection.getresponse().read().decode()
""",
    "asyncio": """
import asyncio
async def main():
    reader, writer = await asyncio.open_connection("{host}", {port})
    writer.write(b"GET / HTTP/1.0\\r\\n\\r\\n")
    told = await reader.read()
    writer.close()
    return told.decode()[-2:]
""",
    "threads": """
import asyncio, urllib.request
def read():
    with urllib.request.urlopen("http://{host}:{port}/") as response:
        return response.read().decode()
async def main():
    told = await asyncio.gather(*(asyncio.to_thread(read) for _ in range(8)))
    return told[0] if len(set(told)) == 1 else told
""",
    "the C library": """
import ctypes, os, socket, struct
async def main():
    libc = ctypes.CDLL(None, use_errno=True)
    number = libc.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
    address = struct.pack("=H", socket.AF_INET) + struct.pack(">H4s8x", {port}, bytes([127, 0, 0, 1]))
    assert libc.connect(number, address, len(address)) == 0, os.strerror(ctypes.get_errno())
    assert libc.write(number, b"GET / HTTP/1.0\\r\\n\\r\\n", 18) == 18
    with socket.socket(fileno=number) as client, client.makefile("rb") as told:
        return told.read().decode()[-2:]
""",
}


def test_clients_reach_a_server_by_name_and_by_address(run, peer):
    post = run()
    for client, code in CLIENTS.items():
        for host in ("127.0.0.1", "localhost"):
            assert post(code.replace("{host}", host).replace("{port}", str(peer))) == "in", (client, host)


def test_a_server_that_is_not_there_refuses(run):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code = f"""
import socket
async def main():
    try:
        socket.create_connection(("127.0.0.1", {port}))
    except OSError as error:
        return type(error).__name__
"""
    assert run()(code) == "ConnectionRefusedError"


def test_a_name_that_does_not_exist_is_told_so(run):
    code = """
import socket
async def main():
    try:
        socket.getaddrinfo("no-such-name.invalid", 80)
    except socket.gaierror as error:
        return error.errno == socket.EAI_NONAME or error.errno == socket.EAI_AGAIN
"""
    assert run()(code) is True


@pytest.mark.parametrize(
    ("private", "allow", "deny", "outcome"),
    [
        ("false", "10.0.0.0/8", "10.0.0.0/8", "PermissionError"),
        ("false", "127.0.0.1:{port}", "10.0.0.0/8", "connected"),
        ("false", "127.0.0.0/8", "127.0.0.1:{port}", "PermissionError"),
        ("true", "10.0.0.0/8", "127.0.0.1", "PermissionError"),
    ],
)
def test_deny_comes_before_allow_and_allow_before_private(run, peer, private, allow, deny, outcome):
    settings = f'[egress]\nallow_private = {private}\nallow = ["{allow}"]\ndeny = ["{deny}"]\n'
    post = run(settings.replace("{port}", str(peer)))
    code = f"""
import socket
async def main():
    try:
        socket.create_connection(("127.0.0.1", {peer})).close()
        return "connected"
    except OSError as error:
        return type(error).__name__
"""
    assert post(code) == outcome
    if outcome != "connected":
        post.server.output.wait_for("egress policy refuses it")


def test_a_connection_that_takes_long_does_not_stop_the_loop(run):
    """The kernel answers for a server whose queue is full after seconds only; meanwhile other code runs."""
    with contextlib.ExitStack() as open_until_the_end:
        full = open_until_the_end.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            waiting = open_until_the_end.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        code = f"""
import asyncio
async def main():
    connecting = asyncio.create_task(asyncio.open_connection("127.0.0.1", {full.getsockname()[1]}))
    for _ in range(100):
        await asyncio.sleep(0)
    done = connecting.done()
    connecting.cancel()
    return done
"""
        assert run()(code) is False


def test_what_a_cell_sends_arrives(run):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        heard = []
        thread = threading.Thread(target=lambda: heard.append(read_all(listener)))
        thread.start()
        code = f"""
import socket
async def main():
    with socket.create_connection(("127.0.0.1", {listener.getsockname()[1]})) as client:
        for number in range(100):
            client.sendall(bytes([number]) * 10000)
        client.shutdown(socket.SHUT_WR)
        return client.recv(1).decode()
"""
        assert run()(code) == "k"
        thread.join()
    assert heard == [b"".join(bytes([number]) * 10000 for number in range(100))]


def read_all(listener):
    connection, _ = listener.accept()
    with connection, connection.makefile("rb") as stream:
        everything = stream.read()
        connection.sendall(b"k")
        return everything

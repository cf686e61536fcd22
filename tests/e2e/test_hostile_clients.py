"""Clients that mean harm, or break off: requests that two servers would read differently, and bodies that unpack to far
more than they seem. What is malformed is refused, and nothing of it reaches a Worker."""

import contextlib
import gzip
import http.server
import threading

import pytest

WORKER = """\
import js
from js import Response, URL


async def on_fetch(request, env):
    url = URL.new(request.url)
    print("REACHED", request.method, url.pathname)
    if url.pathname == "/unpacks":
        response = await js.fetch(f"{env.ORIGIN}/bomb")
        await response.text()
    elif url.pathname == "/counts":
        response = await js.fetch(f"{env.ORIGIN}/bomb")
        reader = response.body.getReader()
        length = 0
        while not (piece := await reader.read()).done:
            length += piece.value.byteLength
        return Response.new(str(length))
    elif request.method == "POST":
        await request.text()
    return Response.new("ok")
"""
FILES = {
    "wrangler.toml": 'main = "src/index.py"\n',
    "src/index.py": WORKER,
    "hognose.toml": "[limits]\nmemory_mb = 64\n",
}
UNPACKED_BYTES = 256 << 20
# What stands behind the body by one reading of the request, and inside it by the other.
SECOND = b"GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n"
BOTH = b"content-length: %d\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" % (5 + len(SECOND))


def post(fields):
    return b"POST /outer HTTP/1.1\r\nhost: a\r\n" + fields


MALFORMED = {
    "two lengths": post(b"content-length: 0\r\ncontent-length: %d\r\n\r\n" % len(SECOND)) + SECOND,
    "a list of lengths": post(b"content-length: 0, %d\r\n\r\n" % len(SECOND)) + SECOND,
    "a signed length": post(b"content-length: +0\r\n\r\n") + SECOND,
    "a negative length": post(b"content-length: -1\r\n\r\n") + SECOND,
    "a length with a letter": post(b"content-length: 0x0\r\n\r\n") + SECOND,
    "a length past 64 bits": post(b"content-length: 18446744073709551616\r\n\r\n") + SECOND,
    "a coding that is not chunked": post(b"transfer-encoding: identity\r\n\r\n") + SECOND,
    "chunked, but not last": post(b"transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n") + SECOND,
    "a space before the colon": post(b"content-length : 0\r\n\r\n") + SECOND,
    "a folded field": post(b"x: 1\r\n content-length: 0\r\n\r\n") + SECOND,
    "a field name with a line feed": post(b"x\ny: 1\r\n\r\n") + SECOND,
    "a null in a value": post(b"x: \0\r\n\r\n") + SECOND,
    "no method": b" / HTTP/1.1\r\nhost: a\r\n\r\n" + SECOND,
    "another version": b"GET / HTTP/3.9\r\nhost: a\r\n\r\n" + SECOND,
}
BAD_CHUNKS = {
    "a size that is no number": b"zz\r\nx\r\n0\r\n\r\n",
    "a negative size": b"-1\r\nx\r\n0\r\n\r\n",
    "a size past 64 bits": b"10000000000000000\r\nx\r\n0\r\n\r\n",
    "a chunk longer than its size": b"1\r\nxy\r\n0\r\n\r\n",
}


@pytest.fixture(scope="module")
def origin():
    """Serves zeros, packed."""
    packed = gzip.compress(bytes(UNPACKED_BYTES), 1)

    class Bomb(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-type", "text/plain")
            self.send_header("content-encoding", "gzip")
            self.send_header("content-length", str(len(packed)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(packed)

        def log_message(self, *_):
            """Says nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Bomb) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def victim(serve, project, origin):
    return serve(project(files=FILES), "--var", f"ORIGIN:{origin}")


def exchange(server, sent):
    """All that comes back until the server closes the connection."""
    with contextlib.closing(server.socket()) as client:
        client.sendall(sent)
        received = b""
        with contextlib.suppress(ConnectionError):
            while more := client.recv(1 << 16):
                received += more
    return received


def test_malformed_requests_are_refused_and_reach_no_worker(victim):
    for what, sent in MALFORMED.items():
        received = exchange(victim, sent)
        assert received.startswith(b"HTTP/1.1 400") or received == b"", (what, received)
        assert received.count(b"HTTP/1.1 ") <= 1, what
    assert victim.fetch("/last").text == "ok"
    victim.output.wait_for("REACHED GET /last")
    victim.output.wait_for_times("REACHED", 1)


def test_a_body_whose_chunks_are_malformed_ends_its_connection(victim):
    for what, chunks in BAD_CHUNKS.items():
        received = exchange(victim, post(b"transfer-encoding: chunked\r\n\r\n") + chunks + SECOND)
        assert not received.startswith(b"HTTP/1.1 200"), (what, received)
        assert received.count(b"HTTP/1.1 ") <= 1, what
    assert victim.fetch("/last").text == "ok"
    victim.output.wait_for("REACHED GET /last")
    assert "/smuggled" not in victim.output.text


def test_of_a_length_and_chunks_the_chunks_count_and_the_connection_ends(victim):
    """RFC 9112 6.3: such a request may be refused, or read by its chunks; whoever reads it must close then."""
    received = exchange(victim, post(BOTH) + SECOND)
    assert received.count(b"HTTP/1.1 ") <= 1, received
    assert victim.fetch("/last").text == "ok"
    victim.output.wait_for("REACHED GET /last")
    assert "/smuggled" not in victim.output.text


def memory_most(pid):
    """The most memory in KiB that a process has held."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def test_a_packed_body_is_unpacked_within_the_workers_memory_and_not_by_the_supervisor(victim):
    before = memory_most(victim.process.pid)
    answer = victim.fetch("/unpacks")
    assert (answer.status, answer.text.split("\n")[0]) == (503, "Worker exceeded memory limit.")
    assert victim.fetch("/counts").text == str(UNPACKED_BYTES), "piece by piece it fits"
    assert memory_most(victim.process.pid) - before < 32 << 10

"""WebSockets: what a message costs that is echoed, with and without many sockets beside it that have nothing to say, and
what memory those take, open and hibernating. The clients live in the benchmark's own process."""

import base64
import os
import select
import socket
import time
from collections.abc import Iterator

import processes
import servers

TALKING = 32
TEXT = b"0123456789abcdef" * 4
FRAME = bytes([0x81, 0x80 | len(TEXT), 0, 0, 0, 0]) + TEXT
ANSWER = bytes([0x81, len(TEXT)]) + TEXT
HEAD_MAX = 4096
WAIT_SECONDS = 60
# The instance ends after two seconds without an event, which is looked for as often.
HIBERNATE_SECONDS = 8


def connect(port: int, path: str) -> socket.socket:
    """An open WebSocket."""
    connection = socket.create_connection(("127.0.0.1", port), WAIT_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = base64.b64encode(os.urandom(16)).decode()
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    connection.sendall(f"{head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(HEAD_MAX)
    if not answer.startswith(b"HTTP/1.1 101"):
        raise ConnectionError(answer.decode(errors="replace"))
    return connection


def echo_microseconds(server: servers.Server, path: str, seconds: float) -> float:
    """CPU time of the server's processes for a message and its echo, with one under way on each of a few sockets."""
    talking = {each.fileno(): each for each in (connect(server.port, path) for _ in range(TALKING))}
    try:
        exchange(talking, seconds / 4)
        before = server.tree_cpu_seconds()
        messages = exchange(talking, seconds)
        return (server.tree_cpu_seconds() - before) / messages * 1e6
    finally:
        for each in talking.values():
            each.close()


def exchange(talking: dict[int, socket.socket], seconds: float) -> int:
    """Sends and awaits messages for so long; how many came back."""
    poller = select.epoll()
    for number, each in talking.items():
        poller.register(number, select.EPOLLIN)
        each.sendall(FRAME)
    received = dict.fromkeys(talking, 0)
    done, under_way, end = 0, len(talking), time.monotonic() + seconds
    while under_way:
        for number, _ in poller.poll(WAIT_SECONDS):
            received[number] += len(talking[number].recv(HEAD_MAX))
            if received[number] < len(ANSWER):
                continue
            received[number], done = 0, done + 1
            if time.monotonic() < end:
                talking[number].sendall(FRAME)
            else:
                under_way -= 1
    poller.close()
    return done


def idle(server: servers.Server, path: str, count: int) -> Iterator[socket.socket]:
    """Opens sockets that say nothing."""
    for _ in range(count):
        yield connect(server.port, path)


def private_kib(server: servers.Server) -> float:
    """What all processes of a server have to themselves."""
    return sum(map(processes.private_bytes, processes.tree(server.process.pid))) / 1024


def beside_idle(count: int, seconds: float) -> dict[str, float]:
    """The echo without and with so many idle sockets, the memory of one, and that of one that hibernates."""
    with servers.hognose("sockets") as server:
        server.wait_ready()
        alone = echo_microseconds(server, "/echo", seconds)
        memory = private_kib(server)
        held = list(idle(server, "/echo", count))
        open_kib = (private_kib(server) - memory) / count
        beside = echo_microseconds(server, "/echo", seconds)
        for each in held:
            each.close()
    with servers.hognose("sockets") as server:
        server.wait_ready()
        hibernating = echo_microseconds(server, "/room/talking", seconds)
        memory = private_kib(server)
        held = list(idle(server, "/room/idle", count))
        time.sleep(HIBERNATE_SECONDS)
        hibernated_kib = (private_kib(server) - memory) / count
        for each in held:
            each.close()
    return {
        "alone": alone,
        "beside": beside,
        "open_kib": open_kib,
        "hibernating": hibernating,
        "hibernated_kib": hibernated_kib,
    }

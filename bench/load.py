"""A bounded load: a fixed number of keep-alive connections, each with one request under way at a time.

It lives in the benchmark's own process and its cost is not counted, since what is measured is the CPU time of the
server's processes. It must only be quick enough to keep a server busy, so it does not parse what it knows by heart: a
response as long as the first one that was good is taken for good, if it begins and ends like it.
"""

import select
import socket
import time
from dataclasses import dataclass

RESPONSE_MAX = 65536
GIVE_UP_SECONDS = 10


@dataclass
class Load:
    """What came of a load."""

    requests: int
    seconds: float


class BadAnswer(Exception):
    """The server gave something else than the answer that all requests should get."""


def get(port: int, path: str = "/", timeout: float = 30) -> bytes:
    """One GET on a connection of its own: the whole response. Raises OSError where nobody listens."""
    with socket.create_connection(("127.0.0.1", port), timeout) as connection:
        connection.sendall(request(port, path, "close"))
        pieces = []
        while piece := connection.recv(RESPONSE_MAX):
            pieces.append(piece)
    return b"".join(pieces)


def request(port: int, path: str, connection: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: {connection}\r\n\r\n".encode()


def drive(port: int, body: bytes, connections: int, seconds: float) -> Load:
    """Keeps `connections` requests under way for so long; every answer must be a 200 with this body."""
    message = request(port, "/", "keep-alive")
    sockets = [socket.create_connection(("127.0.0.1", port), GIVE_UP_SECONDS) for _ in range(connections)]
    try:
        length = _first_answers(sockets, message, body)
        return _loop({each.fileno(): each for each in sockets}, message, body, length, seconds)
    finally:
        for each in sockets:
            each.close()


def _first_answers(sockets: list[socket.socket], message: bytes, body: bytes) -> int:
    """Asks once on each connection; returns the length of an answer."""
    lengths = set()
    for each in sockets:
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        each.sendall(message)
        answer = b""
        while not answer.endswith(b"\r\n\r\n" + body):
            piece = each.recv(RESPONSE_MAX)
            if not piece or len(answer) > RESPONSE_MAX:
                raise BadAnswer(answer + piece)
            answer += piece
        _check(answer, body)
        lengths.add(len(answer))
    if len(lengths) != 1:
        raise BadAnswer(f"answers differ in length: {sorted(lengths)}")
    return lengths.pop()


def _loop(by_number: dict[int, socket.socket], message: bytes, body: bytes, length: int, seconds: float) -> Load:
    poll = select.epoll()
    parts = dict.fromkeys(by_number, b"")
    for number, each in by_number.items():
        poll.register(number, select.EPOLLIN)
        each.send(message)
    answers = 0
    started = time.perf_counter()
    end = started + seconds
    while (now := time.perf_counter()) < end:
        ready = poll.poll(GIVE_UP_SECONDS)
        if not ready:
            raise BadAnswer(f"no answer within {GIVE_UP_SECONDS} s")
        for number, _ in ready:
            each = by_number[number]
            answer = parts[number] + each.recv(RESPONSE_MAX)
            if len(answer) < length and answer != parts[number]:
                parts[number] = answer
                continue
            _check(answer, body, length)
            parts[number] = b""
            answers += 1
            each.send(message)
    return Load(answers, now - started)


def _check(answer: bytes, body: bytes, length: int | None = None) -> None:
    if not answer.startswith(b"HTTP/1.1 200 ") or not answer.endswith(body) or length not in (None, len(answer)):
        raise BadAnswer(answer)

"""The lock and the limits: what they cost a Worker that behaves, and how soon they stop one that does not."""

import contextlib
import pathlib
import shutil
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator

import load
import servers

OFF = '[lock]\nminimum = "off"\nmaximum = "off"\n'
BUDGET_MS = 100
SPINS = """
async def on_fetch(request):
    while True:
        pass
"""
CATCHES_ALL = """
async def on_fetch(request):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
"""
HOARDS = """
kept = []


async def on_fetch(request):
    while True:
        kept.append(bytearray(b"x") * (1 << 20))
"""
CRASHES = """
import os


async def on_fetch(request):
    os._exit(1)
"""
BAD = {"spins": SPINS, "hoards": HOARDS, "crashes": CRASHES}


@contextlib.contextmanager
def unlocked(worker: str) -> Iterator[pathlib.Path]:
    """A copy of one of the Workers beside this file that runs without the lock."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(shutil.copytree(servers.WORKERS / worker, folder, dirs_exist_ok=True))
        (copy / "hognose.toml").write_text(OFF)
        yield copy


def overrun_milliseconds(code: str, runs: int) -> list[float]:
    """How long after its budget of CPU time a request is answered that computes without end."""
    with tempfile.TemporaryDirectory() as folder, servers.hognose(write_worker(folder, "busy", code, BUDGET_MS)) as server:
        ask(server.port)  # Which also waits until it listens.
        return [ask(server.port) - BUDGET_MS for _ in range(runs)]


def neighbour_milliseconds(seconds: float) -> tuple[list[float], int]:
    """Beside a Worker that computes without end, one at the limit of its memory and one that kills its process, each asked
    all the time: how long requests of one that behaves take, one after the other, and how many of them are lost."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        good = shutil.copytree(servers.WORKERS / "hello", pathlib.Path(folder) / "good")
        (good / "hognose.toml").write_text("[limits]\nmemory_mb = 64\n")
        bad = [write_worker(folder, name, code, 300) for name, code in BAD.items()]
        server = stack.enter_context(servers.hognose(good, more=bad))
        server.wait_ready()
        stop = threading.Event()
        stack.callback(stop.set)
        for name in BAD:
            threading.Thread(target=misbehave, args=(server.port, f"{name}.test", stop)).start()
        return take_latencies(server.port, seconds)


def take_latencies(port: int, seconds: float) -> tuple[list[float], int]:
    latencies, lost, end = [], 0, time.monotonic() + seconds
    while (start := time.monotonic()) < end:
        try:
            lost += not load.get(port).endswith(servers.BODY)
        except OSError:
            lost += 1
        latencies.append((time.monotonic() - start) * 1e3)
    return latencies, lost


def slowest_hundredth(latencies: list[float]) -> float:
    return statistics.quantiles(latencies, n=100)[98]


def misbehave(port: int, host: str, stop: threading.Event) -> None:
    while not stop.is_set():
        with contextlib.suppress(OSError):
            ask(port, host)


def ask(port: int, host: str = "localhost") -> float:
    """One request, whatever comes of it: the milliseconds that it took, once somebody listened."""
    deadline = time.monotonic() + servers.READY_SECONDS
    while True:
        start = time.monotonic()
        try:
            with socket.create_connection(("127.0.0.1", port), servers.READY_SECONDS) as connection:
                connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                while connection.recv(load.RESPONSE_MAX):
                    pass
            return (time.monotonic() - start) * 1e3
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(servers.POLL_SECONDS)


def write_worker(folder: str, name: str, code: str, cpu_ms: int) -> pathlib.Path:
    worker = pathlib.Path(folder) / name
    worker.mkdir()
    (worker / "entry.py").write_text(code)
    settings = f'name = "{name}"\nmain = "entry.py"\nroutes = ["{name}.test/*"]\nlimits = {{ cpu_ms = {cpu_ms} }}\n'
    (worker / "wrangler.toml").write_text(settings)
    return worker

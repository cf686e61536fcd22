"""What is under measurement: how each server is started, waited for and ended, and how a script is run."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence

import load
import processes

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
HOGNOSE = pathlib.Path(os.environ.get("HOGNOSE", ROOT / ".venv/bin/hognose"))
WORKERS = HERE / "workers"
PEER = ROOT / ".cache/bench"
BODY = b"bar"
READY_SECONDS = 60
POLL_SECONDS = 0.002


class Server:
    """A running server, its first process and its port."""

    def __init__(self, process: subprocess.Popen, port: int):
        self.process = process
        self.port = port

    def tree_cpu_seconds(self) -> float:
        """CPU time of all its processes so far."""
        return processes.tree_cpu_seconds(self.process.pid)

    def wait_ready(self, body: bytes = BODY, poll_seconds: float = POLL_SECONDS) -> None:
        """Returns with its first good answer."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                sys.exit(f"{self.process.args[0]} ended with status {self.process.returncode}")
            with contextlib.suppress(OSError):
                answer = load.get(self.port)
                if answer.startswith(b"HTTP/1.1 200") and answer.endswith(body):
                    return
            time.sleep(poll_seconds)
        sys.exit(f"{self.process.args[0]} gave no good answer within {READY_SECONDS} s")


@contextlib.contextmanager
def hognose(
    worker: str | pathlib.Path, state: pathlib.Path | None = None, more: Sequence[pathlib.Path] = ()
) -> Iterator[Server]:
    """`hognose dev` on one of the Workers beside this file, or on a folder of its own and `more`, with its state in a folder
    that is dropped, or the one given."""
    port = _free_port()
    with contextlib.nullcontext(state) if state else tempfile.TemporaryDirectory() as folder:
        command = [HOGNOSE, "dev", WORKERS / worker, *more, "--port", port, "--persist-to", folder]
        with _running(command, port) as server:
            yield server


@contextlib.contextmanager
def uvicorn(folder: pathlib.Path = HERE, application: str = "asgi:app") -> Iterator[Server]:
    """uvicorn with an application, by default the bare one, at its fastest."""
    install_peer()
    port = _free_port()
    options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "error"]
    command = [PEER / "bin/uvicorn", "--app-dir", folder, application, "--port", port, *options]
    with _running(command, port) as server:
        yield server


@contextlib.contextmanager
def websockets() -> Iterator[Server]:
    """The echo of PyPI's `websockets`."""
    install_peer()
    port = _free_port()
    with _running([PEER / "bin/python", HERE / "websockets_echo.py", port], port) as server:
        yield server


def run_cargo_bench(name: str, features: list[str], *numbers: int) -> dict[str, float]:
    """What a benchmark of the crate `services` prints."""
    command = ["cargo", "bench", "--quiet", "--package", "hognose-services", "--bench", name]
    command += [word for feature in features for word in ("--features", feature)]
    command += ["--", *map(str, numbers)]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)


def run_numpy_search(vectors: int) -> float:
    """CPU time in ms of a search with NumPy on one thread."""
    install_peer()
    command = [PEER / "bin/python", HERE / "numpy_search.py", str(vectors)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout)


def run_script(name: str) -> dict:
    """Runs one of the scripts beside this file in a cell; it prints JSON."""
    output = subprocess.run([HOGNOSE, "run", HERE / name], check=True, stdout=subprocess.PIPE).stdout
    return json.loads(output)


def install_peer() -> None:
    """Puts uvicorn and NumPy into an environment of their own, for the Python that hognose runs under."""
    wanted, installed = HERE / "requirements.txt", PEER / "requirements.txt"
    if installed.exists() and installed.read_text() == wanted.read_text():
        return
    python = HOGNOSE.parent / "python"
    subprocess.run([python, "-m", "uv", "venv", "-q", "--clear", "--python", python, PEER], check=True)
    install = [python, "-m", "uv", "pip", "install", "-q", "--python", PEER / "bin/python"]
    subprocess.run([*install, "-r", wanted], check=True)
    installed.write_text(wanted.read_text())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def _running(command: list, port: int) -> Iterator[Server]:
    process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        yield Server(process, port)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

"""What operations on bindings cost beside the same done by Python itself, and whether that grows with what is kept."""

import contextlib
import http.client
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import processes
import servers

COUNTS = {
    "kv_get": 1000,
    "kv_put": 500,
    "d1_first": 1000,
    "d1_batch": 50,
    "r2_put": 300,
    "r2_get": 1000,
    "r2_put_large": 8,
    "r2_get_large": 8,
    "queue_send": 500,
}
"""How often each operation is done in one request. A large object has 8 MiB."""
SMALL = {"kv_get", "kv_put", "d1_first", "r2_put", "r2_get"}
"""Those of which each is one operation on a few bytes."""
TIMEOUT_SECONDS = 600


@contextlib.contextmanager
def serving():
    """A server of the Worker `storage`, with its state folder."""
    with tempfile.TemporaryDirectory() as folder, servers.hognose("storage", Path(folder)) as server:
        get(server, "make/1", patience=servers.READY_SECONDS)
        yield server, Path(folder)


def get(server, path, patience=0):
    """The answer to a request, which may take a while; asked again for so many seconds until there is one."""
    deadline = time.monotonic() + patience
    while True:
        try:
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_SECONDS)) as connection:
                connection.request("GET", f"/{path}")
                answer = connection.getresponse()
                text = answer.read().decode()
                assert answer.status == 200, text
                return text
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(servers.POLL_SECONDS)


def cpu_microseconds(server, operation, count):
    """CPU time of all processes for one of `count` operations. Messages are sent and consumed."""
    sent = int(get(server, "consumed/1"))
    before = server.tree_cpu_seconds()
    get(server, f"{operation}/{count}")
    while operation == "queue_send" and int(get(server, "consumed/1")) < sent + count:
        time.sleep(0.05)
    return (server.tree_cpu_seconds() - before) / count * 1e6


def beside_python(runs):
    """For each operation the figures in microseconds of CPU time: hognose's and Python's, run by run."""
    figures = {name: ([], []) for name in COUNTS}
    with serving() as (server, _):
        for name in COUNTS:
            get(server, f"{name}/10")
        for _ in range(runs):
            native = [sys.executable, servers.HERE / "storage_native.py", json.dumps(COUNTS)]
            beside = json.loads(subprocess.run(native, check=True, stdout=subprocess.PIPE).stdout)
            for name, count in COUNTS.items():
                figures[name][0].append(cpu_microseconds(server, name, count))
                figures[name][1].append(beside[name])
    return figures


def growing():
    """What listing costs in a namespace of a million keys and in a bucket of 100,000 objects, in milliseconds of CPU
    time; what a million waiting messages add to the supervisor's memory, in MiB; and what sending costs then, as a
    multiple of what it cost before."""
    with serving() as (server, state):
        keys = [{"key": f"key{number:07}", "value": "x"} for number in range(1_000_000)]
        file = state / "keys.json"
        file.write_text(json.dumps(keys))
        put = [servers.HOGNOSE, "kv", "bulk", "put", file, "--namespace-id", "bench", "--persist-to", state]
        subprocess.run(put, check=True, stdout=subprocess.DEVNULL, cwd=state)
        # An invocation may make a thousand operations on the bindings of a kind.
        for part in range(200):
            get(server, f"r2_fill/{part}")
        lists = {name: cpu_microseconds(server, name, 100) / 1000 for name in ("kv_list", "r2_list")}
        memory = processes.private_bytes(server.process.pid)
        before = cpu_microseconds(server, "queue_fill", 10_000)
        for _ in range(10):
            get(server, "queue_fill/100000")
        after = cpu_microseconds(server, "queue_fill", 10_000)
        grown = (processes.private_bytes(server.process.pid) - memory) / (1 << 20)
    return {**lists, "queue_memory": grown, "queue_ratio": after / before}

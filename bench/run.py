"""The figures hognose promises, measured beside uvicorn in one run. See README.md."""

import argparse
import contextlib
import dataclasses
import pathlib
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import load
import lock
import models
import processes
import servers
import sockets
import storage

CONNECTIONS = 32
CHANGED_BODY = b"baz"
RELOAD_POLL_SECONDS = 0.05
MIB = 1 << 20


@dataclasses.dataclass(eq=False)
class Figure:
    """One line of the report."""

    name: str
    unit: str
    samples: list[float]
    goal: float | None = None
    """The most it may be, in its unit."""
    beside: "Figure | None" = None
    """What it is compared with, taken in the same run."""
    ratio_goal: float | None = None
    """How many times the other it may be at most."""

    @property
    def value(self) -> float:
        return statistics.median(self.samples)

    @property
    def ratio(self) -> float:
        return self.value / self.beside.value if self.beside else 1.0

    @property
    def met(self) -> bool:
        return (self.goal is None or self.value <= self.goal) and (
            self.ratio_goal is None or self.ratio <= self.ratio_goal
        )

    def row(self) -> str:
        spread = f"{min(self.samples):.3g} to {max(self.samples):.3g}"
        ratio = f"{self.ratio:.2f} × {self.beside.name}" if self.beside else ""
        goal = "" if self.goal is None else f"{self.goal:g} {self.unit}"
        goal = goal if self.ratio_goal is None else f"{self.ratio_goal:g} ×"
        missed = "" if self.met else " **missed**"
        return f"| {self.name} | {self.value:.3g} {self.unit} | {spread} | {ratio} | {goal}{missed} |"


def measure_requests(arguments: argparse.Namespace) -> list[Figure]:
    """CPU time per request. All servers run at once and are loaded in turn, so that noise meets all of them."""
    peer = Figure("uvicorn, bare ASGI hello", "µs CPU a request", [])
    figures = [
        peer,
        Figure("raw hello", peer.unit, [], 80, peer),
        Figure("SDK hello", peer.unit, [], 200, peer),
        Figure("KV get", peer.unit, [], 140, peer),
    ]
    take_requests(arguments, figures, [servers.uvicorn(), *map(servers.hognose, ("hello", "hello_sdk", "kv"))])
    return figures


def take_requests(
    arguments: argparse.Namespace, figures: list[Figure], starts: list[AbstractContextManager[servers.Server]]
) -> None:
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(start) for start in starts]
        for server in running:
            server.wait_ready()
            load.drive(server.port, servers.BODY, CONNECTIONS, arguments.seconds)
        for _ in range(arguments.runs):
            for figure, server in zip(figures, running, strict=True):
                figure.samples.append(request_microseconds(server, arguments.seconds))


def request_microseconds(server: servers.Server, seconds: float) -> float:
    before = server.tree_cpu_seconds()
    done = load.drive(server.port, servers.BODY, CONNECTIONS, seconds)
    return (server.tree_cpu_seconds() - before) / done.requests * 1e6


def measure_start(arguments: argparse.Namespace) -> list[Figure]:
    """CPU time of all processes, from the command to the first answer."""
    peer = Figure("uvicorn, start to first answer", "ms CPU", [])
    ours = Figure("hognose dev, start to first answer", "ms CPU", [], 500, peer)
    take_starts(arguments, {peer: servers.uvicorn, ours: lambda: servers.hognose("hello")})
    return [peer, ours]


def take_starts(
    arguments: argparse.Namespace, starts: dict[Figure, Callable[[], AbstractContextManager[servers.Server]]]
) -> None:
    for run in range(arguments.runs + 1):
        for figure, start in starts.items():
            with start() as server:
                server.wait_ready()
                milliseconds = server.tree_cpu_seconds() * 1e3
            if run > 0:  # The first warms the disk.
                figure.samples.append(milliseconds)


def measure_fastapi(arguments: argparse.Namespace) -> list[Figure]:
    """A FastAPI application by the SDK's adapter, beside the same one under uvicorn: requests, start, and what it takes
    until a saved change answers."""
    with tempfile.TemporaryDirectory() as folder:
        # A copy: hognose puts the packages beside the configuration, and the code is to change.
        worker = pathlib.Path(shutil.copytree(servers.WORKERS / "fastapi", folder, dirs_exist_ok=True))
        state = worker / "state"  # Which holds the packages, installed by the first start.
        starts = (lambda: servers.uvicorn(worker, "application:app")), (lambda: servers.hognose(worker, state))
        unit = "µs CPU a request"
        peer = Figure("uvicorn, FastAPI", unit, [])
        requests = [peer, Figure("FastAPI by the adapter", unit, [], None, peer, 2.5)]
        take_requests(arguments, requests, [start() for start in starts])
        peer = Figure("uvicorn, FastAPI, start to first answer", "ms CPU", [])
        started = [peer, Figure("hognose dev, FastAPI, start to first answer", "ms CPU", [], 800, peer)]
        take_starts(arguments, dict(zip(started, starts, strict=True)))
        with servers.hognose(worker, state) as server:
            server.wait_ready()
            taken = [reload_milliseconds(server, worker / "application.py") for _ in range(arguments.runs * 2)]
        return [*requests, *started, Figure("reload after a save, until it answers", "ms CPU", taken, 200)]


def reload_milliseconds(server: servers.Server, file: pathlib.Path) -> float:
    """CPU time from a change of the answer to the changed answer; asking now and then is in it, the end of the processes
    that answered before is not."""
    text = file.read_text()
    is_changed = CHANGED_BODY.decode() in text
    bodies = [servers.BODY, CHANGED_BODY] if not is_changed else [CHANGED_BODY, servers.BODY]
    before = processes.own_cpu_seconds(server.process.pid)
    file.write_text(text.replace(*(body.decode() for body in bodies)))
    server.wait_ready(bodies[1], RELOAD_POLL_SECONDS)
    after = processes.own_cpu_seconds(server.process.pid)
    return sum(seconds - before.get(pid, 0) for pid, seconds in after.items()) * 1e3


def measure_isolate(arguments: argparse.Namespace) -> list[Figure]:
    """What a second isolate costs: one is kept computing, so that the next request has another forked."""
    cpu = Figure("another isolate, to its first answer", "ms CPU", [], 5)
    memory = Figure("another isolate, private memory", "MiB", [], 2)
    for _ in range(arguments.runs):
        milliseconds, mebibytes = new_second_isolate("busy")
        cpu.samples.append(milliseconds)
        memory.samples.append(mebibytes)
    return [cpu, memory]


def second_isolate(server: servers.Server) -> tuple[float, float]:
    """CPU time in ms of everybody but the first isolate, and private MiB of the second."""
    first_processes = set(processes.tree(server.process.pid))
    computing = threading.Thread(target=load.get, args=(server.port, "/compute"))
    busy = busiest_soon(first_processes, computing.start)
    others = first_processes - {busy}
    before = sum(map(processes.cpu_seconds, others))
    load.get(server.port)
    after = sum(map(processes.cpu_seconds, others))
    new_processes = set(processes.tree(server.process.pid)) - first_processes
    if len(new_processes) != 1:
        sys.exit(f"{len(new_processes)} processes were started for a request that met a busy isolate; 1 was expected")
    (second,) = new_processes
    private = processes.private_bytes(second)
    seconds = after - before + processes.cpu_seconds(second)
    computing.join()
    return seconds * 1e3, private / MIB


def measure_lock(arguments: argparse.Namespace) -> list[Figure]:
    """What the lock costs, taken in turn with the same without it, and how soon limits are enforced."""
    with lock.unlocked("hello") as hello, lock.unlocked("busy") as busy:
        free = Figure("raw hello, lock off", "µs CPU a request", [])
        requests = [free, Figure("raw hello, locked", free.unit, [], None, free, 1.05)]
        take_requests(arguments, requests, [servers.hognose(hello), servers.hognose("hello")])
        isolate = Figure("what the lock adds to another isolate", "ms CPU", [], 1)
        for _ in range(arguments.runs):
            locked, unlocked = (new_second_isolate(worker)[0] for worker in ("busy", busy))
            isolate.samples.append(locked - unlocked)
    return [*requests, isolate, *measure_limits(arguments)]


def measure_limits(arguments: argparse.Namespace) -> list[Figure]:
    spins, catches = (lock.overrun_milliseconds(code, arguments.runs) for code in (lock.SPINS, lock.CATCHES_ALL))
    latencies, lost = lock.neighbour_milliseconds(arguments.seconds * 5)
    return [
        Figure("beyond the CPU budget, until it answers", "ms", spins, 200),
        Figure("the same where it catches what is raised", "ms", catches, 200),
        Figure("beside three bad Workers, slowest hundredth", "ms", [lock.slowest_hundredth(latencies)], 50),
        Figure(f"requests lost of {len(latencies)}", "", [lost], 0),
    ]


def new_second_isolate(worker: str | pathlib.Path) -> tuple[float, float]:
    """[`second_isolate`] of a new server."""
    with servers.hognose(worker) as server:
        server.wait_ready()
        return second_isolate(server)


def busiest_soon(candidates: set[int], start: Callable[[], None]) -> int:
    """Starts something, and returns the process that begins to compute."""
    before = {pid: processes.cpu_seconds(pid) for pid in candidates}
    start()
    while True:
        for pid in candidates:
            if processes.cpu_seconds(pid) - before[pid] > 0.1:
                return pid
        time.sleep(servers.POLL_SECONDS)


def measure_crossings(arguments: argparse.Namespace) -> list[Figure]:
    """What a step between the languages costs beside the same step within Python. The goals are twice what the prototype
    of the engine took, in the same terms."""
    taken = [servers.run_script("ffi.py") for _ in range(arguments.runs)]
    figures = {name: Figure(name, "ns CPU", [run[name] for run in taken]) for name in taken[0]}
    for name, peer, goal in (
        ("attribute of a JavaScript object", "attribute of a Python object", 5.1),
        ("call of a JavaScript function", "call of a Python function", 2.6),
        ("call of a Python function from JavaScript", "call of a Python function", 4.1),
    ):
        figures[name].beside = figures[peer]
        figures[name].ratio_goal = goal
    return list(figures.values())


def measure_leaks(arguments: argparse.Namespace) -> list[Figure]:
    """What a million round trips leave, and what a collection costs that looks at both heaps."""
    taken = [servers.run_script("leaks.py") for _ in range(arguments.runs)]
    growth = [Figure(f"growth: {kind}", "MiB", [run["growth"][kind] for run in taken], 1) for kind in taken[0]["growth"]]
    alone, surveying = (
        Figure(name, "ms CPU", [run["collections"][name] for run in taken]) for name in taken[0]["collections"]
    )
    surveying.beside = alone
    return [*growth, alone, surveying]


def measure_vectorize(arguments: argparse.Namespace) -> list[Figure]:
    """A query by itself, without a Worker around it, beside NumPy's exact search over as many vectors. `--vectors` says
    how many; the goals are for 100,000."""
    features = ["hnsw"] if arguments.graph else []
    numbers = arguments.vectors, 50, arguments.clusters
    taken = [servers.run_cargo_bench("vectorize", features, *numbers) for _ in range(arguments.runs)]
    peer = [servers.run_numpy_search(arguments.vectors) for _ in range(arguments.runs)]
    figures = {name: [run[name] for run in taken] for name in taken[0]}
    numpy = Figure("NumPy, product and argpartition", "ms CPU", peer)
    query = Figure("Vectorize query", "ms CPU", figures["query_ms"], beside=numpy, ratio_goal=0.5)
    filtered = Figure("the same, filtered to 1 %", "ms CPU", figures["filtered_ms"], beside=query, ratio_goal=0.2)
    missed = Figure("nearest that were missed", "share", [1 - recall for recall in figures["recall"]], 0.001)
    start = Figure("the first query after a start", "ms CPU", figures["start_ms"], 2000)
    memory = Figure("the index in memory", "MiB", figures["index_mib"], 2048)
    upserts = Figure("an upsert, in batches of 1000", "µs CPU", [1e6 / rate for rate in figures["upserts_a_cpu_second"]])
    early, late = (Figure(f"the {which} tenth of them", "µs", [1e6 / rate for rate in figures[f"{which}_upserts_a_second"]])
                   for which in ("first", "last"))
    late.beside = early
    found = [numpy, query, filtered, missed, start, memory, upserts, early, late]
    if arguments.graph:
        found += [
            Figure("a query by the graph", "ms CPU", figures["graph_query_ms"], 10),
            Figure("nearest that the graph missed", "share", [1 - recall for recall in figures["graph_recall"]], 0.05),
            Figure("making the graph", "s CPU", figures["graph_cpu_s"]),
            Figure("all of the process's memory", "MiB", figures["resident_mib"], 2048),
        ]
    return found


def measure_storage(arguments: argparse.Namespace) -> list[Figure]:
    """CPU time of operations on bindings, beyond that of the same done by Python; and whether it grows with the data."""
    figures = []
    for name, (ours, natives) in storage.beside_python(arguments.runs).items():
        added = [ours - native for ours, native in zip(ours, natives, strict=True)]
        goal = 60 if name in storage.SMALL else None
        figures.append(Figure(f"{name}, beyond Python's {statistics.median(natives):.3g} µs", "µs CPU", added, goal))
    goals = {
        "kv_list": ("list of 100 among a million keys", "ms CPU", 5),
        "r2_list": ("list of 1,000 among 100,000 objects", "ms CPU", 10),
        "queue_memory": ("memory that a million messages add", "MiB", 16),
        "queue_ratio": ("a send beside a million messages, beside one beside none", "times", 1.5),
    }
    for name, value in (storage.growing() if arguments.large else {}).items():
        text, unit, goal = goals[name]
        figures.append(Figure(text, unit, [value], goal))
    return figures


def measure_sockets(arguments: argparse.Namespace) -> list[Figure]:
    """A message and its echo, beside PyPI's `websockets`; and many sockets that say nothing."""
    with servers.websockets() as server:
        server.wait_ready()
        peer = [sockets.echo_microseconds(server, "/", arguments.seconds) for _ in range(arguments.runs)]
    taken = [sockets.beside_idle(arguments.sockets, arguments.seconds) for _ in range(arguments.runs)]
    figures = {name: [run[name] for run in taken] for name in taken[0]}
    count = f"{arguments.sockets:,}"
    plain = Figure("websockets, a message and its echo", "µs CPU", peer)
    echo = Figure("a message and its echo", "µs CPU", figures["alone"], beside=plain, ratio_goal=1)
    return [
        plain,
        echo,
        Figure(f"the same beside {count} idle sockets", "µs CPU", figures["beside"], beside=echo, ratio_goal=1.2),
        Figure(f"one of {count} idle sockets", "KiB", figures["open_kib"]),
        Figure("a message and its echo, by an object whose sockets hibernate", "µs CPU", figures["hibernating"]),
        Figure(f"one of {count} hibernated sockets", "KiB", figures["hibernated_kib"], 10),
    ]


def measure_calls(arguments: argparse.Namespace) -> list[Figure]:
    """Calls within one request, between Workers, on objects and on their storage."""
    calls = {
        "rpc/1000": ("a call of another Worker", 250),
        "object/1000": ("a call of an object that reads and writes a key", 320),
        "sql/5000": ("`sql.exec` of a point query, SDK", 80),
        "first/200": ("an object's first call", 5000),
    }
    figures = {path: Figure(name, "µs CPU", [], goal) for path, (name, goal) in calls.items()}
    for _ in range(arguments.runs):
        with servers.hognose("sockets") as server:
            server.wait_ready()
            for path, figure in figures.items():
                before = server.tree_cpu_seconds()
                load.get(server.port, f"/{path}", servers.READY_SECONDS)
                figure.samples.append((server.tree_cpu_seconds() - before) / int(path.split("/")[1]) * 1e6)
    return list(figures.values())


def measure_models(arguments: argparse.Namespace) -> list[Figure]:
    """A call of a model beyond the model itself. With `--model`, a folder as `hognose ai pull` makes it, texts become
    vectors there and in a script with the same libraries."""
    figures = [Figure("a call of a model behind a server", "µs CPU", models.server_microseconds(arguments.runs), 1000)]
    if arguments.model:
        ours, peer = (
            [1e3 / rate for rate in rates] for rates in models.texts_a_second(arguments.model, arguments.runs)
        )
        script = Figure("a text's vector, by a script", "ms", peer)
        figures += [script, Figure("a text's vector, by `env.AI.run`", "ms", ours, beside=script, ratio_goal=1.05)]
    return figures


MEASUREMENTS = {
    "requests": measure_requests,
    "start": measure_start,
    "fastapi": measure_fastapi,
    "isolate": measure_isolate,
    "lock": measure_lock,
    "crossings": measure_crossings,
    "leaks": measure_leaks,
    "vectorize": measure_vectorize,
    "storage": measure_storage,
    "sockets": measure_sockets,
    "calls": measure_calls,
    "models": measure_models,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measurement", nargs="*", help=f"of {', '.join(MEASUREMENTS)}; all when none is named")
    parser.add_argument("--runs", type=int, default=5, help="how often each figure is taken (the median counts)")
    parser.add_argument("--seconds", type=float, default=2, help="how long each load lasts")
    parser.add_argument("--vectors", type=int, default=100_000, help="how many vectors are searched")
    parser.add_argument("--clusters", type=int, default=0, help="in how many clusters the vectors lie")
    parser.add_argument("--graph", action="store_true", help="measure `vectorize` with its feature `hnsw`")
    parser.add_argument("--model", type=pathlib.Path, help="the folder of an embedding model, for `models`")
    parser.add_argument("--sockets", type=int, default=10_000, help="how many sockets have nothing to say")
    parser.add_argument("--large", action="store_true", help="also take what `storage` costs with a million keys and messages")
    parser.add_argument("--check", action="store_true", help="exit with status 1 when a goal is missed")
    arguments = parser.parse_args()
    unknown = set(arguments.measurement) - set(MEASUREMENTS)
    if unknown:
        parser.error(f"unknown measurement: {', '.join(sorted(unknown))}")
    if not servers.HOGNOSE.exists():
        parser.error(f"{servers.HOGNOSE} is not there; `scripts/dev` builds it")
    figures = [figure for name in arguments.measurement or MEASUREMENTS for figure in MEASUREMENTS[name](arguments)]
    print("| figure | median | least to most | beside | goal, at most |", "|" + " --- |" * 5, sep="\n")
    print(*(figure.row() for figure in figures), sep="\n")
    if arguments.check and not all(figure.met for figure in figures):
        sys.exit(1)


if __name__ == "__main__":
    main()

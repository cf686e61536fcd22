"""What Durable Objects promise whatever is killed: one instance at a time, and nothing leaves an object before what it
wrote is kept."""

import contextlib
import json
import os
import signal
import threading

import pytest
from harness import Gates

WORKER = """
import asyncio, js, os, uuid
from workers import DurableObject, Response, WorkerEntrypoint

class Log(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.instance = str(uuid.uuid4())
        self.sql = ctx.storage.sql
        self.sql.exec("CREATE TABLE IF NOT EXISTS log (number INTEGER PRIMARY KEY, instance, count)")
        self.count = self.sql.exec("SELECT count(*) AS count FROM log").one().count

    async def add(self):
        # Only memory knows the number: a second instance beside this one would give one twice.
        self.count += 1
        count = self.count
        self.sql.exec("INSERT INTO log (instance, count) VALUES (?, ?)", self.instance, count)
        await asyncio.sleep(0.002)
        return count

    async def log(self):
        return [[row.instance, int(row.count)] for row in self.sql.exec("SELECT instance, count FROM log ORDER BY number").toArray()]

    async def process(self):
        return os.getpid()

    async def write(self, how, number, gate):
        if how == "sql":
            self.sql.exec("INSERT INTO log (instance, count) VALUES ('gate', ?)", number)
        else:
            # Nobody waits for it but the gate.
            kept = self.ctx.storage.put("number", number)
        await js.fetch(gate)

    async def kept(self, how):
        if how == "sql":
            return int(self.sql.exec("SELECT max(count) AS count FROM log").one().count or 0)
        return await self.ctx.storage.get("number") or 0

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        stub = self.env.LOG.getByName("log")
        call = await request.json()
        return Response.from_json(await getattr(stub, call["method"])(*call["values"]))
"""

CONFIGURATION = """
name = "promises"
main = "src/index.py"
compatibility_date = "2026-06-01"
compatibility_flags = ["python_workers"]
durable_objects.bindings = [{ name = "LOG", class_name = "Log" }]
migrations = [{ tag = "v1", new_sqlite_classes = ["Log"] }]
"""


@pytest.fixture
def folder(project):
    return project(files={"wrangler.toml": CONFIGURATION, "src/index.py": WORKER})


def call(server, method, *values):
    answer = server.fetch("/", "POST", json.dumps({"method": method, "values": values}))
    if answer.status != 200:
        raise RuntimeError(answer.text)
    return answer.json


class Adders:
    """Threads that add line after line to the log, through failures, and remember which were acknowledged."""

    def __init__(self, server, count=3):
        self.acknowledged = []
        self._server = server
        self._ending = threading.Event()
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._add) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _add(self):
        while not self._ending.is_set():
            # What fails was cut off by a kill or a new version.
            with contextlib.suppress(RuntimeError):
                number = call(self._server, "add")
                with self._changed:
                    self.acknowledged.append(number)
                    self._changed.notify()

    def wait_for(self, more):
        with self._changed:
            count = len(self.acknowledged) + more
            assert self._changed.wait_for(lambda: len(self.acknowledged) >= count, 60)

    def end(self):
        self._ending.set()
        for thread in self._threads:
            thread.join()


def test_two_instances_of_one_object_never_run_at_once(folder, serve):
    server = serve(folder)
    adders = Adders(server)
    source = folder / "src/index.py"
    try:
        for turn in range(3):
            adders.wait_for(20)
            printed = len(server.output.text)
            source.write_text(f"{WORKER}\n# version {turn}\n")
            server.output.wait_for("Reloaded in", printed)
            adders.wait_for(20)
            os.kill(call(server, "process"), signal.SIGKILL)
            # Served again: what is asked from here on meets no isolate that dies.
            adders.wait_for(20)
    finally:
        adders.end()
    log = call(server, "log")
    # Each instance counted on from where the last one was, and none wrote after its successor.
    assert [count for _, count in log] == list(range(1, len(log) + 1))
    instances = [instance for instance, _ in log]
    turns = [instance for instance, before in zip(instances, [None, *instances]) if instance != before]
    assert len(turns) == len(set(turns)) >= 4
    assert len(set(adders.acknowledged)) == len(adders.acknowledged)
    assert set(adders.acknowledged) <= {count for _, count in log}


@pytest.mark.parametrize("how", ["sql", "keys"])
def test_nothing_leaves_before_what_was_written_is_kept(folder, serve, how):
    with contextlib.closing(Gates()) as gates:
        server = serve(folder)
        for number in (1, 2, 3):
            writing = threading.Thread(target=lambda: swallow(server, how, number, gates))
            writing.start()
            # The request has left: whatever happens to the server now, the write is there.
            gates.wait_for(f"{how}-{number}")
            server.kill_tree()
            gates.open(f"{how}-{number}")
            writing.join()
            server = serve(folder)
            assert call(server, "kept", how) == number


def swallow(server, how, number, gates):
    """Begins a write whose answer never comes."""
    with contextlib.suppress(Exception):
        call(server, "write", how, number, f"http://127.0.0.1:{gates.server_port}/{how}-{number}")

"""Processes are killed at random moments while Workers write: what was acknowledged is there afterwards, nothing is
there by half, and no message is lost, or delivered again once that it was taken is on the disk.

`CRASH_WRITES` makes it a long test: how many writes are to be acknowledged in all, each to every binding.
`CRASH_WRITES=10000 .venv/bin/pytest --timeout 0 -s tests/e2e/test_crashes.py` takes a quarter of an hour.
"""

import contextlib
import http.client
import os
import random
import signal
import threading

from harness import descendants

ROUNDS_MIN = 3
"""How often the whole server is killed, at least."""
WRITES = int(os.environ.get("CRASH_WRITES", "0"))
ROUND_WRITES_MAX = max(40, WRITES // 50)
"""How many writes are acknowledged before a kill, at most."""
WRITERS = 4
WAIT_S = 60
BATCH_MAX = 5
"""How many messages the Worker is given at a time: as many may have been noted, and not acknowledged, when it is killed."""


class Writers:
    """Threads that write number after number until the server has gone, and remember those that were acknowledged."""

    def __init__(self, server, name):
        self.acknowledged = []
        self.begun = 0
        self._server = server
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._write, args=(f"{name}-{i}",)) for i in range(WRITERS)]
        for thread in self._threads:
            thread.start()

    def _write(self, name):
        number = 0
        while True:
            with self._changed:
                self.begun += 1
            try:
                answer = self._server.fetch(f"/write/{name}-{number}")
            except (OSError, http.client.HTTPException):
                return
            if answer.status == 200:
                with self._changed:
                    self.acknowledged.append(f"{name}-{number}")
                    self._changed.notify()
            number += 1

    def wait_for(self, more):
        with self._changed:
            count = len(self.acknowledged) + more
            assert self._changed.wait_for(lambda: len(self.acknowledged) >= count, WAIT_S)

    def join(self):
        for thread in self._threads:
            thread.join()


def kill_a_cell(server):
    """Kills one of the server's processes, which another takes the place of."""
    cells = descendants(server.process.pid)
    if cells:
        with contextlib.suppress(ProcessLookupError):
            os.kill(random.choice(cells), signal.SIGKILL)


class Tally:
    """What all writers together have begun, and what was acknowledged to them."""

    def __init__(self):
        self.acknowledged = []
        self.begun = 0
        self.kills = 0

    def crash(self, server):
        """Writes, kills a cell, writes, and kills everything."""
        writers = Writers(server, f"crash{self.kills}")
        writers.wait_for(random.randint(1, ROUND_WRITES_MAX))
        kill_a_cell(server)
        writers.wait_for(random.randint(1, ROUND_WRITES_MAX))
        server.kill_tree()
        writers.join()
        self.acknowledged += writers.acknowledged
        self.begun += writers.begun
        self.kills += 2


def wait_until_consumed(server):
    """Has the Worker take what waits in the queue; it is asked again and again while it does."""
    for _ in range(100_000):
        if server.fetch("/backlog/CONSUMED").text == "0":
            return
    raise AssertionError("messages are not consumed")


def test_what_was_acknowledged_outlives_kills_at_any_moment(serve, project):
    folder = project("writes")
    tally = Tally()
    while tally.kills < 2 * ROUNDS_MIN or len(tally.acknowledged) < WRITES:
        server = serve(folder)
        assert server.fetch("/make").text == "made"
        tally.crash(server)
    server = serve(folder)
    wait_until_consumed(server)
    wrong = {number: missing for number in tally.acknowledged if (missing := server.fetch(f"/check/{number}").text)}
    assert wrong == {}
    assert server.fetch("/torn").text == "0"
    assert len(tally.acknowledged) <= int(server.fetch("/backlog/JOBS").text) <= tally.begun
    again = int(server.fetch("/again").text)
    assert again <= tally.kills * BATCH_MAX
    print(f"{len(tally.acknowledged)} writes acknowledged, {tally.kills} kills, {again} messages delivered again")

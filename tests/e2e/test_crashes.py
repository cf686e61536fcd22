"""Everything is killed at a random moment while Workers write: what was acknowledged is there afterwards, and nothing
is there by half. `CRASH_ROUNDS` and `CRASH_WRITES` make it a long test."""

import http.client
import os
import random
import threading

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "3"))
WRITES_MAX = int(os.environ.get("CRASH_WRITES", "40"))
WRITERS = 4


class Writers:
    """Threads that write number after number, and remember those that were acknowledged."""

    def __init__(self, server, name):
        self.acknowledged = []
        self._server = server
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._write, args=(f"{name}-{i}",)) for i in range(WRITERS)]
        for thread in self._threads:
            thread.start()

    def _write(self, name):
        number = 0
        while True:
            try:
                answer = self._server.fetch(f"/write/{name}-{number}")
            except (OSError, http.client.HTTPException):
                return
            if answer.status != 200:
                return
            with self._changed:
                self.acknowledged.append(f"{name}-{number}")
                self._changed.notify()
            number += 1

    def wait_for(self, count):
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.acknowledged) >= count, 60)

    def join(self):
        for thread in self._threads:
            thread.join()


def test_what_was_acknowledged_outlives_a_kill_at_any_moment(serve, project):
    folder = project("writes")
    acknowledged = []
    for crash in range(ROUNDS):
        server = serve(folder)
        assert server.fetch("/make").text == "made"
        writers = Writers(server, f"crash{crash}")
        writers.wait_for(random.randint(1, WRITES_MAX))
        server.kill_tree()
        writers.join()
        acknowledged += writers.acknowledged
    server = serve(folder)
    wrong = {number: missing for number in acknowledged if (missing := server.fetch(f"/check/{number}").text)}
    assert wrong == {}
    assert server.fetch("/torn").text == "0"
    backlog = int(server.fetch("/backlog").text)
    assert len(acknowledged) <= backlog <= len(acknowledged) + ROUNDS * WRITERS

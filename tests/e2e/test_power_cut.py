"""The power goes at a random moment while a Worker writes: what was acknowledged is on the disk, whichever of the writes
that nobody had flushed got there. `POWER_CUTS` and `POWER_WRITES` make it a long test."""

import os
import random
import shutil
import time

import pytest
from harness import Server
from recorded_disk import Record, recorder

CUTS = int(os.environ.get("POWER_CUTS", "2"))
WRITES = int(os.environ.get("POWER_WRITES", "15"))


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_what_was_acknowledged_outlives_a_power_cut(serve, project, tmp_path):
    folder = project("writes")
    acknowledged = []
    server = Server(["dev", str(folder), "--port", "0"], folder, under=recorder(tmp_path / "trace"))
    try:
        assert server.fetch("/make").text == "made"
        for number in range(WRITES):
            assert server.fetch(f"/write/{number}").text == "written"
            acknowledged.append(time.time())
    finally:
        server.kill_tree()
    record = Record(tmp_path / "trace")
    for cut in range(CUTS):
        last = random.randrange(WRITES)
        for chance in (0, 0.5):
            state = tmp_path / f"{cut}-{chance}"
            record.disk(folder / ".hognose", acknowledged[last]).write(state, lambda: random.random() < chance)
            after = serve(folder, "--persist-to", str(state))
            wrong = {number: missing for number in range(last + 1) if (missing := after.fetch(f"/check/{number}").text)}
            assert wrong == {}, f"after {last} of {WRITES}, with {chance} of what was not flushed"
            assert after.fetch("/torn").text == "0"
            assert int(after.fetch("/backlog/JOBS").text) >= last + 1
            after.close()

"""Workflows outlive their server: everything is killed in the middle of each step, and goes on where it was."""

import contextlib
import re

import pytest
from flows import STYLES, Flows, write
from harness import Gates


@pytest.mark.parametrize("style", STYLES)
def test_a_server_that_is_killed_at_each_step_goes_on(tmp_path, serve, style):
    folder = write(tmp_path / "flows", style)
    done = []
    with contextlib.closing(Gates()) as gates:
        server = serve(folder)
        Flows(server).create("gated", "killed", gates=f"http://127.0.0.1:{gates.server_port}")
        for number in range(4):
            server.output.wait_for(f"STEP {number}")
            done += re.findall(r"STEP (\d)", server.output.text)
            server.kill_tree()
            gates.open(str(number))
            server = serve(folder)
        assert Flows(server).output("killed") == [0, 1, 2, 3]
        server.output.wait_for("STEP 3")
        done += re.findall(r"STEP (\d)", server.output.text)
    # Only what was under way is done again.
    assert done == ["0", "0", "1", "1", "2", "2", "3", "3"]


@pytest.mark.parametrize("style", STYLES)
def test_a_wait_outlives_its_server(tmp_path, serve, style):
    folder = write(tmp_path / "flows", style)
    server = serve(folder)
    Flows(server).create("waiting", "waits")
    Flows(server).wait("waits", "waiting")
    server.kill_tree()
    again = Flows(serve(folder))
    assert again.status("waits")["status"] == "waiting"
    again.ask("send", id="waits", payload="at last")
    assert again.output("waits")["got"] == "at last"
    assert "STEP before" not in again.server.output.text

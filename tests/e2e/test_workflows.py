"""Workflows: steps that are kept, waits that outlive their run, and instances that are steered, in Python and JavaScript."""

import contextlib
import json
import re
import subprocess

import pytest
from flows import STYLES, Flows, write
from harness import HOGNOSE, TIMEOUT_S, Server

@pytest.fixture(scope="module", params=STYLES)
def flows(request, tmp_path_factory):
    folder = write(tmp_path_factory.mktemp("flows") / "flows", request.param)
    with contextlib.closing(Server(["dev", str(folder), "--port", "0"], folder)) as server:
        flows = Flows(server)
        flows.folder, flows.style = folder, request.param
        yield flows


def test_steps_run_in_order_and_once(flows):
    identity = flows.create("chain")
    assert re.fullmatch(r"[0-9a-f-]{36}", identity)
    assert flows.output(identity) == {"two": 2, "workflow": "flow"}
    flows.server.output.wait_for_times(f"STEP one {identity}", 1)
    flows.server.output.wait_for(rf"STEP two {identity} 1 1")


def test_a_step_is_tried_again_up_to_its_limit(flows):
    identity = flows.create("retried")
    assert flows.output(identity) == "at last"
    assert flows.tries(identity, 3) == ["1", "2", "3"]
    identity = flows.create("exhausted")
    assert flows.output(identity) == "caught TypeError: never"
    assert flows.tries(identity, 3) == ["1", "2", "3"]


def test_some_errors_are_not_worth_another_attempt(flows):
    identity = flows.create("hopeless")
    assert flows.output(identity) == "caught stop"
    assert flows.tries(identity, 1) == ["1"]


def test_an_uncaught_error_ends_the_instance(flows):
    status = flows.wait(flows.create("failing"))
    assert status["status"] == "errored"
    assert "outside of steps" in status["error"]["message"]
    # Of the author's lines, and not of what called them.
    assert "hognose" not in status["error"]["message"].replace(str(flows.server.folder), "")
    assert status["error"]["name"] == {"python": "PythonError", "javascript": "RangeError"}[flows.style]


def test_an_event_ends_a_wait_and_one_that_came_before_it_too(flows):
    identity = flows.create("waiting")
    flows.wait(identity, "waiting")
    flows.ask("send", id=identity, payload={"n": [1, None]})
    assert flows.output(identity) == {"got": {"n": [1, None]}, "type": "approval"}
    flows.server.output.wait_for_times(f"STEP before {identity}", 1)
    early = flows.create("waiting")
    flows.ask("send", id=early, payload="early")
    assert flows.output(early)["got"] == "early"


def test_sleeps_end(flows):
    assert flows.output(flows.create("sleeping")) == "awake"


def test_a_wait_has_an_end(flows):
    assert flows.output(flows.create("late")).endswith("WorkflowTimeoutError: Execution timed out after 1000ms")


def test_an_instance_is_paused_resumed_restarted_and_terminated(flows):
    identity = flows.create("waiting")
    flows.wait(identity, "waiting")
    assert json.loads(flows.ask("pause", id=identity))["status"] == "paused"
    flows.ask("send", id=identity, payload="kept")
    assert flows.status(identity)["status"] == "paused"
    flows.ask("resume", id=identity)
    assert flows.output(identity)["got"] == "kept"
    flows.ask("restart", id=identity)
    flows.wait(identity, "waiting")
    flows.server.output.wait_for_times(f"STEP before {identity}", 2)
    assert json.loads(flows.ask("terminate", id=identity))["status"] == "terminated"
    with pytest.raises(RuntimeError, match="Cannot terminate instance since its on a finite state"):
        flows.ask("terminate", id=identity)


def test_ids_are_checked(flows):
    assert flows.create("chain", "my-id") == "my-id"
    with pytest.raises(RuntimeError, match=r"\(instance.already_exists\)"):
        flows.create("chain", "my-id")
    with pytest.raises(RuntimeError, match="Workflow instance has invalid id"):
        flows.create("chain", "-no")
    assert flows.create("chain", "i" * 100)
    with pytest.raises(RuntimeError, match="Workflow instance has invalid id"):
        flows.create("chain", "i" * 101)
    with pytest.raises(RuntimeError, match="instance.not_found"):
        flows.status("unknown")
    batch = [{"id": name, "params": {"kind": "chain"}} for name in ("my-id", "b1", "b2")]
    assert json.loads(flows.ask("batch", options=batch)) == ["b1", "b2"]
    assert flows.output("b2")["two"] == 2


def test_parameters_have_a_size(flows):
    # What is packed: the object, its key and the quotes.
    room = 1024 * 1024 - len(json.dumps(["o", "kind", "chain", "text", ""], separators=(",", ":")))
    flows.output(flows.create("chain", text="x" * room))
    with pytest.raises(RuntimeError, match="Maximum allowed size is 1MiB"):
        flows.create("chain", text="x" * (room + 1))


def test_steps_are_counted(flows):
    assert flows.output(flows.create("many", count=20)) is None
    status = flows.wait(flows.create("many", count=21))
    assert status["status"] == "errored"
    assert status["error"]["message"].startswith("The limit of 20 steps has been reached.")


def test_a_change_of_the_code_loses_no_instance(flows):
    identity = flows.create("waiting")
    flows.wait(identity, "waiting")
    source = next((flows.folder / "src").glob("index.*"))
    start = len(flows.server.output.text)
    source.write_text(source.read_text().replace("STEP after", "STEP anew"))
    flows.server.output.wait_for("Reloaded in", start)
    flows.ask("send", id=identity, payload=1)
    flows.output(identity)
    flows.server.output.wait_for(f"STEP anew {identity}")


def command(folder, *arguments):
    return subprocess.run(
        [HOGNOSE, "workflows", *arguments], cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=True
    ).stdout


def test_commands_show_and_steer_instances(flows):
    folder = flows.folder
    assert command(folder, "list").startswith("flow  class: Flow")
    assert command(folder, "trigger", "flow", '{"kind": "waiting", "list": [1, {"a": null}]}', "--id", "by-hand")
    flows.wait("by-hand", "waiting")
    assert re.search(r"by-hand  waiting", command(folder, "instances", "list", "flow", "--status", "waiting"))
    shown = command(folder, "instances", "describe", "flow", "by-hand")
    assert re.search(r"before  done  attempt 1: \d+ ms", shown) and re.search(r"ok\?  waiting until", shown)
    command(folder, "instances", "pause", "flow", "by-hand")
    assert flows.status("by-hand")["status"] == "paused"
    command(folder, "instances", "resume", "flow", "by-hand")
    command(folder, "instances", "send-event", "flow", "by-hand", "--type", "approval", "--payload", '"yes"')
    assert flows.output("by-hand")["got"] == "yes"
    command(folder, "instances", "restart", "flow", "by-hand")
    flows.wait("by-hand", "waiting")
    command(folder, "instances", "terminate", "flow", "by-hand")
    assert "terminated" in command(folder, "instances", "describe", "flow", "latest")

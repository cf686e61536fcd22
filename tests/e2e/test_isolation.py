"""A cell owns nothing: what a Worker tries, and what it sees; the same code succeeds outside the lock."""

import contextlib
import os
import shutil
import socket

import pytest
from conftest import WORKERS
from harness import Server, run

# It is forbidden, or not there.
REFUSALS = {"PermissionError", "FileNotFoundError", "OSError"}
REFUSED = [
    "read_passwords",
    "list_root",
    "read_beside_the_project",
    "write_own_code",
    "remove_own_code",
    "write_installed_packages",
    "bind_a_port",
    "start_a_program",
    "start_the_interpreter",
    "signal_another_process",
    "read_the_parents_memory",
]
FOREIGN = ["foreign_environment", "foreign_descriptors"]
PERMITTED = {
    "write_scratch": "'kept'",
    "write_null": "7",
    "read_own_code": "True",
    "time_zones": "'1:00:00'",
}
OUTSIDE = {
    "list_root": "True",
    "read_beside_the_project": "'beside'",
    "write_outside": "'x'",
    "write_own_code": "'written'",
    "remove_own_code": "'removed'",
    "connect_to_loopback": "'connected'",
    "bind_a_port": "'bound'",
    "start_a_program": "0",
    "start_the_interpreter": "0",
    "signal_another_process": "'signalled'",
    "foreign_environment": "True",
}


@pytest.fixture(scope="module")
def listener():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def copy(folder):
    """The project, with a file beside it and one in it that may not be touched."""
    shutil.copytree(WORKERS / "isolation", folder / "isolation")
    (folder / "beside.txt").write_text("beside")
    (folder / "isolation/src/victim.txt").write_text("alive")
    return folder / "isolation"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = copy(tmp_path_factory.mktemp("isolation"))
    server = Server(["dev", str(folder), "--port", "0"], folder, {"CANARY": "sings"})
    with contextlib.closing(server):
        yield server
    assert not (folder.parent / "written.txt").exists()
    assert (folder / "src/victim.txt").read_text() == "alive"


@pytest.mark.parametrize("name", REFUSED)
def test_a_worker_is_refused(server, listener, name):
    query = f"port={listener.getsockname()[1]}&process={server.process.pid}"
    assert server.fetch(f"/{name}?{query}").text in REFUSALS


@pytest.mark.parametrize("path", ["/write_outside", "/at_top_level"])
def test_what_a_worker_writes_outside_reaches_nobody(server, path):
    # It may be written: below `/tmp` a root of one's own has the scratch folder.
    assert server.fetch(path).status == 200
    assert not (server.folder.parent / "written.txt").exists()


@pytest.mark.parametrize("name", FOREIGN)
def test_a_worker_sees_nothing_foreign(server, name):
    assert server.fetch(f"/{name}").text == "False"


def test_top_level_code_is_refused_the_same(server):
    told = dict(line.split() for line in server.fetch("/at_top_level").text.splitlines())
    assert {name: told[name] for name in REFUSED if told[name] not in REFUSALS} == {}


@pytest.mark.parametrize("name", PERMITTED)
def test_a_worker_may(server, name):
    assert server.fetch(f"/{name}").text == PERMITTED[name]


def test_the_same_code_succeeds_outside_the_lock(tmp_path, listener):
    script = copy(tmp_path) / "src/attempts.py"
    port = str(listener.getsockname()[1])
    arguments = (str(script), port, str(os.getpid()))
    code, output = run("run", "--allow-write", *arguments, folder=tmp_path, environment={"CANARY": "sings"})
    told = dict(line.split(" ", 1) for line in output.splitlines())
    assert code == 0, output
    assert {name: told[name] for name in OUTSIDE | PERMITTED} == OUTSIDE | PERMITTED


def test_pth_lines_of_packages_run_inside_the_lock(server):
    assert server.fetch("/pth").text in REFUSALS

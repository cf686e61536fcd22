"""Deploying to a running `hognose serve`: versions, going back, and what is left after a restart."""

import contextlib
import json
import shutil
import subprocess

import pytest
from harness import HOGNOSE, TIMEOUT_S, Server, run

CONFIGURATION = 'name = "shop"\nmain = "src/index.py"\ncompatibility_date = "2025-08-01"\ncompatibility_flags = ["python_workers"]\nversion_metadata = { binding = "VERSION" }\n'
SOURCE = """\
from js import Response

async def on_fetch(request, env):
    return Response.new("{} " + env.VERSION.tag)
"""


@pytest.fixture
def shop(project):
    """The folder of a Worker, and a function that changes what it answers."""
    folder = project(files={"wrangler.toml": CONFIGURATION, "src/index.py": SOURCE.format("first")})
    (folder / "src/data").mkdir()
    (folder / "src/data/unused.txt").write_text("x")
    return folder


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def command(shop, state):
    """A function that runs a command against the server, which must succeed, and gives what it prints."""

    def succeed(*words):
        command = [HOGNOSE, *words, "--persist-to", str(state)]
        ended = subprocess.run(command, cwd=shop, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    return succeed


@pytest.fixture
def start(state):
    """A function that starts `hognose serve` on the state, without naming any Worker."""
    state.mkdir()
    with contextlib.ExitStack() as servers:

        def serve():
            server = Server(["serve", "--persist-to", str(state), "--port", "0"], state)
            servers.callback(server.close)
            return server

        yield serve


@pytest.fixture
def server(start):
    return start()


def test_a_server_without_workers_says_how_to_deploy_one(server):
    answer = server.fetch("/")
    assert answer.status == 404
    assert "`hognose deploy`" in answer.text


def test_versions_are_deployed_and_rolled_back(server, shop, command):
    assert "Deployed `shop`, version 1" in command("deploy", "--tag", "one")
    assert server.fetch("/").text == "first one"
    (shop / "src/index.py").write_text(SOURCE.format("second"))
    assert server.fetch("/").text == "first one", "what was deployed does not change with the folder"
    deployed = json.loads(command("deploy", "--tag", "two", "--message", "better", "--json"))
    assert server.fetch("/").text == "second two"
    command("rollback", "--message", "was not better")
    assert server.fetch("/").text == "first one"
    versions = json.loads(command("versions", "list", "--json"))
    assert [(version["number"], version["tag"], version["message"]) for version in versions] == [
        (2, "two", "better"),
        (1, "one", ""),
    ]
    command("versions", "deploy", deployed["version"]["id"][:8])
    assert server.fetch("/").text == "second two"
    history = json.loads(command("deployments", "list", "--json"))
    assert [deployment["message"] for deployment in history] == ["", "better", "was not better", ""]


def test_an_uploaded_version_does_not_serve_until_it_is_deployed(server, shop, command):
    command("deploy")
    (shop / "src/index.py").write_text(SOURCE.format("second"))
    uploaded = json.loads(command("versions", "upload", "--json"))["version"]["id"]
    assert server.fetch("/").text == "first "
    assert json.loads(command("versions", "view", uploaded))["number"] == 2
    command("versions", "deploy", uploaded)
    assert server.fetch("/").text == "second "


def test_deployed_workers_serve_again_after_a_restart(server, start, shop, command):
    command("deploy")
    server.kill_tree()
    shutil.rmtree(shop / "src")
    assert start().fetch("/").text == "first "


def test_a_version_that_does_not_load_changes_nothing(server, shop, state, command):
    command("deploy")
    (shop / "src/index.py").write_text("1/0")
    code, output = run("deploy", "--persist-to", str(state), folder=shop)
    assert code == 1
    assert "ZeroDivisionError" in output
    assert server.fetch("/").text == "first "
    assert len(json.loads(command("versions", "list", "--json"))) == 1


def test_what_a_deployment_left_that_did_not_come_to_its_end_is_no_version(server, shop, state, command):
    command("deploy")
    versions = state / "workers/shop/versions"
    (whole,) = (folder for folder in versions.iterdir() if folder.is_dir())
    # The power went while files were copied, and once all were there but their description was not.
    for name in ("11111111-1111-4111-8111-111111111111.partial", "22222222-2222-4222-8222-222222222222"):
        shutil.copytree(whole, versions / name)
    (shop / "src/index.py").write_text(SOURCE.format("second"))
    command("deploy")
    assert server.fetch("/").text == "second "
    assert [version["number"] for version in json.loads(command("versions", "list", "--json"))] == [2, 1]


def test_a_deleted_worker_is_gone(server, shop, state, command):
    command("deploy")
    assert "would be deleted" in command("delete", "--dry-run")
    assert server.fetch("/").status == 200
    command("delete", "shop")
    assert server.fetch("/").status == 404
    code, output = run("delete", "--persist-to", str(state), folder=shop)
    assert code == 1
    assert "`shop` is not deployed here" in output
    command("deploy")
    assert server.fetch("/").text == "first "


def test_requests_under_way_end_on_the_version_they_began_on(server, shop, command):
    slow = SOURCE.format("slow").replace("    return", '    print("begun")\n    await request.text()\n    return')
    (shop / "src/index.py").write_text(slow)
    command("deploy")
    with contextlib.closing(server.connect()) as connection:
        connection.putrequest("POST", "/")
        connection.putheader("transfer-encoding", "chunked")
        connection.endheaders()
        server.output.wait_for("begun")
        (shop / "src/index.py").write_text(SOURCE.format("second"))
        command("deploy")
        assert server.fetch("/").text == "second "
        connection.send(b"2\r\nok\r\n0\r\n\r\n")
        assert connection.getresponse().read() == b"slow "


def test_a_dry_run_changes_nothing(server, command):
    assert "can be deployed" in command("deploy", "--dry-run")
    assert server.fetch("/").status == 404


def test_a_project_that_is_too_large_is_refused(server, shop, state):
    with open(shop / "large.bin", "wb") as file:
        file.truncate((64 << 20) + 1)
    code, output = run("deploy", "--persist-to", str(state), folder=shop)
    assert code == 1
    assert "at most 20000 files and 64 MiB" in output
    assert list((state / "workers/shop/versions").iterdir()) == []

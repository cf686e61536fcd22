"""The command line: options, configuration mistakes, ports, signals, packages, and `hognose run`."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess

import pytest
from harness import HOGNOSE, children, run

MAIN = 'main = "src/index.py"\n'
HELLO = """\
from js import Response

async def on_fetch(request, env):
    return Response.new("hello")
"""


def dev(project, configuration, source=HELLO, options=()):
    """Runs `hognose dev` on a project that cannot be served."""
    folder = project(files={"wrangler.toml": configuration, "src/index.py": source})
    return run("dev", str(folder), "--port", "0", *options, folder=folder)


def test_version():
    output = subprocess.run([HOGNOSE, "--version"], capture_output=True, text=True, check=True).stdout
    assert output.startswith("hognose 0.")


def test_a_folder_without_configuration_is_told_what_to_add(tmp_path):
    code, output = run("dev", str(tmp_path), folder=tmp_path)
    assert code == 1
    assert f"error: No Wrangler configuration was found in `{tmp_path}`" in output
    assert "hint: `hognose init NAME` makes a Worker to begin with" in output


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        ('main = "src/index.py"\nname = 3\n', ["wrangler.toml:2", "name"]),
        ('main = "src/index.py"\nname = "x\n', ["wrangler.toml:2"]),
        (MAIN + 'kv_namespaces = [{ biding = "B" }]\n', ["wrangler.toml:2", "binding"]),
        ('main = "src/indexx.py"\n', ["src/indexx.py", "does not exist"]),
        (MAIN + 'assets = { directory = "public" }\n', ["The folder of assets `public` does not exist", "hint: Make it"]),
    ],
    ids=["wrong-type", "syntax", "field", "no-such-main", "no-such-assets"],
)
def test_a_configuration_mistake_is_shown_in_its_place(project, configuration, said):
    code, output = dev(project, configuration)
    assert code == 1
    for words in said:
        assert words in output


def test_an_unknown_key_warns_with_a_suggestion_and_serves(serve, project):
    configuration = MAIN + 'compatability_date = "2026-01-01"\n'
    server = serve(project(files={"wrangler.toml": configuration, "src/index.py": HELLO}))
    server.output.wait_for("compatability_date")
    server.output.wait_for("compatibility_date")
    assert server.fetch().text == "hello"


@pytest.mark.parametrize("name", ["wrangler.json", "wrangler.jsonc"])
def test_json_configurations_are_read(serve, project, name):
    text = '{\n  // comments are allowed\n  "main": "src/index.py",\n}\n'
    assert serve(project(files={name: text, "src/index.py": HELLO})).fetch().text == "hello"


def test_the_configuration_is_found_in_a_folder_above(serve, project):
    folder = project(files={"wrangler.toml": MAIN, "src/index.py": HELLO})
    assert serve(folder / "src").fetch().text == "hello"


def test_an_explicit_port_in_use_is_an_error(project):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        folder = project(files={"wrangler.toml": MAIN, "src/index.py": HELLO})
        code, output = run("dev", str(folder), "--port", str(port), folder=folder)
    assert code == 1
    assert f"Port {port} is already in use" in output
    assert children() == []


def test_the_next_free_port_is_taken_where_none_was_asked_for(serve, project):
    with contextlib.ExitStack() as taken:
        with contextlib.suppress(OSError):
            taken.enter_context(socket.create_server(("127.0.0.1", 8787)))
        server = serve(project(files={"wrangler.toml": MAIN, "src/index.py": HELLO}), port=None)
        assert server.port > 8787
        assert server.fetch().text == "hello"


def test_a_second_server_on_the_same_state_is_refused(serve, project):
    server = serve("pair")
    code, output = run("dev", str(server.folder), "--port", "0", folder=server.folder)
    assert code == 1
    assert f"is in use by another hognose (process {server.process.pid})" in output
    assert server.fetch().text == "baz"


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything_gracefully(serve, sent):
    server = serve("raw")
    server.fetch()
    assert server.stop(sent) == 0
    assert children() == []


@pytest.mark.parametrize("kill", [os.kill, os.killpg], ids=["supervisor", "terminal"])
def test_a_request_in_flight_is_answered_before_the_end(serve, kill):
    """A terminal's Ctrl-C reaches every process of the group; only the supervisor's business is the end."""
    server = serve("raw")
    with contextlib.closing(server.socket()) as client:
        client.sendall(b"POST /upload HTTP/1.1\r\nhost: a\r\ncontent-length: 40000\r\n\r\n" + b"x" * 20000)
        server.fetch()
        kill(server.process.pid, signal.SIGINT)
        server.output.wait_for("Stopping")
        client.sendall(b"x" * 20000)
        assert b"version 1: 40000" in read_all(client)
    assert server.process.wait(30) == 0


def test_packages_of_pyproject_are_installed_once(serve, project):
    folder = project("packaged")
    first = serve(folder)
    first.output.wait_for("Installing 1 package")
    assert first.fetch().text == "from a package"
    first.close()
    second = serve(folder)
    assert second.fetch().text == "from a package"
    assert "Installing" not in second.output.text


def test_packages_that_cannot_be_had_are_told_in_uvs_words(project):
    folder = project("packaged")
    shutil.rmtree(folder / "local")
    code, output = run("dev", str(folder), "--port", "0", folder=folder)
    assert code == 1
    assert f"{folder}/local" in output
    assert "error: The packages that `pyproject.toml` asks for could not be installed" in output
    assert list((folder / ".hognose/packages").iterdir()) == []


def test_serve_builds_no_package_unless_the_project_allows_it(serve, project):
    folder = project("packaged")
    code, output = run("serve", str(folder), "--port", "0", folder=folder)
    assert code == 1
    assert "hint: What `uv` said stands above; `allow-build = true` under `[tool.pywrangler]`" in output
    with (folder / "pyproject.toml").open("a") as file:
        file.write("\n[tool.pywrangler]\nallow-build = true\n")
    assert serve(folder, command="serve").fetch().text == "from a package"


def test_a_python_that_the_project_excludes_is_an_error(project):
    folder = project("packaged")
    demand = folder / "pyproject.toml"
    demand.write_text(demand.read_text().replace(">=3.12", "<3.12"))
    code, output = run("dev", str(folder), "--port", "0", folder=folder)
    assert code == 1
    assert "pyproject.toml requires Python <3.12" in output


def read_all(client):
    received = b""
    while chunk := client.recv(65536):
        received += chunk
        if b"\r\n\r\n" in received and received.endswith(b"40000"):
            break
    return received

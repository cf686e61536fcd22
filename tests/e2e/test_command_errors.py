"""What each command says where it cannot do its work: one error, the next step, the exit code, and nothing left behind."""

import contextlib
import os
import signal
import socket

import pytest
from harness import TIMEOUT_S, Output, Server, children, run, start

OUTSIDE = """\
error: No Wrangler configuration was found in `{folder}` or a folder above it
hint: `hognose init NAME` makes a Worker to begin with; name the configuration of one elsewhere with `--config`
"""
WITHOUT_STATE = """\
error: No Wrangler configuration was found in `{folder}` or a folder above it, and no state folder was named
hint: Go to the project's folder, or name the state folder with `--persist-to`
"""
WITHOUT_WORKER = """\
error: No Wrangler configuration was found in `{folder}` or a folder above it, and no Worker was named
hint: Go to the project's folder, or name the Worker and, with `--persist-to`, the state folder
"""
STOPPED = """\
error: No `hognose serve` or `hognose dev` runs on `{folder}/.hognose`
  caused by: No such file or directory (os error 2)
hint: Start one, or name the state folder of one that runs with `--persist-to`
"""
CONFIGURATION = """\
name = "shop"
main = "a.py"
compatibility_date = "2026-06-01"
compatibility_flags = ["python_workers"]
"""
PROJECT = {"wrangler.toml": CONFIGURATION, "a.py": ""}


def said(arguments, folder, expected, code=1):
    assert run(*arguments.split(), folder=folder) == (code, expected.format(folder=folder))


@pytest.mark.parametrize(
    "arguments",
    ["dev", "serve .", "check", "types", "sync", "test", "deploy", "versions upload", "ai models", "ai run m {}"]
    + ["cron list", "cron run", "workflows list"],
)
def test_outside_of_a_project(tmp_path, arguments):
    said(arguments, tmp_path, OUTSIDE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments",
    ["versions list --name shop", "rollback --name shop", "delete shop", "tail", "backup x.tar", "restore x.tar", "d1 list"]
    + ["kv namespace list", "r2 bucket list", "queues list", "vectorize list", "secret list --name shop"],
)
def test_without_a_state_folder(tmp_path, arguments):
    said(arguments, tmp_path, WITHOUT_STATE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", ["versions list", "versions view x", "deployments status", "rollback", "delete"])
def test_without_the_name_of_a_worker(tmp_path, arguments):
    said(arguments, tmp_path, WITHOUT_WORKER)


@pytest.mark.parametrize(
    "arguments",
    ["deploy", "versions list", "versions view x", "versions upload", "versions deploy x", "deployments list"]
    + ["deployments status", "rollback", "delete", "tail"],
)
def test_without_a_server(project, arguments):
    folder = project(files=PROJECT)
    said(arguments, folder, STOPPED)
    assert not (folder / ".hognose").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            "dev nowhere",
            "error: `nowhere` cannot be read\n  caused by: No such file or directory (os error 2)\n"
            "hint: Look at how it is spelled, and at the folder you are in\n",
        ),
        (
            "run nothing.py",
            "error: `nothing.py` cannot be read\n  caused by: No such file or directory (os error 2)\n"
            "hint: Look at how it is spelled, and at the folder you are in\n",
        ),
        (
            "dev --ip nonsense",
            "error: `nonsense` is not an address to listen on\n"
            "hint: Give an IP address, such as `127.0.0.1`, or `localhost`\n",
        ),
        (
            "dev . other --script a.py",
            "error: `--script` names the main module of one Worker, and there are 2\n"
            "hint: Serve one Worker, or write `main` into each configuration\n",
        ),
        ("r2 object get a", "error: `a` does not name an object; give `bucket/key`\n"),
        ("r2 object get a/b", "error: There is no R2 bucket `a`; make it with `hognose r2 bucket create a`\n"),
        ("queues info x", "error: There is no queue `x`; make it with `hognose queues create x`\n"),
        (
            "d1 migrations list x",
            "error: `wrangler.toml` has no D1 database `x`\nhint: Add it to `d1_databases` there\n",
        ),
        (
            "workflows describe x",
            "error: `wrangler.toml` has no workflow `x`\nhint: Add it to `workflows` there\n",
        ),
        (
            "restore none.tar",
            "error: `none.tar` cannot be read\n  caused by: No such file or directory (os error 2)\n"
            "hint: Look at how it is spelled, and at the folder you are in\n",
        ),
    ],
)
def test_of_what_is_not_there(project, arguments, expected):
    folder = project(files=PROJECT)
    (folder / "other").mkdir()
    (folder / "other/wrangler.toml").write_text(CONFIGURATION.replace("shop", "other"))
    (folder / "other/a.py").touch()
    said(arguments, folder, expected)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("deploi", "error: unrecognized subcommand 'deploi'"),
        ("dev --port 65536", "error: invalid value '65536' for '--port <PORT>': 65536 is not in 0..=65535"),
        ("dev --var NAME", "error: invalid value 'NAME' for '--var <NAME:VALUE>'"),
        ("dev --connect-to x", "error: invalid value 'x' for '--connect-to <HOST:PORT:HOST2:PORT2>'"),
        ("dev --https-key-path key.pem", "error: the following required arguments were not provided:\n  --https-cert-path"),
        ("serve --admin-port x", "error: invalid value 'x' for '--admin-port <PORT>'"),
        ("tail --sampling-rate 7", "error: invalid value '7' for '--sampling-rate <RATE>'"),
        ("kv key put a b --path c --binding d", "error: the argument '[VALUE]' cannot be used with '--path <FILE>'"),
        ("init x --template y", "error: invalid value 'y' for '--template <TEMPLATE>'"),
        ("completions tcsh", "error: invalid value 'tcsh' for '<SHELL>'"),
        ("run", "error: the following required arguments were not provided:\n  <FILE>..."),
    ],
)
def test_wrong_usage(tmp_path, arguments, expected):
    code, output = run(*arguments.split(), folder=tmp_path)
    assert code == 2
    assert output.startswith(expected)
    assert "For more information, try '--help'." in output
    assert not list(tmp_path.iterdir())


def test_a_port_that_is_taken(project):
    folder = project(files=PROJECT)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said(
            f"dev --ip 127.0.0.1 --port {port}",
            folder,
            f"error: Port {port} is already in use\n"
            "hint: Choose another with `--port` (the dashboard's with `--admin-port`); 0 is any free one\n",
        )


def test_a_server_without_a_worker_says_how_to_get_one(tmp_path):
    with contextlib.closing(Server(["serve", "--port", "0"], tmp_path)) as server:
        server.output.wait_for(f"No Worker is deployed here yet: .* `hognose deploy --persist-to {tmp_path}/.hognose`")


def test_ctrl_c_while_a_script_is_being_started_is_its_end(tmp_path):
    (tmp_path / "a.py").write_text("while True:\n    pass\n")
    process = start(["run", "a.py"], tmp_path)
    output = Output(process.stdout)
    while not children(process.pid):
        assert process.poll() is None, output.text
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(TIMEOUT_S) == 130
    output.wait_for_end()
    assert "could not be run" not in output.text

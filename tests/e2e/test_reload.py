"""A change of source or configuration is served at once, and no request is dropped."""

import contextlib
import os
import threading
import urllib.request

import harness
import pytest

WORKER = """\
from js import Response

async def on_fetch(request, env):
    return Response.new({greeting} + await request.text())
"""
FIRST = WORKER.format(greeting='"first"')
SECOND = WORKER.format(greeting='"second"')


def start(serve, project, source=FIRST, configuration='main = "src/index.py"\n'):
    """A server that has loaded its first version: changes that come earlier may be part of it."""
    server = serve(project(files={"wrangler.toml": configuration, "src/index.py": source}))
    server.output.wait_for("Loaded in")
    return server


def change(server, path, text):
    """Writes a file, in one step, and waits until the server has taken it up, or said why not."""
    before = len(server.output.text)
    written = server.folder / ".written"
    written.write_text(text)
    written.replace(server.folder / path)
    server.output.wait_for("Reloaded|error", before)


def test_a_change_of_source_is_served(serve, project):
    server = start(serve, project)
    assert server.fetch().text == "first"
    change(server, "src/index.py", SECOND)
    assert server.fetch().text == "second"


def test_a_new_module_is_found(serve, project):
    server = start(serve, project)
    (server.folder / "src/package").mkdir()
    (server.folder / "src/package/greeting.py").write_text('GREETING = "third"\n')
    source = "from package.greeting import GREETING\n" + WORKER.format(greeting="GREETING")
    change(server, "src/index.py", source)
    assert server.fetch().text == "third"


@pytest.mark.parametrize("level", ["", '[lock]\nmaximum = "container"\n'], ids=["best", "container"])
def test_a_file_that_takes_the_place_of_another_beside_the_state_is_served(serve, project, level):
    # Where the code's root holds the state folder, too, that is hidden, or the lock is around each file beside it.
    files = {"wrangler.toml": 'main = "index.py"\n', "index.py": FIRST, "hognose.toml": level}
    server = serve(project(files=files))
    server.output.wait_for("Loaded in")
    assert server.fetch().text == "first"
    change(server, "index.py", SECOND)
    assert server.fetch().text == "second"
    (server.folder / "greeting.py").write_text('GREETING = "third"\n')
    change(server, "index.py", "from greeting import GREETING\n" + WORKER.format(greeting="GREETING"))
    assert server.fetch().text == "third"


def test_what_it_prints_into_the_folder_is_no_change(project):
    folder = project(files={"wrangler.toml": 'main = "src/index.py"\n', "src/index.py": FIRST})
    os.mkfifo(folder / "src/log")
    into_the_folder = ("sh", "-c", 'exec "$0" "$@" >src/log 2>&1')
    process = harness.start(["dev", str(folder), "--port", "0"], folder, under=into_the_folder)
    try:
        with open(folder / "src/log") as log:
            output = harness.Output(log)
            address = output.wait_for(harness.READY)[0].removeprefix("Ready on ")
            for number in range(3):
                urllib.request.urlopen(f"{address}/{number}").close()
            (folder / "src/index.py").write_text(SECOND)
            output.wait_for("Reloaded")
            urllib.request.urlopen(f"{address}/last").close()
            output.wait_for("GET /last 200")
            output.wait_for_times("Reloaded", 1)
            process.terminate()
            process.wait(harness.TIMEOUT_S)
    finally:
        process.kill()
        process.stdout.close()


def test_a_change_of_variables_is_served(serve, project):
    source = WORKER.format(greeting="env.WORD")
    server = start(serve, project, source, 'main = "src/index.py"\nvars = { WORD = "one" }\n')
    assert server.fetch().text == "one"
    change(server, ".dev.vars", "WORD=two\n")
    assert server.fetch().text == "two"
    change(server, "wrangler.toml", 'main = "src/index.py"\nvars = { WORD = "three" }\n')
    (server.folder / ".dev.vars").unlink()
    server.output.wait_for("(?s)(Reloaded.*){3}")
    assert server.fetch().text == "three"


def test_packages_that_were_added_are_installed_and_served(serve, project):
    folder = project("packaged")
    wanted = (folder / "pyproject.toml").read_text()
    with_package = (folder / "src/index.py").read_text()
    (folder / "pyproject.toml").write_text(wanted.replace('["local-package"]', "[]"))
    (folder / "src/index.py").write_text(FIRST)
    server = serve(folder)
    assert server.fetch().text == "first"
    change(server, "pyproject.toml", wanted)
    server.output.wait_for("Installing 1 package")
    change(server, "src/index.py", with_package)
    assert server.fetch().text == "from a package"


def test_a_note_is_not_repeated(serve, project):
    server = start(serve, project)
    change(server, "src/index.py", SECOND)
    server.output.wait_for_times("No compatibility_date was specified", 1)


def test_serve_does_not_watch(serve, project):
    folder = project(files={"wrangler.toml": 'main = "src/index.py"\n', "src/index.py": FIRST})
    server = serve(folder, command="serve")
    assert server.fetch().text == "first"
    (server.folder / "src/index.py").write_text(SECOND)
    assert server.fetch().text == "first"
    assert server.stop() == 0
    assert "Reloaded" not in server.output.text


def test_a_request_in_flight_is_answered_by_the_version_it_reached(serve, project):
    server = start(serve, project)
    with contextlib.closing(server.socket()) as client:
        client.sendall(b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 40000\r\n\r\n")
        client.sendall(b"x" * 20000)
        assert server.fetch().text == "first"
        change(server, "src/index.py", SECOND)
        assert server.fetch().text == "second"
        client.sendall(b"x" * 20000)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.endswith(b"first" + b"x" * 40000)


def test_no_request_is_dropped_while_versions_change(serve, project):
    server = start(serve, project)
    stop = threading.Event()
    answers = []

    def ask():
        while not stop.is_set():
            answers.append(server.fetch().text)

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    for source in [SECOND, FIRST, SECOND]:
        change(server, "src/index.py", source)
    stop.set()
    for asker in askers:
        asker.join()
    assert set(answers) == {"first", "second"}


def test_a_broken_version_is_shown_until_it_is_mended(serve, project):
    server = start(serve, project)
    change(server, "src/index.py", "raise RuntimeError('broken')\n")
    answer = server.fetch()
    assert answer.status == 500
    assert "RuntimeError: broken" in answer.text
    change(server, "src/index.py", SECOND)
    assert server.fetch().text == "second"


def test_a_configuration_mistake_leaves_the_old_version_serving(serve, project):
    server = start(serve, project)
    change(server, "wrangler.toml", 'main = "src/nowhere.py"\n')
    server.output.wait_for("does not exist")
    assert server.fetch().text == "first"

"""What a Worker's code imports of installed packages before anything else is imported once for all versions of it."""

from test_reload import change

GREETING = '"GREETING = \'from a package\'\\n"'
TELLING = 'import os\nprint("imported", flush=True)\nGREETING = os.environ.get("GREETING", "none")\n'
THREADED = "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\nGREETING = 'threaded'\n"
BROKEN = 'print("imported", flush=True)\nraise ValueError("a broken package")\n'
ANSWER = """\
from js import Response

async def on_fetch(request, env):
    return Response.new({answer})
"""
FIRST = "import local_package\n" + ANSWER.format(answer="local_package.GREETING")
SECOND = "import local_package\n" + ANSWER.format(answer='"second " + local_package.GREETING')


def start(serve, project, package, source=FIRST):
    """A server with a Worker whose package has this text."""
    folder = project("packaged")
    backend = folder / "local/backend.py"
    backend.write_text(backend.read_text().replace(GREETING, repr(package)))
    (folder / "src/index.py").write_text(source)
    server = serve(folder)
    server.output.wait_for("Loaded in|error")
    return server


def times_imported(server):
    return server.output.text.splitlines().count("imported")


def test_a_package_is_imported_once_for_all_versions(serve, project):
    server = start(serve, project, TELLING)
    assert server.fetch().text == "none"
    for source, answer in [(SECOND, "second none"), (FIRST, "none")]:
        change(server, "src/index.py", source)
        assert server.fetch().text == answer
    assert times_imported(server) == 1


def test_a_package_of_a_module_of_the_workers_own(serve, project):
    server = start(serve, project, TELLING, "import os\nfrom own import answer as on_fetch\n")
    assert "No module named 'own'" in server.fetch().text
    for greeting in ["one", "two"]:
        text = FIRST.replace("on_fetch", "answer").replace("new(", f'new("{greeting} " + ')
        change(server, "src/own.py", text)
        assert server.fetch().text == f"{greeting} none"
    assert times_imported(server) == 1


def test_what_comes_before_an_import_comes_before_it(serve, project):
    prepared = 'import os\nos.environ["GREETING"] = "{word}"\n' + FIRST
    server = start(serve, project, TELLING, prepared.format(word="prepared"))
    assert server.fetch().text == "prepared"
    change(server, "src/index.py", FIRST)
    assert server.fetch().text == "none"
    change(server, "src/index.py", prepared.format(word="again"))
    assert server.fetch().text == "again"


def test_what_no_fork_can_share_is_imported_by_each_version(serve, project):
    server = start(serve, project, THREADED)
    assert server.fetch().text == "threaded"
    change(server, "src/index.py", SECOND)
    assert server.fetch().text == "second threaded"
    server.output.wait_for("Top-level code left the thread")


def test_a_package_that_cannot_be_imported_is_shown_with_the_workers_line(serve, project):
    server = start(serve, project, BROKEN)
    server.output.wait_for("ValueError: a broken package")
    server.output.wait_for('src/index.py", line 1')
    change(server, "src/index.py", ANSWER.format(answer='"mended"'))
    assert server.fetch().text == "mended"

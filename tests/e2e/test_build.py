"""`build.command`: what a project makes before it is served."""

from harness import run

CONFIGURATION = """\
name = "built"
main = "src/index.py"
compatibility_date = "2025-08-01"
compatibility_flags = ["python_workers"]
assets = { directory = "public" }

[build]
command = "COMMAND"
cwd = "tools"
"""
WORKER = """\
from js import Response

def on_fetch(request):
    return Response.new("hello")

def test():
    pass
"""
# It finds the Worker's packages, and the Python that hognose runs under.
MAKE = """\
import os, pathlib, sys
import pyodide
pathlib.Path("../public").mkdir()
pathlib.Path("../public/made.txt").write_text(".".join(map(str, sys.version_info[:2])))
print("made", pyodide.__name__, "for", os.environ["WRANGLER_COMMAND"])
"""


def files(command):
    return {"wrangler.toml": CONFIGURATION.replace("COMMAND", command), "src/index.py": WORKER, "tools/make.py": MAKE}


def test_a_build_makes_what_is_served(serve, project):
    server = serve(project(files=files("python make.py")))
    server.output.wait_for_times("made pyodide for dev", 1)
    major, _, minor = server.fetch("/made.txt").text.partition(".")
    server.output.wait_for_times(f"python    {major}.{minor}", 1)
    assert server.fetch("/").text == "hello"


def test_a_build_runs_before_tests_and_its_output_is_no_result(project):
    folder = project(files=files("python make.py"))
    code, output = run("test", folder=folder)
    assert (code, output.splitlines()[-1]) == (0, "1 passed, 0 failed"), output


def test_a_build_that_fails_ends_the_command(project):
    folder = project(files=files("exit 3"))
    code, output = run("dev", "--port", "0", folder=folder)
    assert code == 1
    assert "error: The build `exit 3` failed: exit status: 3" in output
    assert "`build.command`" in output


def test_serve_builds_nothing(project):
    folder = project(files=files("touch ../built"))
    code, output = run("serve", str(folder), "--port", "0", folder=folder)
    assert (code, "cannot be served" in output) == (1, True), output
    assert not (folder / "built").exists()

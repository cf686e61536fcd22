"""The plugin `hognose.pytest`, as the tests of a Worker use it."""

import os
import subprocess

from harness import HOGNOSE, TIMEOUT_S

PYTHON = os.path.join(os.path.dirname(HOGNOSE), "python")
SOURCE = """\
from js import Response

async def on_fetch(request, env):
    if request.method == "PUT":
        await env.KV.put("kept", await request.text())
    return Response.new(await env.KV.get("kept") or "nothing")
"""
TESTS = """\
def test_puts(worker):
    assert worker.fetch("/", "PUT", {"n": 1}).json() == {"n": 1}

def test_has_a_state_of_its_own(worker):
    assert worker.fetch("/").text == "nothing"
"""


# Several servers are started one after the other.
RUN_MAX_S = 4 * TIMEOUT_S


def run_tests(folder):
    command = [PYTHON, "-m", "pytest", "-q", "-p", "hognose.pytest", "--rootdir", str(folder), "-c", os.devnull]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    ended = subprocess.run(
        [*command, str(folder)], cwd=folder, env=environment, capture_output=True, text=True, timeout=RUN_MAX_S, check=False
    )
    return ended.returncode, ended.stdout


def test_each_test_gets_the_worker_with_a_state_of_its_own(project):
    configuration = 'main = "src/index.py"\nkv_namespaces = [{ binding = "KV", id = "x" }]\n'
    folder = project(files={"wrangler.toml": configuration, "src/index.py": SOURCE, "test_it.py": TESTS})
    code, output = run_tests(folder)
    assert code == 0, output
    assert "2 passed" in output


def test_a_worker_that_cannot_be_served_fails_its_tests_with_the_reason(project):
    folder = project(files={"wrangler.toml": 'main = "absent.py"\n', "test_it.py": TESTS})
    code, output = run_tests(folder)
    assert code == 1
    assert "The Worker is not served" in output
    assert "`absent.py` does not exist" in output

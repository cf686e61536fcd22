"""Tests of a Worker that run inside its cell, by the fixtures `env`, `ctx` and `js` of `hognose.pytest`."""

import pytest
from test_pytest_plugin import run_tests

CONFIGURATION = """\
main = "src/notes.py"
kv_namespaces = [{ binding = "NOTES", id = "notes" }]
"""
SDK = """\
from workers import Response, WorkerEntrypoint

def slug(title):
    return title.lower().replace(" ", "-")

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(await self.env.NOTES.get("first") or "nothing")
"""
RAW = """\
from js import Response

def slug(title):
    return title.lower().replace(" ", "-")

async def on_fetch(request, env):
    return Response.new(await env.NOTES.get("first") or "nothing")
"""
TESTS = """\
import pytest
from js import Object
from helpers import TITLE
from notes import slug

async def test_kept(env):
    await env.NOTES.put(slug(TITLE), "milk")
    assert await env.NOTES.get("shopping-list") == "milk"

async def test_apart(env):
    assert not await env.NOTES.get("shopping-list")

def test_synchronous(js):
    assert js.JSON.stringify(Object.new()) == "{}"

@pytest.mark.parametrize("number", [1, 2])
class TestClass:
    async def test_method(self, number, env, ctx):
        assert number in (1, 2)
        assert hasattr(ctx, "waitUntil")

async def test_skips(env):
    pytest.skip("not today")

@pytest.mark.xfail
async def test_expected(env):
    pytest.xfail("known")

def test_outside():
    assert slug("A B") == "a-b"
"""


@pytest.fixture
def tested(project):
    """A function that makes a project with tests, and gives pytest's exit code and output."""

    def run(source, tests):
        files = {
            "wrangler.toml": CONFIGURATION,
            "src/notes.py": source,
            "conftest.py": 'import sys, pathlib\nsys.path.insert(0, str(pathlib.Path(__file__).parent / "src"))\n',
            "helpers.py": 'TITLE = "Shopping List"\n',
            "test_notes.py": tests,
        }
        return run_tests(project(files=files))

    return run


@pytest.mark.parametrize("source", [SDK, RAW], ids=["sdk", "raw"])
def test_tests_run_in_the_cell_with_a_state_of_their_own(tested, source):
    code, output = tested(source, TESTS)
    assert code == 0, output
    assert "6 passed, 1 skipped, 1 xfailed" in output


def test_a_failure_shows_the_line_the_values_and_what_was_printed(tested):
    failing = 'async def test_it(env):\n    print("so far")\n    found = [1, 2]\n    assert len(found) == 3\n'
    code, output = tested(SDK, failing)
    assert code == 1
    assert "assert len(found) == 3" in output
    assert "AssertionError: assert 2 == 3" in output
    assert "len([1, 2])" in output
    assert "so far" in output
    assert "hognose-test-ended" not in output
    assert "testing.py" not in output


def test_what_cannot_go_into_the_cell_is_named(tested):
    code, output = tested(SDK, "def test_it(env, request):\n    pass\n")
    assert code == 1
    assert "`request` cannot go into the Worker's process" in output


def test_javascript_outside_of_the_cell_says_where_it_is(tested):
    code, output = tested(SDK, "from js import Response\n\ndef test_it():\n    Response.new(1)\n")
    assert code == 1
    assert "`js.Response.new` is in the Worker's process only" in output


def test_the_workers_own_handlers_still_answer(tested):
    tests = """\
from notes import Default
from workers import Request

async def test_fetch(env, ctx):
    await env.NOTES.put("first", "hello")
    assert await (await Default(ctx, env).fetch(Request("http://x/"))).text() == "hello"
"""
    code, output = tested(SDK, tests)
    assert code == 0, output


STRANGER = """\
from workers import Request

async def test_it(env, ctx):
    import hognose_tested

    asked = Request("http://worker/", method="POST", headers={"x-hognose-test": "guessed"}, body="no test")
    assert await (await hognose_tested.Default(ctx, env).fetch(asked)).text() == "nothing"
"""


def test_who_does_not_know_the_secret_brings_no_test(tested):
    code, output = tested(SDK, STRANGER)
    assert code == 0, output

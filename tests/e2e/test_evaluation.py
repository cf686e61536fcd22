"""JavaScript from strings: at the top level of a Worker yes, in its handlers no."""

import pytest

WORKER = """\
import js
from js import Response, Function, eval as kept
from pyodide.code import run_js
from pyodide.ffi import JsException

WAYS = {
    "run_js": lambda: run_js("6 * 7"),
    "eval": lambda: js.eval("6 * 7"),
    "kept": lambda: kept("6 * 7"),
    "Function": lambda: Function.new("return 6 * 7")(),
    "constructor": lambda: js.parseInt.constructor("return 6 * 7")(),
}


def outcome(way):
    try:
        return str(WAYS[way]())
    except JsException as error:
        return f"{error.name}: {error.message}"


AT_TOP_LEVEL = {way: outcome(way) for way in WAYS}


async def on_fetch(request, env):
    when, way = request.url.rsplit("/", 2)[1:]
    return Response.new(AT_TOP_LEVEL[way] if when == "startup" else outcome(way))
"""
REFUSED = "EvalError: Code generation from strings disallowed for this context"
WAYS = ["run_js", "eval", "kept", "Function", "constructor"]


def worker(project, configuration=""):
    return project(files={"wrangler.toml": f'main = "src/index.py"\n{configuration}', "src/index.py": WORKER})


def test_code_from_strings_runs_at_the_top_level_and_is_refused_in_handlers(serve, project):
    server = serve(worker(project))
    for way in WAYS:
        assert server.fetch(f"/startup/{way}").text == "42", way
        assert server.fetch(f"/handler/{way}").text == REFUSED, way


@pytest.mark.parametrize(
    "configuration",
    [
        'compatibility_date = "2025-05-31"\ncompatibility_flags = ["disable_python_no_global_handlers"]\n',
        'compatibility_flags = ["disallow_eval_during_startup"]\n',
    ],
)
def test_an_older_date_or_a_flag_refuses_it_everywhere(serve, project, configuration):
    server = serve(worker(project, configuration))
    assert server.fetch("/startup/eval").text == REFUSED
    assert server.fetch("/handler/eval").text == REFUSED

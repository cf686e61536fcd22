"""Runs the Python code that is posted. The answer is the representation of the last expression's value, or of the
exception."""

import ast
import inspect

import js  # noqa: F401 - for what is posted
from js import Headers, Object, Response, caches  # noqa: F401 - for what is posted
from pyodide.ffi import JsException, create_proxy, to_js  # noqa: F401 - for what is posted


def options(**values):
    """A JavaScript object."""
    return to_js(values, dict_converter=Object.fromEntries)


async def on_fetch(request, env, ctx):
    try:
        return Response.new(repr(await evaluate(await request.text())))
    except JsException as error:
        return Response.new(f"{error.name}: {error.message}")


async def evaluate(code):
    """The value of the last line of code, in which `await` may be used."""
    names = dict(globals())
    tree = ast.parse(code)
    tree.body[-1] = ast.Assign([ast.Name("result", ast.Store())], tree.body[-1].value)
    ast.fix_missing_locations(tree)
    running = eval(compile(tree, "posted.py", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    if inspect.iscoroutine(running):
        await running
    return names["result"]

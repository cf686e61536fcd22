"""Runs the Python code that is posted, with the database as `db`: the JavaScript object itself on the path `/raw`, and
as Cloudflare's SDK wraps it on any other. The answer is the representation of the last expression's value, or of the
exception."""

import ast
import inspect

import js
from js import URL, Response
from pyodide.ffi import JsException, jsnull, run_sync, to_js  # noqa: F401 - for what is posted
from workers import env as sdk_env


async def on_fetch(request, env, ctx):
    raw = URL.new(request.url).pathname == "/raw"
    names = globals() | {"db": env.DB if raw else sdk_env.DB, "other": env.OTHER, "ctx": ctx}
    try:
        value = await evaluate(await request.text(), names)
    except JsException as error:
        return Response.new(f"{error.name}: {error.message}")
    except Exception as error:
        return Response.new(f"Python's {type(error).__name__}: {error}")
    return Response.new(repr(value))


async def evaluate(code, names):
    """The value of the last line of code, in which `await` may be used."""
    tree = ast.parse(code)
    tree.body[-1] = ast.Assign([ast.Name("result", ast.Store())], tree.body[-1].value)
    ast.fix_missing_locations(tree)
    running = eval(compile(tree, "posted.py", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    if inspect.iscoroutine(running):
        await running
    return names["result"]

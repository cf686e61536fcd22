"""Runs the Python code that is posted, with the bucket as `r2`: the JavaScript object itself on the path `/raw`, and
as Cloudflare's SDK wraps it on any other. The answer is the representation of the last expression's value, or of the
exception."""

import ast
import hashlib  # noqa: F401 - for what is posted
import inspect

import js
from js import URL, Response
from pyodide.ffi import JsException, jsnull, run_sync, to_js  # noqa: F401 - for what is posted
from workers import env as sdk_env


async def on_fetch(request, env, ctx):
    if request.method == "PUT":
        return await stored(request, env.FILES)
    if request.method == "GET":
        return await served(request, env.FILES)
    raw = URL.new(request.url).pathname == "/raw"
    names = globals() | {"r2": env.FILES if raw else sdk_env.FILES, "other": env.OTHER, "ctx": ctx}
    try:
        value = await evaluate(await request.text(), names)
    except JsException as error:
        return Response.new(f"{error.name}: {error.message}")
    except Exception as error:
        return Response.new(f"Python's {type(error).__name__}: {error}")
    return Response.new(repr(value))


async def stored(request, bucket):
    """Streams the request's body into the bucket."""
    try:
        stored = await bucket.put(URL.new(request.url).pathname, request.body)
    except JsException as error:
        return Response.new(f"{error.name}: {error.message}", status=400)
    return Response.new(f"{stored.size} {stored.etag}")


async def served(request, bucket):
    """Streams an object out of the bucket."""
    found = await bucket.get(URL.new(request.url).pathname, range=request.headers)
    return Response.new("missing") if found is jsnull else Response.new(found.body)


async def evaluate(code, names):
    """The value of the last line of code, in which `await` may be used."""
    tree = ast.parse(code)
    tree.body[-1] = ast.Assign([ast.Name("result", ast.Store())], tree.body[-1].value)
    ast.fix_missing_locations(tree)
    running = eval(compile(tree, "posted.py", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    if inspect.iscoroutine(running):
        await running
    return names["result"]

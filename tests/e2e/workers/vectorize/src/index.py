"""Runs the Python code that is posted, with the indexes as `vec`, `euclidean`, `dot` and `missing`: the JavaScript objects
themselves on the path `/raw`, and as Cloudflare's SDK wraps them on any other. `v` makes vectors of 32 dimensions."""

import js
from js import URL
from pyodide.ffi import JsException, jsnull, run_sync, to_js  # noqa: F401 - for what is posted
from posted import answer
from workers import env as sdk_env


def v(*values):
    return [float(value) for value in values] + [0.0] * (32 - len(values))


def plain(value):
    """The value with everything in it as JavaScript has it."""
    return to_js(value, dict_converter=js.Object.fromEntries)


async def on_fetch(request, env, ctx):
    raw = URL.new(request.url).pathname == "/raw"
    used = env if raw else sdk_env
    names = {"vec": used.COSINE, "euclidean": used.EUCLIDEAN, "dot": used.DOT, "missing": used.MISSING}
    return await answer(request, globals() | names | {"p": plain if raw else lambda value: value})

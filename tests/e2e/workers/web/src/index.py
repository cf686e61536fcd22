"""Runs the Python code that is posted, with these names."""

import js  # noqa: F401 - for what is posted
from js import Headers, Object, Response, caches  # noqa: F401 - for what is posted
from posted import answer
from pyodide.ffi import JsException, create_proxy, to_js  # noqa: F401 - for what is posted


def options(**values):
    """A JavaScript object."""
    return to_js(values, dict_converter=Object.fromEntries)


async def on_fetch(request, env, ctx):
    return await answer(request, globals() | {"env": env, "ctx": ctx})

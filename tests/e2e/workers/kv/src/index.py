"""Runs the Python code that is posted, with the namespace as `kv`: the JavaScript object itself on the path `/raw`, and
as Cloudflare's SDK wraps it on any other."""

import json  # noqa: F401 - for what is posted

import js
from js import URL, Response
from pyodide.ffi import JsException, jsnull, run_sync, to_js  # noqa: F401 - for what is posted
from posted import answer
from workers import env as sdk_env

try:
    run_sync(sdk_env.KV.get("key"))
except Exception as error:
    at_top_level = f"{type(error).__name__}: {error}"


async def on_fetch(request, env, ctx):
    raw = URL.new(request.url).pathname == "/raw"
    names = globals() | {"kv": env.KV if raw else sdk_env.KV, "other": env.OTHER, "ctx": ctx}
    return await answer(request, names)

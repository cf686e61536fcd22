"""Runs the Python code that is posted, with the database as `db`: the JavaScript object itself on the path `/raw`, and
as Cloudflare's SDK wraps it on any other."""


import js
from js import URL, Response
from pyodide.ffi import JsException, jsnull, run_sync, to_js  # noqa: F401 - for what is posted
from posted import answer
from workers import env as sdk_env


async def on_fetch(request, env, ctx):
    raw = URL.new(request.url).pathname == "/raw"
    names = globals() | {"db": env.DB if raw else sdk_env.DB, "other": env.OTHER, "ctx": ctx}
    return await answer(request, names)

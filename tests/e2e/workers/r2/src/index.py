"""Runs the Python code that is posted, with the bucket as `r2`: the JavaScript object itself on the path `/raw`, and
as Cloudflare's SDK wraps it on any other."""

import hashlib  # noqa: F401 - for what is posted

import js
from js import URL, Response
from pyodide.ffi import JsException, jsnull, run_sync, to_js  # noqa: F401 - for what is posted
from posted import answer
from workers import env as sdk_env


async def on_fetch(request, env, ctx):
    if request.method == "PUT":
        return await stored(request, env.FILES)
    if request.method == "GET":
        return await served(request, env.FILES)
    raw = URL.new(request.url).pathname == "/raw"
    names = globals() | {"r2": env.FILES if raw else sdk_env.FILES, "other": env.OTHER, "ctx": ctx}
    return await answer(request, names)


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

"""Runs the Python code that is posted, with Workers AI as `ai`: the JavaScript object itself on the path `/raw`, and as
Cloudflare's SDK wraps it on any other. `/stream` hands a model's stream on as it is."""

import js
from js import URL, Response
from pyodide.ffi import JsException, jsnull, run_sync, to_js  # noqa: F401 - for what is posted
from posted import answer
from workers import env as sdk_env


def plain(value):
    """The value with everything in it as JavaScript has it."""
    return to_js(value, dict_converter=js.Object.fromEntries)


async def on_fetch(request, env, ctx):
    url = URL.new(request.url)
    path = url.pathname
    if path == "/stream":
        prompt = url.searchParams.get("prompt")
        stream = await env.AI.run("@cf/meta/llama-3.1-8b-instruct", plain({"prompt": prompt, "stream": True}))
        return Response.new(stream, plain({"headers": {"content-type": "text/event-stream"}}))
    raw = path == "/raw"
    names = {"ai": env.AI if raw else sdk_env.AI, "p": plain if raw else lambda value: value}
    return await answer(request, globals() | names)

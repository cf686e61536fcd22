"""Runs the Python code that is posted, with the queue as `jobs`: the JavaScript object itself on the path `/raw`, and as
Cloudflare's SDK wraps it on any other. A message's body says what its consumer does, which prints what it got."""

import ast
import inspect
import json  # noqa: F401 - for what is posted

import js
from js import URL, Response
from pyodide.ffi import JsException, jsnull, to_js  # noqa: F401 - for what is posted
from workers import env as sdk_env


async def on_fetch(request, env, ctx):
    raw = URL.new(request.url).pathname == "/raw"
    queues = env if raw else sdk_env
    names = globals() | {"jobs": queues.JOBS, "delayed": queues.DELAYED, "other": env.DELAYED}
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


async def on_queue(batch, env, ctx):
    fail = False
    for message in batch.messages:
        body = message.body if isinstance(message.body, str) else js.JSON.stringify(message.body)
        kind = type(message.body).__name__ if isinstance(message.body, str) else message.body.constructor.name
        print(f"GOT {batch.queue} {message.attempts} {kind} {body} of {batch.messages.length}.", flush=True)
        if batch.queue != "jobs":
            continue
        if "ack" in body:
            message.ack()
        if "retry" in body:
            message.retry()
        if "later" in body:
            message.retry(delaySeconds=1)
        if "retryAll" in body:
            batch.retryAll()
        fail |= "fail" in body
    if fail:
        raise ValueError("as the message says")

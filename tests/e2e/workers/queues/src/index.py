"""Runs the Python code that is posted, with the queue as `jobs`: the JavaScript object itself on the path `/raw`, and as
Cloudflare's SDK wraps it on any other. A message's body says what its consumer does, which prints what it got."""

import json  # noqa: F401 - for what is posted

import js
from js import URL, Response
from pyodide.ffi import JsException, jsnull, to_js  # noqa: F401 - for what is posted
from posted import answer
from workers import env as sdk_env


async def on_fetch(request, env, ctx):
    raw = URL.new(request.url).pathname == "/raw"
    queues = env if raw else sdk_env
    names = globals() | {"jobs": queues.JOBS, "delayed": queues.DELAYED, "other": env.DELAYED}
    return await answer(request, names)


async def fail_later():
    await js.scheduler.wait(1)
    raise ValueError("too late")


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
        if "waits" in body:
            ctx.waitUntil(fail_later())
        fail |= "fail" in body
    if fail:
        raise ValueError("as the message says")

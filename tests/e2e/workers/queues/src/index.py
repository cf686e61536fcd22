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


# What a word of a message has its handler do, one after the other.
ACTIONS = {
    "ack": lambda batch, message, ctx: message.ack(),
    "retry": lambda batch, message, ctx: message.retry(),
    "later": lambda batch, message, ctx: message.retry(delaySeconds=1),
    "ackAll": lambda batch, message, ctx: batch.ackAll(),
    "retryAll": lambda batch, message, ctx: batch.retryAll(),
    "waits": lambda batch, message, ctx: ctx.waitUntil(fail_later()),
}


async def on_queue(batch, env, ctx):
    fail = False
    for message in batch.messages:
        body = message.body if isinstance(message.body, str) else js.JSON.stringify(message.body)
        kind = type(message.body).__name__ if isinstance(message.body, str) else message.body.constructor.name
        print(f"GOT {batch.queue} {message.attempts} {kind} {body} of {batch.messages.length}.", flush=True)
        if batch.queue != "jobs":
            continue
        for word in body.split():
            if word in ACTIONS:
                ACTIONS[word](batch, message, ctx)
        fail |= "fail" in body.split()
    if fail:
        raise ValueError("as the message says")

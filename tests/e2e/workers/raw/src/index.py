"""Raw handlers, one per path. What goes wrong here goes wrong on purpose."""

import asyncio
import hashlib
import os
import signal

from js import URL, Headers, ReadableStream, Response, console
from pyodide.ffi import create_proxy, to_js

released = asyncio.Event()


async def on_fetch(request, env, ctx):
    path = URL.new(request.url).pathname
    return await ROUTES[path](request, env)


async def hello(request, env):
    return Response.new("hello")


async def method(request, env):
    return Response.new(request.method)


async def url(request, env):
    return Response.new(request.url)


async def length(request, env):
    """The length of a header's value and of the URL."""
    return Response.new(f"{len(request.headers['x-long'] or '')} {len(request.url)}")


async def teapot(request, env):
    headers = Headers.new(to_js([["x-one", "1"]]))
    headers.append("set-cookie", "a=1")
    headers.append("set-cookie", "b=2")
    return Response.new("short and stout", status=418, headers=headers)


async def variables(request, env):
    return Response.new(f"{env.GREETING} {env.SETTINGS.deep[2]} {getattr(env, 'SECRET', 'no secret')}")


async def hash_stream(request, env):
    digest = hashlib.sha256()
    async for chunk in request.body:
        digest.update(chunk.to_bytes())
    return Response.new(digest.hexdigest())


async def stream(request, env):
    """One chunk at once, the next when another request asks for it."""
    released.clear()
    chunks = [b"first ", b"second"]

    async def pull(controller):
        if len(chunks) == 1:
            await released.wait()
        controller.enqueue(to_js(chunks.pop(0)))
        if not chunks:
            controller.close()

    return Response.new(ReadableStream.new(pull=create_proxy(pull)))


async def release(request, env):
    released.set()
    return Response.new("released")


async def put(request, env):
    await env.KV.put("key", await request.text())
    return Response.new("stored")


async def get(request, env):
    return Response.new(await env.KV.get("key"))


async def talk(request, env):
    print("printed by the Worker")
    console.log("logged by the Worker")
    return Response.new("said")


async def escape(request, env):
    """A colour, and then an attempt to clear the screen."""
    print("\x1b[31mred\x1b[0m \x1b[2Jcleared")
    return Response.new("escaped")


async def upload(request, env):
    return Response.new(f"version 1: {len(await request.text())}")


async def raises(request, env):
    raise ValueError("on purpose")


async def not_a_response(request, env):
    return 42


async def never(request, env):
    await asyncio.Future()


async def exits(request, env):
    os._exit(3)


async def kills_itself(request, env):
    os.kill(os.getpid(), signal.SIGKILL)


async def process(request, env):
    return Response.new(str(os.getpid()))


ROUTES = {
    "/": hello,
    "/method": method,
    "/url": url,
    "/length": length,
    "/teapot": teapot,
    "/variables": variables,
    "/hash": hash_stream,
    "/stream": stream,
    "/release": release,
    "/put": put,
    "/get": get,
    "/talk": talk,
    "/escape": escape,
    "/upload": upload,
    "/raises": raises,
    "/not-a-response": not_a_response,
    "/never": never,
    "/exits": exits,
    "/kills-itself": kills_itself,
    "/process": process,
}

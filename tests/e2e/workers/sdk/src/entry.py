"""The same needs as SDK users write them."""

import hashlib
from urllib.parse import urlsplit

from js import ReadableStream
from pyodide.ffi import create_proxy, to_js
from workers import Response, WorkerEntrypoint, fetch


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        match urlsplit(request.url).path:
            case "/echo":
                return Response.json(await request.json())
            case "/hash":
                return Response(hashlib.sha256(await request.bytes()).hexdigest())
            case "/stream":
                return Response(numbers(), headers={"content-type": "text/plain"})
            case "/fetch":
                answer = await fetch(request.headers["x-url"])
                return Response(await answer.text(), status=answer.status)
            case "/headers":
                return Response.json(dict(request.headers.items()))
        return Response("hello")


def numbers():
    """A stream of the numbers from 0 to 9, a line each."""
    left = list(range(10))

    def pull(controller):
        controller.enqueue(to_js(f"{left.pop(0)}\n".encode()))
        if not left:
            controller.close()

    return ReadableStream.new(pull=create_proxy(pull))

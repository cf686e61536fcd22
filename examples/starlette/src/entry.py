"""What streams: server-sent events, a WebSocket, an upload that is counted as it comes."""

import asyncio
import hashlib

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from workers import asgi


async def count_down(start):
    for number in range(start, 0, -1):
        yield f"data: {number}\n\n"
        await asyncio.sleep(0)


async def events(request):
    start = int(request.query_params.get("from", 3))
    return StreamingResponse(count_down(start), media_type="text/event-stream")


async def upload(request):
    digest, size = hashlib.sha256(), 0
    async for chunk in request.stream():
        digest.update(chunk)
        size += len(chunk)
    return JSONResponse({"size": size, "sha256": digest.hexdigest()})


async def cookies(request):
    response = PlainTextResponse("two cookies", background=BackgroundTask(print, "after the response"))
    response.set_cookie("first", "1")
    response.set_cookie("second", "2")
    return response


async def echo(socket):
    await socket.accept()
    async for text in socket.iter_text():
        if text == "bye":
            await socket.close(4000, "as you wish")
            break
        await socket.send_text(text.upper())


routes = [
    Route("/events", events),
    Route("/upload", upload, methods=["POST"]),
    Route("/cookies", cookies),
    WebSocketRoute("/echo", echo),
]
Default = asgi.entrypoint(Starlette(routes=routes))

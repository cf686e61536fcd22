"""A room whose sockets hibernate: it runs each text that comes and sends what it gives; bytes come back as they were."""

import os

import js
import posted
from js import WebSocketPair, WebSocketRequestResponsePair
from pyodide.ffi import JsException
from workers import DurableObject, Response, WorkerEntrypoint


class Room(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.seen = 0
        print("made", ctx.id.name)

    def __del__(self):
        print("gone", flush=True)

    async def fetch(self, request):
        client, server = WebSocketPair.new().object_values()
        tags = js.URL.new(request.url).searchParams.getAll("tag")
        try:
            self.ctx.acceptWebSocket(server, tags)
        except JsException as error:
            return Response(f"{error.name}: {error.message}", status=400)
        server.send(f"welcome {len(self.ctx.getWebSockets())}")
        return Response(None, status=101, web_socket=client)

    async def webSocketMessage(self, ws, message):
        self.seen += 1
        if not isinstance(message, str):
            return ws.send(message)
        names = {**globals(), "self": self, "ctx": self.ctx, "ws": ws}
        try:
            value = repr(await posted.evaluate(message, names))
        except JsException as error:
            value = f"{error.name}: {error.message}"
        return ws.send(value)

    async def webSocketClose(self, ws, code, reason, wasClean):
        print("closed", code, repr(reason), wasClean, ws.readyState)
        if wasClean and reason != "no answer":
            ws.close(code, reason)

    def webSocketError(self, ws, error):
        print("failed", error)

    async def run(self, code):
        return repr(await posted.evaluate(code, {**globals(), "self": self, "ctx": self.ctx}))


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        stub = self.env.ROOMS.getByName(js.URL.new(request.url).pathname)
        if request.headers.get("upgrade") == "websocket":
            return await stub.fetch(request)
        return Response(await stub.run(await request.text()))

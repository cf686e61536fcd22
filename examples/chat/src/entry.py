"""Chat rooms: each room is a Durable Object that keeps what was said and passes it on. Between two messages a room sleeps:
its WebSockets stay open without it.

Open http://localhost:8787 in two windows.
"""

import json
from urllib.parse import unquote, urlsplit

from js import WebSocketPair
from workers import DurableObject, Response, WorkerEntrypoint

KEPT = 100
LENGTH_MAX = 1000


class Room(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.sql = ctx.storage.sql
        self.sql.exec("CREATE TABLE IF NOT EXISTS lines (id INTEGER PRIMARY KEY, who TEXT, said TEXT)")

    async def fetch(self, request):
        who = unquote(urlsplit(request.url).query) or "somebody"
        client, server = WebSocketPair.new().object_values()
        self.ctx.acceptWebSocket(server)
        server.serializeAttachment(who)
        for line in self.sql.exec("SELECT who, said FROM lines ORDER BY id"):
            server.send(json.dumps({"who": line.who, "said": line.said}))
        return Response(None, status=101, web_socket=client)

    async def webSocketMessage(self, socket, message):
        who, said = socket.deserializeAttachment(), str(message)[:LENGTH_MAX]
        self.sql.exec("INSERT INTO lines (who, said) VALUES (?, ?)", who, said)
        self.sql.exec("DELETE FROM lines WHERE id <= (SELECT max(id) FROM lines) - ?", KEPT)
        for other in self.ctx.getWebSockets():
            other.send(json.dumps({"who": who, "said": said}))

    async def webSocketClose(self, socket, code, reason, was_clean):
        socket.close(code, "")


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        place, _, room = urlsplit(request.url).path.strip("/").partition("/")
        if place != "rooms" or not room:
            return Response("There are only /rooms/<name>.", status=404)
        if request.headers.get("upgrade") != "websocket":
            return Response("A room is a WebSocket.", status=426)
        return await self.env.ROOMS.getByName(room).fetch(request)

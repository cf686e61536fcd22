"""Sockets that echo, in the Worker and hibernating in an object; and many calls within one request."""

from js import WebSocketPair
from pyodide.ffi import create_proxy
from workers import DurableObject, Response, WorkerEntrypoint


class Helper(WorkerEntrypoint):
    async def answer(self):
        return 1


class Room(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.wrapped, self.raw = ctx.storage.sql, getattr(ctx.storage.sql, "_binding", ctx.storage.sql)

    async def fetch(self, request):
        client, server = WebSocketPair.new().object_values()
        self.ctx.acceptWebSocket(server)
        return Response(None, status=101, web_socket=client)

    async def webSocketMessage(self, ws, message):
        ws.send(message)

    async def count(self):
        total = (await self.ctx.storage.get("total") or 0) + 1
        await self.ctx.storage.put("total", total)
        return total

    async def query(self, times):
        self.wrapped.exec("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, x TEXT)")
        self.wrapped.exec("INSERT OR REPLACE INTO t VALUES (1, 'one')")
        for _ in range(times):
            self.wrapped.exec("SELECT x FROM t WHERE id = ?", 1).one()

    async def nothing(self):
        return None


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        _, _, _, what, *rest = request.url.split("/")
        if what == "echo":
            return self.echo()
        if what == "room":
            return await self.env.ROOMS.getByName(rest[0]).fetch(request)
        if what:
            await getattr(self, what)(int(rest[0]))
        return Response("bar")

    def echo(self):
        client, server = WebSocketPair.new().object_values()
        server.accept()
        server.addEventListener("message", create_proxy(lambda event: server.send(event.data)))
        return Response(None, status=101, web_socket=client)

    async def rpc(self, times):
        for _ in range(times):
            await self.env.HELPER.answer()

    async def object(self, times):
        room = self.env.ROOMS.getByName("counted")
        for _ in range(times):
            await room.count()

    async def sql(self, times):
        await self.env.ROOMS.getByName("asked").query(times)

    async def first(self, times):
        for number in range(times):
            await self.env.ROOMS.getByName(f"first {number}").nothing()

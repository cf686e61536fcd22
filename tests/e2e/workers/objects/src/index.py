"""Objects that run what is posted to them, and a Worker that does, too."""

import asyncio
import os
import time

import js
import posted
from js import fetch
from pyodide.ffi import JsException, create_proxy, jsnull, to_js
from workers import DurableObject, Response, WorkerEntrypoint


class Room(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.made = 0
        self.rung = []

        async def prepare():
            self.made += 1
            self.failures = await ctx.storage.get("failures") or 0

        ctx.blockConcurrencyWhile(prepare)

    async def run(self, code):
        names = {**globals(), "self": self, "ctx": self.ctx, "storage": self.ctx.storage, "env": self.env}
        if self.ctx.id.name != "old":
            names["sql"] = self.ctx.storage.sql
        try:
            return repr(await posted.evaluate(code, names))
        except JsException as error:
            return f"{error.name}: {error.message}"

    async def add(self, amount):
        total = (await self.ctx.storage.get("total") or 0) + amount
        await self.ctx.storage.put("total", total)
        return total

    async def fetch(self, request):
        return Response(f"{self.ctx.id.name} got {request.method} {await request.text()}")

    async def alarm(self, info):
        self.rung.append([info.retryCount, info.isRetry])
        if self.failures > 0:
            self.failures -= 1
            raise ValueError("not yet")
        await self.ctx.storage.put("rung", self.rung)


class Old(Room):
    pass


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        place, _, name = js.URL.new(request.url).pathname.strip("/").partition("/")
        if place != "object":
            return await posted.answer(request, {**globals(), "env": self.env})
        namespace = self.env.OLD if name == "old" else self.env.ROOMS
        try:
            return Response(await namespace.getByName(name).run(await request.text()))
        except JsException as error:
            return Response(f"{error.name}: {error.message}", status=500)

"""Greets, and counts whom it has greeted.

    curl localhost:8787/Ada
    curl localhost:8787/?json
"""

from urllib.parse import unquote, urlsplit

from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = urlsplit(request.url)
        name = unquote(url.path.strip("/")) or "world"
        visits = await self.count(name)
        if url.query == "json":
            return Response.json({"name": name, "visits": visits})
        return Response(f"{self.env.GREETING}, {name}! Visit number {visits}.\n")

    async def count(self, name):
        visits = int(await self.env.VISITS.get(name) or 0) + 1
        await self.env.VISITS.put(name, str(visits))
        return visits

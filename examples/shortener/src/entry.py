"""Short links: who knows the token makes them, everybody follows them.

    curl -X PUT localhost:8787/snakes -H 'authorization: Bearer let me in' -d https://example.com/hognose
    curl -i localhost:8787/snakes
"""

import hmac
from urllib.parse import urlsplit

from workers import Response, WorkerEntrypoint

YEAR_S = 365 * 24 * 3600


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        name = urlsplit(request.url).path.strip("/")
        if not name:
            return Response("GET or PUT /<name>", status=404)
        if request.method == "PUT":
            return await self.write(name, request)
        target = await self.env.LINKS.get(name)
        if target is None:
            return Response("There is no such link.\n", status=404)
        return Response(None, status=302, headers={"location": target, "cache-control": "max-age=60"})

    async def write(self, name, request):
        given = request.headers.get("authorization") or ""
        if not hmac.compare_digest(given.encode(), f"Bearer {self.env.TOKEN}".encode()):
            return Response("The token is missing or wrong.\n", status=401)
        if not (await self.env.WRITES.limit({"key": given})).success:
            return Response("At most ten links a minute.\n", status=429)
        target = (await request.text()).strip()
        if urlsplit(target).scheme not in {"http", "https"}:
            return Response("A link leads to http or https.\n", status=400)
        await self.env.LINKS.put(name, target, expirationTtl=YEAR_S)
        return Response(f"/{name} leads to {target}\n", status=201)

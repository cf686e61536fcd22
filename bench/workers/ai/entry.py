"""Calls of models, many within one request: `/server/<times>` of one behind a server, `/folder/<times>` of one in a folder,
with as many texts as one call takes."""

from urllib.parse import urlsplit

from workers import Response, WorkerEntrypoint

TEXTS = [f"What is said in sentence {number} is of no matter, only how long it is." for number in range(100)]


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        kind, _, times = urlsplit(request.url).path.strip("/").partition("/")
        for _ in range(int(times or 0)):
            if kind == "server":
                await self.env.AI.run("server", {"prompt": "hi"})
            else:
                await self.env.AI.run("folder", {"text": TEXTS})
        return Response("bar")

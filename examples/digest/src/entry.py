"""Counts what happens: requests put events into a queue, which are entered into a database in batches; each morning a cron
trigger writes a report into a bucket.

    curl -X POST localhost:8787/events/signup
    hognose cron run --directory examples/digest
    curl localhost:8787/reports
"""

from collections import Counter
from datetime import UTC, datetime
from urllib.parse import urlsplit

from workers import Response, WorkerEntrypoint

TABLE = "CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, total INTEGER NOT NULL)"
ADD = "INSERT INTO counts VALUES (?, ?) ON CONFLICT DO UPDATE SET total = total + excluded.total"


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        place, _, name = urlsplit(request.url).path.strip("/").partition("/")
        if place == "events" and name and request.method == "POST":
            await self.env.EVENTS.send({"name": name})
            return Response("counted\n", status=202)
        if place == "reports":
            return await self.report(name)
        return Response("POST /events/<name>, or GET /reports", status=404)

    async def report(self, name):
        if not name:
            listed = await self.env.REPORTS.list()
            return Response("".join(f"/reports/{found.key}\n" for found in listed.objects))
        found = await self.env.REPORTS.get(name)
        if found is None:
            return Response("There is no such report.\n", status=404)
        return Response(await found.text())

    async def queue(self, batch):
        counted = Counter(message.body["name"] for message in batch.messages)
        add = self.env.DB.prepare(ADD)
        await self.env.DB.exec(TABLE)
        await self.env.DB.batch([add.bind(name, total) for name, total in counted.items()])

    async def scheduled(self, controller):
        await self.env.DB.exec(TABLE)
        counts = await self.env.DB.prepare("SELECT name, total FROM counts ORDER BY name").run()
        lines = "".join(f"{row['name']}: {row['total']}\n" for row in counts["results"])
        day = datetime.fromtimestamp(controller.scheduledTime / 1000, UTC).date()
        await self.env.REPORTS.put(f"{day}.txt", lines or "nothing happened\n")

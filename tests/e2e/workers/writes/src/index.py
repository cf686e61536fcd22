"""Writes a number to every storage binding, notes those that come out of a queue, and tells which are there, whole."""

from urllib.parse import urlsplit

from workers import DurableObject, Response, WorkerEntrypoint

LARGE = 100_000


class Ledger(DurableObject):
    """Keeps numbers, each in two rows."""

    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS numbers (number TEXT, half TEXT)")

    async def write(self, number):
        self.ctx.storage.sql.exec("INSERT INTO numbers VALUES (?, 'first')", number)
        self.ctx.storage.sql.exec("INSERT INTO numbers VALUES (?, 'second')", number)

    async def count(self, number):
        return self.ctx.storage.sql.exec("SELECT count(*) AS c FROM numbers WHERE number = ?", number).one().c

    async def torn(self):
        halves = "SELECT number FROM numbers GROUP BY number HAVING count(*) <> 2"
        return self.ctx.storage.sql.exec(f"SELECT count(*) AS c FROM ({halves})").one().c


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        _, what, number, *_ = [*urlsplit(request.url).path.split("/"), ""]
        return Response(await getattr(self, what)(number))

    async def make(self, _):
        await self.env.DB.exec("CREATE TABLE IF NOT EXISTS numbers (number TEXT, half TEXT)")
        await self.env.DB.exec("CREATE INDEX IF NOT EXISTS by_number ON numbers (number)")
        await self.env.DB.exec("CREATE TABLE IF NOT EXISTS consumed (number TEXT)")
        await self.env.DB.exec("CREATE INDEX IF NOT EXISTS by_consumed ON consumed (number)")
        return "made"

    async def queue(self, batch):
        insert = self.env.DB.prepare("INSERT INTO consumed VALUES (?)")
        await self.env.DB.batch([insert.bind(message.body) for message in batch.messages])

    async def write(self, number):
        await self.env.KV.put(number, number)
        insert = self.env.DB.prepare("INSERT INTO numbers VALUES (?, ?)")
        await self.env.DB.batch([insert.bind(number, "first"), insert.bind(number, "second")])
        await self.env.FILES.put(f"small/{number}", number)
        await self.env.FILES.put(f"large/{number}", number[-1] * LARGE)
        await self.env.JOBS.send(number)
        await self.env.CONSUMED.send(number)
        await self.env.LEDGER.getByName("one").write(number)
        return "written"

    async def check(self, number):
        """What is missing or torn of a number that was acknowledged; nothing, if all is well."""
        query = self.env.DB.prepare("SELECT count(*) AS c FROM numbers WHERE number = ?").bind(number)
        consumed = self.env.DB.prepare("SELECT count(*) AS c FROM consumed WHERE number = ?").bind(number)
        small = await self.env.FILES.get(f"small/{number}")
        large = await self.env.FILES.get(f"large/{number}")
        found = {
            "KV": await self.env.KV.get(number) == number,
            "D1": await query.first("c") == 2,
            "queue": await consumed.first("c") >= 1,
            "object": await self.env.LEDGER.getByName("one").count(number) == 2,
            "R2, small": small is not None and await small.text() == number,
            "R2, large": large is not None and await large.text() == number[-1] * LARGE,
        }
        return ", ".join(name for name, is_whole in found.items() if not is_whole)

    async def torn(self, _):
        """How many batches are there by half."""
        halves = "SELECT number FROM numbers GROUP BY number HAVING count(*) <> 2"
        torn = await self.env.DB.prepare(f"SELECT count(*) AS c FROM ({halves})").first("c")
        return str(torn + await self.env.LEDGER.getByName("one").torn())

    async def backlog(self, queue):
        return str((await getattr(self.env, queue).metrics())["backlogCount"])

    async def again(self, _):
        """How often a number came out of the queue once more."""
        again = "SELECT count(*) - count(DISTINCT number) AS c FROM consumed"
        return str(await self.env.DB.prepare(again).first("c"))

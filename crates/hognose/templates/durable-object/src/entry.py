from urllib.parse import urlparse

from workers import DurableObject, Response, WorkerEntrypoint


class Counter(DurableObject):
    """One counter: there is one object of each name, and its storage is its own."""

    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.sql = ctx.storage.sql
        self.sql.exec("CREATE TABLE IF NOT EXISTS visits (at TEXT DEFAULT CURRENT_TIMESTAMP)")

    async def visit(self):
        self.sql.exec("INSERT INTO visits DEFAULT VALUES")
        return self.sql.exec("SELECT count(*) AS visits FROM visits").one().visits


class Default(WorkerEntrypoint):
    """Counts visits: each path has a counter of its own."""

    async def fetch(self, request):
        path = urlparse(request.url).path
        counter = self.env.COUNTERS.getByName(path)
        return Response(f"Visit {await counter.visit()} of {path}\n")

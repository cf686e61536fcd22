from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    """Keeps tasks: POST adds one, GET lists them. `hognose d1 migrations apply tasks` makes the table."""

    async def fetch(self, request):
        database = self.env.DB
        if request.method == "POST":
            title = await request.text()
            await database.prepare("INSERT INTO tasks (title) VALUES (?)").bind(title).run()
            return Response(f"Added {title}\n", status=201)
        listed = await database.prepare("SELECT id, title FROM tasks ORDER BY id").all()
        return Response("".join(f"{task.id} {task.title}\n" for task in listed.results))

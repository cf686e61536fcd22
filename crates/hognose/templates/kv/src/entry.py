from urllib.parse import unquote, urlparse

from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    """Keeps notes: PUT /name stores one, GET /name reads it, DELETE /name forgets it."""

    async def fetch(self, request):
        name = unquote(urlparse(request.url).path[1:])
        notes = self.env.NOTES
        if not name:
            listed = await notes.list()
            return Response("".join(f"{key['name']}\n" for key in listed["keys"]))
        if request.method == "PUT":
            await notes.put(name, await request.text())
            return Response(f"Kept {name}\n", status=201)
        if request.method == "DELETE":
            await notes.delete(name)
            return Response(f"Forgot {name}\n")
        note = await notes.get(name)
        if note is None:
            return Response("There is no such note\n", status=404)
        return Response(note)

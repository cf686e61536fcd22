from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    """POST sends a job to the queue; the same Worker does it, and GET shows what was done last."""

    async def fetch(self, request):
        if request.method == "POST":
            await self.env.JOBS.send(await request.text())
            return Response("Sent\n", status=202)
        return Response(await self.env.DONE.get("last") or "Nothing was done yet\n")

    async def queue(self, batch):
        for message in batch.messages:
            await self.env.DONE.put("last", f"Did {message.body}\n")
            message.ack()

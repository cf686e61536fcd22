from workers import Response, WorkerEntrypoint

MODEL = "@cf/meta/llama-3.1-8b-instruct"


class Default(WorkerEntrypoint):
    """POST a question; the answer is a model's."""

    async def fetch(self, request):
        if request.method != "POST":
            return Response("POST a question: curl -d 'What does a hognose eat?' localhost:8787\n")
        answer = await self.env.AI.run(MODEL, {"prompt": await request.text()})
        return Response(f"{answer['response']}\n")

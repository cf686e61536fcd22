from urllib.parse import parse_qs, urlsplit

from workers import Response, WorkerEntrypoint

MODEL = "@cf/baai/bge-small-en-v1.5"


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = urlsplit(request.url)
        if url.path == "/documents":
            return await self.add(await request.json())
        if url.path == "/ask":
            return await self.find(parse_qs(url.query)["question"][0])
        return Response("POST a document to /documents, or GET /ask?question=...", status=404)

    async def add(self, document):
        vector = {
            "id": document["id"],
            "values": await self.vector_of(document["text"]),
            "metadata": {"text": document["text"]},
        }
        await self.env.DOCUMENTS.upsert([vector])
        return Response.json({"id": document["id"]})

    async def find(self, question):
        found = await self.env.DOCUMENTS.query(await self.vector_of(question), topK=1, returnMetadata="all")
        if found["count"] == 0:
            return Response.json({"error": "there are no documents"}, status=404)
        [best] = found["matches"]
        return Response.json({"id": best["id"], "score": best["score"], "text": best["metadata"]["text"]})

    async def vector_of(self, text):
        return (await self.env.AI.run(MODEL, {"text": [text]}))["data"][0]

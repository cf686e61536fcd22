from urllib.parse import parse_qs, urlsplit

from workers import Response, WorkerEntrypoint

MODEL = "@cf/baai/bge-small-en-v1.5"
WRITER = "@cf/meta/llama-3.2-1b-instruct"
MISSING = "there are no documents"


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = urlsplit(request.url)
        if url.path == "/documents":
            return await self.add(await request.json())
        if url.path == "/ask":
            return await self.find(parse_qs(url.query)["question"][0])
        if url.path == "/answer":
            return await self.answer(parse_qs(url.query)["question"][0])
        return Response("POST a document to /documents, or GET /ask?question=... or /answer?question=...", status=404)

    async def add(self, document):
        vector = {
            "id": document["id"],
            "values": await self.vector_of(document["text"]),
            "metadata": {"text": document["text"]},
        }
        await self.env.DOCUMENTS.upsert([vector])
        return Response.json({"id": document["id"]})

    async def find(self, question):
        best = await self.best(question)
        if best is None:
            return Response.json({"error": MISSING}, status=404)
        return Response.json({"id": best["id"], "score": best["score"], "text": best["metadata"]["text"]})

    async def answer(self, question):
        """What a language model makes of the best document."""
        best = await self.best(question)
        if best is None:
            return Response.json({"error": MISSING}, status=404)
        prompt = f"{best['metadata']['text']}\n\nQuestion: {question}\nAnswer:"
        said = await self.env.AI.run(WRITER, {"prompt": prompt, "raw": True, "max_tokens": 24, "temperature": 0})
        return Response.json({"id": best["id"], "answer": said["response"].strip().partition("\n")[0]})

    async def best(self, question):
        found = await self.env.DOCUMENTS.query(await self.vector_of(question), topK=1, returnMetadata="all")
        return found["matches"][0] if found["count"] else None

    async def vector_of(self, text):
        return (await self.env.AI.run(MODEL, {"text": [text]}))["data"][0]

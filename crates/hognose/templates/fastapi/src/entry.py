import asgi
from fastapi import FastAPI, Request
from pydantic import BaseModel
from workers import WorkerEntrypoint

app = FastAPI(title="NAME")


class Item(BaseModel):
    name: str
    price: float


@app.get("/")
async def root():
    return {"message": "Hello from NAME!"}


@app.post("/items")
async def create(item: Item, request: Request):
    # The bindings of the Worker: `request.scope["env"]`.
    return {"created": item.name, "bindings": hasattr(request.scope["env"], "KV")}


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await asgi.fetch(app, request, self.env)

"""Serves a request through ASGI."""

REQUIRES = ["fastapi", "httpx"]


async def main(port):
    import httpx
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/twice/{number}")
    async def twice(number: int):
        return {"twice": number * 2}

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        assert (await client.get("/twice/4")).json() == {"twice": 8}
        assert (await client.get("/twice/x")).status_code == 422

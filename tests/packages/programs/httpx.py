"""Posts JSON, asynchronously."""

REQUIRES = ["httpx"]


async def main(port):
    import httpx

    async with httpx.AsyncClient(timeout=10) as client:
        answer = await client.post(f"http://localhost:{port}/echo", json=[1, 2])
    assert answer.json() == [1, 2]

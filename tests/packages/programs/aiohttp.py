"""Posts asynchronously, with a resolver of its own."""

REQUIRES = ["aiohttp"]


async def main(port):
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        async with session.post(f"http://localhost:{port}/echo", data=b"body") as answer:
            assert answer.status == 200 and await answer.read() == b"body"

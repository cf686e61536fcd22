"""The echo that hognose's is measured beside: PyPI's `websockets`, on asyncio's own loop. Its argument is the port."""

import asyncio
import http
import sys

from websockets.asyncio.server import serve


async def echo(connection):
    async for message in connection:
        await connection.send(message)


def answer_plain(connection, request):
    """Plain requests are answered, so that it can be seen when the server is ready."""
    if "Upgrade" not in request.headers:
        return connection.respond(http.HTTPStatus.OK, "bar")
    return None


async def main():
    async with serve(echo, "127.0.0.1", int(sys.argv[1]), process_request=answer_plain, compression=None) as server:
        await server.serve_forever()


asyncio.run(main())

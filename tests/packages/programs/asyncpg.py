"""Speaks to a server that is no database."""

REQUIRES = ["asyncpg"]


async def main(port):
    import asyncio

    import asyncpg

    try:
        await asyncpg.connect(host="127.0.0.1", port=port, user="nobody", password="x", timeout=5, ssl=False)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError, asyncio.TimeoutError) as error:
        assert not isinstance(error, PermissionError), error
    else:
        raise AssertionError("that was no database")

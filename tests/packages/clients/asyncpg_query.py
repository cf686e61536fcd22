"""Asks PostgreSQL by asyncpg: a pool, prepared statements, and queries side by side."""

REQUIRES = ["asyncpg"]


async def main(ports):
    import asyncio

    import asyncpg

    address = {"host": "127.0.0.1", "port": ports["postgres"], "user": "hognose", "password": "secret"}
    async with asyncpg.create_pool(**address, database="postgres", min_size=2, max_size=4) as pool:
        squares = await asyncio.gather(*(pool.fetchval("SELECT $1::int * $1", number) for number in range(20)))
        assert squares == [number * number for number in range(20)], squares
        async with pool.acquire() as connection:
            rows = await connection.fetch("SELECT generate_series(1, 1000) AS number")
    assert sum(row["number"] for row in rows) == 500_500

"""Asks Redis: values, a pipeline, a list that is waited for, and the same by its asyncio client."""

REQUIRES = ["redis", "hiredis"]


async def main(ports):
    import asyncio

    import redis

    client = redis.Redis("127.0.0.1", ports["redis"], decode_responses=True)
    client.set("name", "hognose", ex=60)
    assert (client.get("name"), client.ttl("name") > 0) == ("hognose", True)
    with client.pipeline() as pipeline:
        assert pipeline.delete("count").incr("count").incrby("count", 41).execute()[1:] == [1, 42]
    client.close()
    async with redis.asyncio.Redis(host="127.0.0.1", port=ports["redis"], decode_responses=True) as client:
        await client.delete("list")
        waiting = asyncio.ensure_future(client.blpop("list", timeout=30))
        await client.rpush("list", "item")
        assert await waiting == ("list", "item")

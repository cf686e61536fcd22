"""Does one operation on a binding many times: `/operation/count`."""

from js import Object, Response, URL
from pyodide.ffi import to_js

KEPT = "x" * 100
SMALL = to_js(b"x" * 4096)
LARGE = to_js(b"x" * (8 << 20))
consumed = 0


async def nothing(env, count):
    pass


async def make(env, count):
    await env.DB.exec("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, text TEXT)")
    await env.KV.put("key", KEPT)
    await env.FILES.put("small", SMALL)
    await env.FILES.put("large", LARGE)
    insert = env.DB.prepare("INSERT OR REPLACE INTO t VALUES (?, ?)")
    await env.DB.batch(to_js([insert.bind(number, KEPT) for number in range(100)]))


async def kv_get(env, count):
    for _ in range(count):
        await env.KV.get("key")


async def kv_put(env, count):
    for number in range(count):
        await env.KV.put(f"key{number}", KEPT)


async def kv_list(env, count):
    for _ in range(count):
        page = await env.KV.list(prefix="key05000", limit=100)
        assert page.keys.length


async def d1_first(env, count):
    query = env.DB.prepare("SELECT text FROM t WHERE id = ?")
    for number in range(count):
        await query.bind(number % 100).first("text")


async def d1_batch(env, count):
    insert = env.DB.prepare("INSERT INTO t (text) VALUES (?)").bind(KEPT)
    for _ in range(count):
        await env.DB.batch(to_js([insert] * 100))


async def r2_put(env, count):
    for number in range(count):
        await env.FILES.put(f"small{number}", SMALL)


async def r2_get(env, count):
    for _ in range(count):
        await (await env.FILES.get("small")).arrayBuffer()


async def r2_put_large(env, count):
    for _ in range(count):
        await env.FILES.put("large", LARGE)


async def r2_get_large(env, count):
    for _ in range(count):
        await (await env.FILES.get("large")).arrayBuffer()


async def r2_fill(env, part):
    for start in range(500 * part, 500 * (part + 1), 100):
        await gather(env.FILES.put(f"fill/{start + number}", "x") for number in range(100))


async def r2_list(env, count):
    for _ in range(count):
        page = await env.FILES.list(prefix="fill/5", limit=1000)
        assert page.objects.length


async def queue_send(env, count):
    for _ in range(count):
        await env.JOBS.send("x")


async def queue_fill(env, count):
    batch = to_js([{"body": "x"}] * 100, dict_converter=Object.fromEntries)
    for _ in range(count // 100):
        await env.BACKLOG.sendBatch(batch)


async def gather(promises):
    for promise in list(promises):
        await promise


async def on_fetch(request, env):
    global consumed
    _, operation, count = URL.new(request.url).pathname.split("/")
    if operation == "consumed":
        return Response.new(str(consumed))
    await globals()[operation](env, int(count))
    return Response.new("bar")


async def on_queue(batch, env):
    global consumed
    consumed += batch.messages.length

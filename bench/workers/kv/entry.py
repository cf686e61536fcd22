from js import Response


async def on_fetch(request, env):
    value = await env.FOO.get("bar")
    if not value:
        await env.FOO.put("bar", "bar")
        value = "bar"
    return Response.new(value)

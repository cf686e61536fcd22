import time

from js import Response


async def on_fetch(request, env):
    if request.url.endswith("/compute"):
        end = time.monotonic() + 1
        while time.monotonic() < end:
            pass
    return Response.new("bar")

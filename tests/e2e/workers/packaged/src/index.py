import local_package
from js import Response


async def on_fetch(request):
    return Response.new(local_package.GREETING)

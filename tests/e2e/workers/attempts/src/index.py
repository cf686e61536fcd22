"""Makes the attempts that are posted to it: a file's text, which function of it, and what is outside. Says what came of
it: what it gave, or the error it ended with."""

import inspect
import json

from js import Response


async def on_fetch(request):
    posted = json.loads(await request.text())
    names = {}
    exec(compile(posted["text"], posted["name"], "exec"), names)
    try:
        came = names[posted["function"]](posted["outside"])
        if inspect.isawaitable(came):
            came = await came
    except BaseException as error:
        told = {"error": f"{type(error).__name__}: {error}", "number": getattr(error, "errno", None)}
        return Response.new(json.dumps(told))
    return Response.new(json.dumps({"gave": repr(came)}))

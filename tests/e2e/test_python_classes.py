"""Classes in Python: which of their methods others reach, how handlers are called, and what classes cannot be."""

import json

from harness import run

CONFIGURATION = """
name = "classes"
main = "index.py"
compatibility_date = "{date}"
compatibility_flags = ["python_workers"]
durable_objects.bindings = [{{ name = "ROOM", class_name = "Room" }}]
services = [{{ binding = "SELF", service = "classes", entrypoint = "Other" }}]
migrations = [{{ tag = "v1", new_sqlite_classes = ["Room"] }}]
"""

METHODS = """
import asyncio
from workers import DurableObject, Response, WorkerEntrypoint

class Other(WorkerEntrypoint):
    made = 0

    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        Other.made += 1
        self.attribute = lambda: "an attribute"

    def count(self):
        return Other.made

class Room(DurableObject):
    made = 0

    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        Room.made += 1

        async def begin():
            self.begun = await self.ctx.storage.get("begun") or "anew"

        self.ctx.blockConcurrencyWhile(begin)

    def first(self):
        return [self.begun, Room.made, self.ctx.id.name]

    @staticmethod
    def static(value):
        return value

    @classmethod
    def of_class(cls, value):
        return [cls.__name__, value]

    def defaults(self, a, b=2, *rest):
        return [a, b, list(rest)]

    async def rang(self):
        self.ringing = asyncio.get_running_loop().create_future()
        await self.ctx.storage.setAlarm(1)
        return await self.ringing

    async def alarm(self):
        self.ringing.set_result("without arguments")

    def end(self):
        try:
            self.ctx.abort("the end")
        except Exception:
            return "caught"

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        name, *arguments = await request.json()
        target = self.env.SELF if name in ("count", "attribute") else self.env.ROOM.getByName("one")
        try:
            return Response.json(await getattr(target, name)(*arguments))
        except Exception as error:
            return Response.json(str(error).strip())
"""


def test_methods_are_what_instances_have(serve, project):
    server = serve(project(files={"wrangler.toml": CONFIGURATION.format(date="2026-03-01"), "index.py": METHODS}))

    def call(*what):
        return server.fetch("/", "POST", json.dumps(what)).json

    assert call("first") == ["anew", 1, "one"]
    assert call("static", 1) == 1
    assert call("of_class", 1) == ["Room", 1]
    assert call("defaults", 1) == [1, 2, []]
    assert call("defaults", 1, 3, 4, 5) == [1, 3, [4, 5]]
    assert "missing 1 required positional argument: 'a'" in call("defaults")
    assert call("rang") == "without arguments"
    assert call("made") == "TypeError: Method made does not exist"
    assert call("end") == "Error: the end"
    assert call("first") == ["anew", 2, "one"]
    # An entrypoint is made for each call.
    assert [call("count"), call("count"), call("attribute")] == [1, 2, "an attribute"]


OLDER = """
from workers import DurableObject, Response, WorkerEntrypoint

class Room(DurableObject):
    async def on_fetch(self, request):
        await self.ctx.storage.setAlarm(1)
        return Response("older " + request.method)

    async def on_alarm(self, info):
        print("RANG", info.retryCount)

class Other(WorkerEntrypoint):
    async def on_fetch(self, request):
        return Response("other")

async def on_fetch(request, env):
    if request.url.endswith("/other"):
        return await env.SELF.fetch("http://any.host/")
    return await env.ROOM.get(env.ROOM.idFromName("one")).fetch("http://any.host/")
"""


def test_handlers_have_their_older_names_before_2025_08_14(serve, project):
    server = serve(project(files={"wrangler.toml": CONFIGURATION.format(date="2025-08-13"), "index.py": OLDER}))
    assert server.fetch("/other").text == "other"
    assert server.fetch("/").text == "older GET"
    server.output.wait_for("RANG 0")


TWO_DEFAULTS = """
from workers import DurableObject, Response, WorkerEntrypoint

class Room(DurableObject):
    pass

class Other(WorkerEntrypoint):
    pass

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response("class")

async def on_fetch(request, env):
    return Response("function")
"""


def test_a_main_module_has_one_default_before_2025_08_14(project):
    folder = project(files={"wrangler.toml": CONFIGURATION.format(date="2025-08-13"), "index.py": TWO_DEFAULTS})
    code, output = run("test", folder=folder)
    assert code == 1 and "Cannot define multiple default entrypoints" in output


def test_a_binding_to_a_class_that_is_not_there_says_so(serve, project):
    source = METHODS.replace("class Other(", "class Another(")
    server = serve(project(files={"wrangler.toml": CONFIGURATION.format(date="2026-03-01"), "index.py": source}))
    said = server.fetch("/", "POST", '["count"]').json
    assert said == "TypeError: There is no 'Other' class defined in the Python Worker's main module"

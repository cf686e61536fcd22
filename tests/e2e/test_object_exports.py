"""Durable Objects in `ctx.exports`, and what is said of classes that a configuration names and the code lacks."""

CONFIGURATION = """
name = "own"
main = "src/MAIN"
compatibility_date = "2026-01-01"
compatibility_flags = ["python_workers"]

[[migrations]]
tag = "v1"
new_sqlite_classes = ["Counter"]
"""

PYTHON = """
from workers import DurableObject, Response, WorkerEntrypoint

class Counter(DurableObject):
    async def add(self, amount):
        total = (self.ctx.storage.kv.get("total") or 0) + amount
        self.ctx.storage.kv.put("total", total)
        return total

    async def other(self, amount):
        return await self.ctx.exports.Counter.getByName("other").add(amount)

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        namespace = self.ctx.exports.Counter
        counter = namespace.get(namespace.idFromName("a"))
        return Response(f"{await counter.add(2)} {await counter.add(3)} {await counter.other(4)}")
"""

JAVASCRIPT = """
import { DurableObject, exports, withExports } from "cloudflare:workers";

export class Counter extends DurableObject {
  add(amount) {
    const total = (this.ctx.storage.kv.get("total") ?? 0) + amount;
    this.ctx.storage.kv.put("total", total);
    return total;
  }

  other(amount) {
    return this.ctx.exports.Counter.getByName("other").add(amount);
  }
}

export class Unkept extends DurableObject {}

const counter = () => exports.Counter?.getByName("a");

export default {
  async fetch(request, env, ctx) {
    const sums = [await counter().add(2), await ctx.exports.Counter.getByName("a").add(3), await counter().other(4)];
    const masked = await withExports({}, async () => counter());
    return new Response(`${sums.join(" ")} ${ctx.exports.Counter.constructor.name} ${masked}`);
  },
};
"""

BOUND = """
[[durable_objects.bindings]]
name = "ROOMS"
class_name = "Room"

[[durable_objects.bindings]]
name = "COUNTERS"
class_name = "Counter"
"""


def served(project, serve, main, source, more=""):
    configuration = CONFIGURATION.replace("MAIN", main) + more
    return serve(project(files={"wrangler.toml": configuration, f"src/{main}": source}))


def test_python_reaches_its_own_objects(project, serve):
    assert served(project, serve, "index.py", PYTHON).fetch("/").text == "2 5 4"


def test_javascript_reaches_its_own_objects(project, serve):
    server = served(project, serve, "index.mjs", JAVASCRIPT)
    assert server.fetch("/").text == "2 5 4 DurableObjectNamespace undefined"


def test_a_binding_to_a_class_that_the_code_lacks_is_told_of(project, serve):
    server = served(project, serve, "index.py", PYTHON, BOUND)
    server.output.wait_for("not exported in your entrypoint file: Room. Define these classes there")

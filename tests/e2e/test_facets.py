"""Facets: objects below a Durable Object, with classes and storage of their own; of the Worker's own classes and of those
of dynamic Workers."""

CONFIGURATION = """
name = "facets"
main = "src/MAIN"
compatibility_date = "2026-01-01"
compatibility_flags = ["python_workers"]
worker_loaders = [{ binding = "LOADER" }]

[[durable_objects.bindings]]
name = "ROOMS"
class_name = "Room"

[[migrations]]
tag = "v1"
new_sqlite_classes = ["Room"]
"""

JAVASCRIPT = """
import { DurableObject } from "cloudflare:workers";

const add = (storage, amount) => {
  const total = (storage.kv.get("total") ?? 0) + amount;
  storage.kv.put("total", total);
  return total;
};

export class Counter extends DurableObject {
  started = crypto.randomUUID();

  add(amount) {
    return add(this.ctx.storage, amount);
  }

  about() {
    return [this.started, this.ctx.props, String(this.ctx.id), this.ctx.id.name];
  }

  fetch(request) {
    return new Response(`facet got ${request.url}`);
  }

  fail() {
    this.ctx.abort("the facet gave up");
  }

  alarm() {}

  wake() {
    return this.ctx.storage.setAlarm(Date.now() + 1e9);
  }

  deeper(depth) {
    if (depth === 0) return "bottom";
    return this.ctx.facets.get("below", () => ({ class: this.ctx.exports.Counter })).deeper(depth - 1);
  }
}

const DYNAMIC = {
  compatibilityDate: "2026-01-01",
  mainModule: "index.js",
  modules: {
    "index.js": `
      import { DurableObject } from "cloudflare:workers";
      export class Greeter extends DurableObject {
        greet(name) {
          const times = (this.ctx.storage.kv.get("times") ?? 0) + 1;
          this.ctx.storage.kv.put("times", times);
          return [this.ctx.props.greeting, name, times].join(" ");
        }
      }
    `,
  },
};

const failure = (promise) => promise.then((value) => `gave ${value}`, (error) => error.message);

export class Room extends DurableObject {
  asked = 0;

  counter(name, options = {}) {
    return this.ctx.facets.get(name, async () => {
      this.asked += 1;
      return { class: this.ctx.exports.Counter, ...options };
    });
  }

  add(amount) {
    return add(this.ctx.storage, amount);
  }

  async apart() {
    const sums = [await this.counter("a").add(1), await this.counter("b").add(10), await this.counter("a").add(2)];
    return [...sums, this.add(100), this.asked];
  }

  async about() {
    const props = this.ctx.exports.Counter({ props: { role: "ops" } });
    const [, plain, id, name] = await this.counter("a").about();
    const special = await this.counter("b", { class: props, id: "other" }).about();
    const text = await (await this.counter("a").fetch("http://x/y")).text();
    return [plain, id === String(this.ctx.id), name, special.slice(1, 3), text];
  }

  async aborted() {
    const counter = this.counter("a");
    await counter.add(1);
    const before = await counter.about();
    this.ctx.facets.abort("a", new Error("not wanted"));
    const after = await this.counter("a").about();
    return [await failure(counter.add(1)), before[0] === after[0], await this.counter("a").add(1), this.asked];
  }

  async failed() {
    await this.counter("a").add(1);
    return [await failure(this.counter("a").fail()), await this.counter("a").add(1)];
  }

  async deleted() {
    await this.counter("a").add(1);
    await this.counter("b").add(1);
    this.ctx.facets.delete("a");
    return [await this.counter("a").add(1), await this.counter("b").add(1)];
  }

  async refused() {
    return [
      await failure(this.ctx.facets.get("x", () => ({ class: "Counter" })).add(1)),
      await failure(this.counter("a").wake()),
      await failure((async () => this.counter("n".repeat(257)))()),
      await failure(this.counter("n".repeat(256)).add(1)),
      await failure(this.counter("deep").deeper(2)),
      await failure(this.counter("deep").deeper(3)),
    ];
  }

  async dynamic() {
    const worker = this.env.LOADER.get("greeter", () => DYNAMIC);
    const found = worker.getDurableObjectClass("Greeter", { props: { greeting: "Hello" } });
    const facet = this.ctx.facets.get("greeter", () => ({ class: found }));
    return [await facet.greet("Alice"), await facet.greet("Bob")];
  }

  reset() {
    this.ctx.abort("reset");
  }
}

export default {
  async fetch(request, env) {
    const [, name, method] = new URL(request.url).pathname.split("/");
    try {
      return Response.json(await env.ROOMS.getByName(name)[method]());
    } catch (error) {
      return Response.json(error.message);
    }
  },
};
"""

PYTHON = """
from js import Object
from pyodide.ffi import create_proxy, to_js
from workers import DurableObject, Response, WorkerEntrypoint

class Counter(DurableObject):
    async def add(self, amount):
        total = (self.ctx.storage.kv.get("total") or 0) + amount
        self.ctx.storage.kv.put("total", total)
        return f"{total} {self.ctx.props.role}"

class Room(DurableObject):
    async def add(self, name, amount):
        props = to_js({"props": {"role": name}}, dict_converter=Object.fromEntries)
        start = create_proxy(lambda: {"class": self.ctx.exports.Counter(props)})
        return await self.ctx.facets.get(name, start).add(amount)

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        room = self.env.ROOMS.getByName("a")
        return Response(f"{await room.add('x', 1)}, {await room.add('y', 10)}, {await room.add('x', 2)}")
"""


def served(project, serve, main, source):
    return serve(project(files={"wrangler.toml": CONFIGURATION.replace("MAIN", main), f"src/{main}": source}))


def test_facets_of_javascript(project, serve):
    server = served(project, serve, "index.mjs", JAVASCRIPT)

    def ask(path):
        return server.fetch(path).json

    assert ask("/a/apart") == [1, 10, 3, 100, 2]
    assert ask("/about/about") == [{}, True, "about", [{"role": "ops"}, "other"], "facet got http://x/y"]
    assert ask("/b/aborted") == ["not wanted", False, 2, 2]
    assert ask("/c/failed") == ["the facet gave up", 2]
    assert ask("/d/deleted") == [1, 2]
    no_class, no_alarm, long_name, name, deep, too_deep = ask("/e/refused")
    assert no_class.startswith("A facet is started by an object with the property `class`")
    assert (no_alarm, long_name, name) == (
        "Facets of Durable Objects have no alarms.",
        "Facet name is too long (max 256 characters).",
        "gave 1",
    )
    assert (deep, too_deep[:36]) == ("gave bottom", "Facet nesting depth limit exceeded. ")
    assert ask("/f/dynamic") == ["Hello Alice 1", "Hello Bob 2"]


def test_facets_end_with_the_object_above_them_and_keep_what_they_stored(project, serve):
    server = served(project, serve, "index.mjs", JAVASCRIPT)
    assert server.fetch("/a/apart").json == [1, 10, 3, 100, 2]
    assert server.fetch("/a/reset").json == "reset"
    assert server.fetch("/a/apart").json == [4, 20, 6, 200, 2]


def test_facets_of_python(project, serve):
    assert served(project, serve, "index.py", PYTHON).fetch("/").text == "1 x, 10 y, 3 x"

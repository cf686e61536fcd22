"""Stubs of Durable Objects as arguments and results of calls between Workers and objects."""

import pytest

JAVASCRIPT = """\
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";

export class Counter extends DurableObject {
  #count = 0;
  #kept;

  add(by) {
    this.#count += by;
    return this.#count;
  }

  fetch(request) {
    return new Response(`${this.ctx.id.name} at ${new URL(request.url).pathname}`);
  }

  async addTo(other, by) {
    return [await other.add(by), `${other.id}` === `${this.ctx.id}`];
  }

  keep(other) {
    this.#kept = other;
  }

  useKept() {
    return this.#kept.add(1);
  }

  store(other) {
    return this.ctx.storage.put("stub", other);
  }

  self() {
    return this.env.COUNTER.get(this.ctx.id);
  }
}

const tests = {
  async argument({ COUNTER, OTHER }) {
    const stub = COUNTER.getByName("argument");
    await stub.add(1);
    return OTHER.use(stub);
  },
  async result({ COUNTER, OTHER }) {
    const stub = COUNTER.getByName("result");
    const back = await OTHER.echo({ deep: [stub] });
    return [await back.deep[0].add(2), await stub.add(1), back.deep[0].name, `${back.deep[0].id}` === `${stub.id}`];
  },
  async fetch({ COUNTER, OTHER }) {
    return OTHER.fetches(COUNTER.getByName("a name with blanks"));
  },
  async between_objects({ COUNTER }) {
    const [one, two] = [COUNTER.getByName("one"), COUNTER.getByName("two")];
    return [await one.addTo(two, 5), await two.add(1)];
  },
  async kept({ COUNTER }) {
    const [keeper, other] = [COUNTER.getByName("keeper"), COUNTER.getByName("other")];
    await keeper.keep(other);
    return [await keeper.useKept(), await keeper.useKept(), await other.add(0)];
  },
  async unnamed({ COUNTER, OTHER }) {
    const stub = COUNTER.get(COUNTER.newUniqueId());
    const back = await OTHER.echo(stub);
    return [await back.add(3), await (await stub.self()).add(1), `${back.name}`];
  },
  async stored({ COUNTER }) {
    return COUNTER.getByName("keeper").store(COUNTER.getByName("other"));
  },
};

export default class extends WorkerEntrypoint {
  async fetch(request) {
    const name = new URL(request.url).pathname.slice(1);
    try {
      return Response.json(await tests[name](this.env));
    } catch (error) {
      return Response.json(`${error.name}: ${error.message}`);
    }
  }
}
"""

OTHER = """\
import { WorkerEntrypoint } from "cloudflare:workers";

export default class extends WorkerEntrypoint {
  echo(value) {
    return value;
  }

  async use(stub) {
    return [await stub.add(1), stub.name, stub.constructor.name];
  }

  async fetches(stub) {
    return (await stub.fetch("http://any.host/path")).text();
  }
}
"""

PYTHON = """\
import json
from workers import DurableObject, Response, WorkerEntrypoint

class Counter(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.count = 0

    async def add(self, by):
        self.count += by
        return self.count

    async def add_to(self, other, by):
        return await other.add(by)

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        one, two = self.env.COUNTER.getByName("one"), self.env.COUNTER.getByName("two")
        used = await self.env.OTHER.use(one)
        back = await self.env.OTHER.echo(one)
        return Response(json.dumps([used[0], await back.add(1), await one.add_to(two, 7), await two.add(0)]))
"""

CONFIGURATION = """\
name = "caller"
main = "MAIN"
compatibility_date = "2026-01-01"
compatibility_flags = [FLAGS]
[[services]]
binding = "OTHER"
service = "other"
[[durable_objects.bindings]]
name = "COUNTER"
class_name = "Counter"
[[migrations]]
tag = "v1"
new_sqlite_classes = ["Counter"]
"""


@pytest.fixture
def start(serve, project):
    def start(source):
        python = "from workers" in source
        file, flags = ("index.py", '"python_workers"') if python else ("index.mjs", "")
        configuration = CONFIGURATION.replace("MAIN", file).replace("FLAGS", flags)
        other = 'name = "other"\nmain = "index.mjs"\ncompatibility_date = "2026-01-01"\n'
        caller = {"caller/wrangler.toml": configuration, f"caller/{file}": source}
        folder = project(files=caller | {"other/wrangler.toml": other, "other/index.mjs": OTHER})
        server = serve(folder / "caller", str(folder / "other"))
        return lambda name="": server.fetch(f"/{name}").json

    return start


def test_stubs_travel_between_workers_and_objects(start):
    ask = start(JAVASCRIPT)
    assert ask("argument") == [2, "argument", "DurableObject"]
    assert ask("result") == [2, 3, "result", True]
    assert ask("fetch") == "a name with blanks at /path"
    assert ask("between_objects") == [[5, False], 6]
    assert ask("kept") == [1, 2, 2]
    assert ask("unnamed") == [3, 4, "undefined"]
    assert "Could not serialize object of type" in ask("stored")


def test_stubs_travel_between_python_workers(start):
    assert start(PYTHON)() == [1, 2, 7, 7]

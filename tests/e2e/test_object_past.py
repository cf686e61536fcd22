"""Point-in-time recovery of Durable Objects: what a bookmark marks is there again once the object has been reset."""

CONFIGURATION = """
name = "past"
main = "src/MAIN"
compatibility_date = "2026-01-01"
compatibility_flags = ["python_workers"]

[[durable_objects.bindings]]
name = "NOTES"
class_name = "Notes"

[[durable_objects.bindings]]
name = "OLD"
class_name = "Old"

[[migrations]]
tag = "v1"
new_sqlite_classes = ["Notes"]
new_classes = ["Old"]
"""

PYTHON = """
from workers import DurableObject, Response, WorkerEntrypoint

class Notes(DurableObject):
    async def write(self, text):
        self.ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS notes (text)")
        self.ctx.storage.sql.exec("INSERT INTO notes VALUES (?)", text)
        return await self.ctx.storage.getCurrentBookmark()

    async def read(self):
        return [row.text for row in self.ctx.storage.sql.exec("SELECT text FROM notes")]

    async def plan(self, bookmark):
        return await self.ctx.storage.onNextSessionRestoreBookmark(bookmark)

    async def reset(self):
        self.ctx.abort("reset")

class Old(DurableObject):
    pass

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        namespace = self.env.NOTES
        first = await namespace.getByName("a").write("one")
        await namespace.getByName("a").write("two")
        await namespace.getByName("a").plan(first)
        try:
            await namespace.getByName("a").reset()
        except Exception as error:
            reset = str(error)
        return Response(f"{await namespace.getByName('a').read()} {reset}")
"""

JAVASCRIPT = """
import { DurableObject } from "cloudflare:workers";

export class Notes extends DurableObject {
  write(text) {
    this.ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS notes (text)");
    this.ctx.storage.sql.exec("INSERT INTO notes VALUES (?)", text);
    return this.ctx.storage.getCurrentBookmark();
  }

  read() {
    return this.ctx.storage.sql.exec("SELECT text FROM notes").toArray().map((row) => row.text);
  }

  now() {
    return this.ctx.storage.getBookmarkForTime(new Date());
  }

  plan(bookmark) {
    return this.ctx.storage.onNextSessionRestoreBookmark(bookmark);
  }

  reset() {
    this.ctx.abort("reset");
  }
}

export class Old extends DurableObject {
  mark() {
    return this.ctx.storage.getCurrentBookmark();
  }
}

const failure = (promise) => promise.then(() => "nothing", (error) => error.message);

const goBack = async (notes, bookmark) => {
  const before = await notes.plan(bookmark);
  await notes.reset().catch(() => {});
  return before;
};

export default {
  async fetch(request, env) {
    const fresh = () => env.NOTES.getByName("a");
    const first = await fresh().write("one");
    await fresh().write("two");
    const now = await fresh().now();
    const before = await goBack(fresh(), first);
    const then = await fresh().read();
    await goBack(fresh(), before);
    const again = await fresh().read();
    await fresh().write("three");
    await goBack(fresh(), now);
    const last = await fresh().read();
    const wrong = await failure(fresh().plan("no bookmark"));
    const old = await failure(env.OLD.getByName("a").mark());
    return Response.json([then, again, last, first < now, wrong, old]);
  },
};
"""

KEPT = "No state of this Durable Object is kept for that bookmark or time."
NO_PAST = "This Durable Object's storage back-end does not implement point-in-time recovery."


def served(project, serve, main, source):
    return serve(project(files={"wrangler.toml": CONFIGURATION.replace("MAIN", main), f"src/{main}": source}))


def test_an_object_goes_back_and_forth(project, serve):
    answer = served(project, serve, "index.mjs", JAVASCRIPT).fetch("/")
    assert answer.json == [["one"], ["one", "two"], ["one", "two"], True, KEPT, NO_PAST]


def test_a_python_object_goes_back(project, serve):
    answer = served(project, serve, "index.py", PYTHON).fetch("/")
    assert answer.text.startswith("['one'] ") and "reset" in answer.text

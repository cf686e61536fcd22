"""Events that a Worker hands to another one by a service binding: `scheduled()` and `queue()`, which a flag allows."""

import pytest

CALLER_CONFIGURATION = """\
name = "caller"
main = "index.mjs"
compatibility_date = "2026-01-01"
compatibility_flags = [FLAGS]
[[services]]
binding = "CALLEE"
service = "callee"
"""

CALLER = """\
import { WorkerEntrypoint } from "cloudflare:workers";

export class Own extends WorkerEntrypoint {
  scheduled(controller) {
    controller.noRetry();
  }
}

const message = (id, body) => ({ id, timestamp: new Date(1000), attempts: 2, body });
const metadata = { metrics: { backlogCount: 7, backlogBytes: 8, oldestMessageTimestamp: new Date(9) } };
const asks = {
  scheduled: (callee) => callee.scheduled({ scheduledTime: new Date(1234), cron: "* * * * 3" }),
  failing: (callee) => callee.scheduled({ cron: "raise" }),
  default: (callee) => callee.scheduled(),
  queue: (callee) =>
    callee.queue("letters", [message("a", "text"), message("b", { deep: [1] }), message("c", 3)], metadata),
  failing_queue: (callee) => callee.queue("raise", [message("a", "text")]),
  bodiless: (callee) => callee.queue("letters", [{ id: "a", timestamp: new Date(), attempts: 1 }]),
  told: (callee) => callee.told(),
  own: (_callee, ctx) => ctx.exports.Own.scheduled({ cron: "x" }),
  own_with_props: (_callee, ctx) => ctx.exports.Own({ props: { a: 1 } }).scheduled({ cron: "x" }),
};

export default {
  async fetch(request, env, ctx) {
    try {
      return Response.json(await asks[new URL(request.url).pathname.slice(1)](env.CALLEE, ctx));
    } catch (error) {
      return Response.json(`${error.name}: ${error.message}`);
    }
  },
};
"""

PYTHON = """\
from workers import WorkerEntrypoint

told = []

class Default(WorkerEntrypoint):
    async def scheduled(self, controller):
        told.append([controller.cron, controller.scheduledTime])
        if controller.cron == "raise":
            raise ValueError("on purpose")
        controller.noRetry()

    async def queue(self, batch):
        told.append([batch.queue, len(batch.messages), batch.messages[1].body.deep[0], batch.messages[2].body])
        batch.messages[0].ack()
        batch.messages[1].retry({"delaySeconds": 5})
        batch.retryAll()

    def told(self):
        return told
"""

JAVASCRIPT = """\
import { WorkerEntrypoint } from "cloudflare:workers";

const told = [];

export default class extends WorkerEntrypoint {
  scheduled(controller) {
    told.push([controller.cron, controller.scheduledTime]);
    if (controller.cron === "raise") throw new Error("on purpose");
    controller.noRetry();
  }

  queue(batch) {
    const [first, second, third] = batch.messages;
    if (batch.queue === "raise") throw new Error("on purpose");
    const { backlogCount, oldestMessageTimestamp } = batch.metadata.metrics;
    told.push([batch.queue, first.body, first.attempts, first.timestamp.getTime(), second.body, third.body, backlogCount,
      oldestMessageTimestamp?.getTime()]);
    first.ack();
    second.retry({ delaySeconds: 5 });
    third.retry();
  }

  told() {
    return told;
  }
}
"""

PYTHON_CALLER = """\
import datetime
import json
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        when = datetime.datetime.fromtimestamp(1.234)
        result = await self.env.CALLEE.scheduled({"scheduledTime": when, "cron": "* * * * 3"})
        messages = [{"id": name, "timestamp": when, "attempts": 1, "body": {"deep": [1]}} for name in "abc"]
        batch = await self.env.CALLEE.queue("letters", messages)
        return Response(json.dumps([result, batch, await self.env.CALLEE.told()]))
"""

FLAG = '"experimental", "service_binding_extra_handlers"'


def callee(language):
    file = "index.py" if language == "python" else "index.mjs"
    flags = 'compatibility_flags = ["python_workers"]\n' if language == "python" else ""
    head = f'name = "callee"\nmain = "{file}"\ncompatibility_date = "2026-01-01"\n{flags}'
    return {"callee/wrangler.toml": head, f"callee/{file}": PYTHON if language == "python" else JAVASCRIPT}


@pytest.fixture
def start(serve, project):
    def start(language, flags=FLAG):
        configuration = CALLER_CONFIGURATION.replace("FLAGS", flags)
        files = {"caller/wrangler.toml": configuration, "caller/index.mjs": CALLER} | callee(language)
        folder = project(files=files)
        server = serve(folder / "caller", str(folder / "callee"))
        return lambda name: server.fetch(f"/{name}").json

    return start


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_a_worker_hands_a_scheduled_event_to_another(start, language):
    ask = start(language)
    assert ask("scheduled") == {"outcome": "ok", "noRetry": True}
    assert ask("failing") == {"outcome": "exception", "noRetry": False}
    assert ask("default")["outcome"] == "ok"
    told = ask("told")
    assert told[0] == ["* * * * 3", 1234]
    assert told[2][0] == "" and told[2][1] > 1_600_000_000_000


def test_its_own_entrypoints_take_events_too(start):
    ask = start("javascript")
    assert ask("own") == {"outcome": "ok", "noRetry": True}
    assert ask("own_with_props") == {"outcome": "ok", "noRetry": True}


def test_a_worker_hands_messages_to_a_javascript_worker(start):
    ask = start("javascript")
    assert ask("queue") == {
        "outcome": "ok",
        "ackAll": False,
        "retryBatch": {"retry": False},
        "explicitAcks": ["a"],
        "retryMessages": [{"msgId": "b", "delaySeconds": 5}, {"msgId": "c"}],
    }
    assert ask("told") == [["letters", "text", 2, 1000, {"deep": [1]}, 3, 7, 9]]
    assert ask("failing_queue")["outcome"] == "exception"
    assert ask("bodiless") == "TypeError: Each message needs a body; serialized ones are not taken here."


def test_a_worker_hands_messages_to_a_python_worker(start):
    ask = start("python")
    handled = ask("queue")
    assert handled["outcome"] == "ok" and handled["retryBatch"] == {"retry": True}
    assert handled["explicitAcks"] == ["a"]
    assert ask("told") == [["letters", 3, 1, 3]]


def test_without_the_flag_they_are_methods(start):
    ask = start("javascript", "")
    # The method is called as any other, with an object that cannot be told anything.
    assert ask("scheduled") == "TypeError: not a function"


def test_a_python_worker_hands_events_over(serve, project):
    configuration = CALLER_CONFIGURATION.replace("index.mjs", "index.py")
    configuration = configuration.replace("FLAGS", f'"python_workers", {FLAG}')
    files = {"caller/wrangler.toml": configuration, "caller/index.py": PYTHON_CALLER} | callee("javascript")
    folder = project(files=files)
    scheduled, handled, told = serve(folder / "caller", str(folder / "callee")).fetch().json
    assert scheduled == {"outcome": "ok", "noRetry": True}
    assert handled["explicitAcks"] == ["a"] and handled["retryMessages"][1] == {"msgId": "c"}
    assert told[0] == ["* * * * 3", 1234]

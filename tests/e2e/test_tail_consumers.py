"""Tail consumers: Workers whose `tail` handlers are told of the invocations of others."""

import json

import pytest

PRODUCER = """\
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";

export class Named extends WorkerEntrypoint {
  greet(name) {
    console.warn("greeting");
    return `Hello, ${name}`;
  }
}

export class Counter extends DurableObject {
  count() {
    return 1;
  }
}

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    console.log("one", { two: 2 });
    if (pathname === "/raises") throw new RangeError("on purpose");
    if (pathname === "/named") return new Response(await env.NAMED.greet("Ann"));
    if (pathname === "/object") return new Response(`${await env.COUNTER.getByName("a").count()}`);
    return new Response("fine", { status: 201 });
  },
  scheduled() {},
};
"""

PYTHON_PRODUCER = """\
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        print("printed")
        if request.url.endswith("/raises"):
            raise ValueError("on purpose")
        return Response("fine")
"""

CONSUMER = """\
import { WorkerEntrypoint } from "cloudflare:workers";

export default class extends WorkerEntrypoint {
  tail(events) {
    for (const item of events) {
      const unredacted = item.event?.request?.getUnredacted();
      console.log(`told ${JSON.stringify({ ...JSON.parse(JSON.stringify(item)), unredacted })}`);
    }
  }
}
"""

PYTHON_CONSUMER = """\
import json
from workers import WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def tail(self, events):
        for event in events:
            told = [event.scriptName, event.outcome, event.event.request.url, event.logs[0].message[0]]
            print("told", json.dumps(told))
"""

CONFIGURATION = """\
name = "producer"
main = "MAIN"
compatibility_date = "2026-01-01"
compatibility_flags = [FLAGS]
tail_consumers = [{ service = "consumer" }]
"""

MORE = """\
[[services]]
binding = "NAMED"
service = "producer"
entrypoint = "Named"
[[durable_objects.bindings]]
name = "COUNTER"
class_name = "Counter"
[[migrations]]
tag = "v1"
new_sqlite_classes = ["Counter"]
[triggers]
crons = ["0 0 1 1 *"]
"""


def worker(folder, source, configuration=None):
    python = "from workers" in source
    file, flags = ("index.py", '"python_workers"') if python else ("index.mjs", "")
    configuration = configuration or 'name = "consumer"\nmain = "MAIN"\ncompatibility_date = "2026-01-01"\n' + (
        "compatibility_flags = [FLAGS]\n"
    )
    text = configuration.replace("MAIN", file).replace("FLAGS", flags)
    return {f"{folder}/wrangler.toml": text, f"{folder}/{file}": source}


@pytest.fixture
def start(serve, project):
    def start(producer, consumer, more=""):
        files = worker("producer", producer, CONFIGURATION + more) | worker("consumer", consumer)
        folder = project(files=files)
        return serve(folder / "producer", str(folder / "consumer"))

    return start


def told(server, count):
    """The items that the consumer has logged, once there are that many."""
    lines = server.output.wait_for(r"(?s)" + r"told ([^\n]*)\n.*?" * count)
    return [json.loads(line) for line in lines.groups()]


def test_a_request_is_told_in_full(start):
    server = start(PRODUCER, CONSUMER, MORE)
    secret = "0123456789abcdef0123456789abcdef"
    assert server.fetch(f"/path/{secret}?q=1", headers={"authorization": "Bearer x", "x-plain": "plain"}).status == 201
    [item] = told(server, 1)
    assert item["scriptName"] == "producer" and item["outcome"] == "ok" and item["executionModel"] == "stateless"
    request = item["event"]["request"]
    assert request["method"] == "GET" and request["url"].endswith("/path/REDACTED?q=1")
    assert request["headers"]["authorization"] == "REDACTED" and request["headers"]["x-plain"] == "plain"
    assert item["unredacted"]["url"].endswith(f"/path/{secret}?q=1")
    assert item["unredacted"]["headers"]["authorization"] == "Bearer x"
    assert item["event"]["response"] == {"status": 201}
    [log] = item["logs"]
    assert log["level"] == "log" and log["message"] == ["one", {"two": 2}]
    assert log["timestamp"] >= item["eventTimestamp"]
    assert item["exceptions"] == [] and item["diagnosticsChannelEvents"] == [] and item["truncated"] is False
    assert item["wallTime"] >= 0 and item["cpuTime"] >= 0 and item["scriptVersion"]["id"]


def test_what_was_raised_is_told(start):
    server = start(PRODUCER, CONSUMER, MORE)
    assert server.fetch("/raises").status == 500
    [item] = told(server, 1)
    assert item["outcome"] == "exception" and "response" not in item["event"]
    [raised] = item["exceptions"]
    assert (raised["name"], raised["message"]) == ("RangeError", "on purpose") and "fetch" in raised["stack"]
    # The line of the log that shows it is not among the Worker's own.
    assert len(item["logs"]) == 1


def test_events_of_other_kinds_are_told(start):
    server = start(PRODUCER, CONSUMER, MORE)
    assert server.fetch("/named").text == "Hello, Ann"
    assert server.fetch("/object").text == "1"
    assert server.fetch("/cdn-cgi/handler/scheduled?cron=0+0+1+1+*&time=1234").status == 200
    items = {json.dumps(item["event"]): item for item in told(server, 5)}
    greeted = items[json.dumps({"rpcMethod": "greet"})]
    assert greeted["entrypoint"] == "Named" and greeted["logs"][0]["level"] == "warn"
    counted = items[json.dumps({"rpcMethod": "count"})]
    assert counted["executionModel"] == "durableObject" and len(counted["durableObjectId"]) == 64
    [scheduled] = [item["event"] for item in items.values() if "cron" in item["event"]]
    assert scheduled == {"cron": "0 0 1 1 *", "scheduledTime": 1234}


LOGS = """\
export default {
  async fetch(request, env) {
    console.info("text", 1.5, null, undefined, [1, { deep: true }], 10n, Symbol("s"), new Map());
    console.error("failed:", new TypeError("boom"), { name: "TypeError", message: "none" });
    const cycle = {};
    cycle.self = cycle;
    console.debug(cycle, new Date(0), class Mine {});
    console.log("x".repeat(1 << 20));
    console.log("%s!", "formatted");
    return new Response("fine");
  },
  tail(events) {
    const short = (key, value) => (typeof value === "string" ? value.slice(0, 400) : value);
    for (const { logs } of events) console.log(`told ${JSON.stringify(logs, short)}`);
  },
};
"""


def test_lines_of_the_log_are_told_as_they_were_given(serve, project):
    configuration = CONFIGURATION.replace('service = "consumer"', 'service = "producer"')
    server = serve(project(files=worker("producer", LOGS, configuration)) / "producer")
    assert server.fetch("/").text == "fine"
    [[info, error, debug, large, formatted]] = told(server, 1)
    assert info["level"] == "info" and "errorInfo" not in info
    data = ["text", 1.5, None, "undefined", [1, {"deep": True}], "10", "Symbol(s)", "[object Map]"]
    assert info["message"] == data
    assert error["message"] == ["failed:", "TypeError: boom", {"name": "TypeError", "message": "none"}]
    [nothing, known, duck] = error["errorInfo"]
    assert nothing is duck is None and (known["name"], known["message"]) == ("TypeError", "boom")
    assert "fetch" in known["stack"] and "boom" not in known["stack"]
    assert debug["message"][:2] == ["[object Object]", "1970-01-01T00:00:00.000Z"]
    # What is too long is told as its text, and cut.
    assert len(large["message"]) == 1 and large["message"][0].startswith("xxx")
    assert formatted["message"] == ["%s!", "formatted"]


def test_a_python_worker_hears_of_a_python_worker(start):
    server = start(PYTHON_PRODUCER, PYTHON_CONSUMER)
    assert server.fetch("/path").text == "fine"
    [[name, outcome, url, message]] = told(server, 1)
    assert (name, outcome, message) == ("producer", "ok", "printed") and url.endswith("/path")
    assert server.fetch("/raises").status == 500
    assert [item[1] for item in told(server, 2)] == ["ok", "exception"]


def test_a_consumer_that_is_not_served_is_warned_of(serve, project):
    server = serve(project(files=worker("producer", PRODUCER, CONFIGURATION)) / "producer")
    server.output.wait_for("is not served here, and hears nothing of it")
    assert server.fetch("/").status == 201


def test_workers_loaded_at_run_time_have_tails_too(serve, project):
    loading = """\
import { WorkerEntrypoint } from "cloudflare:workers";

export class Tail extends WorkerEntrypoint {
  tail([item]) {
    console.log(`told ${JSON.stringify([this.ctx.props.name, item.logs[0].message[0], item.outcome])}`);
  }
}

export default {
  async fetch(request, env, ctx) {
    const main = `export default { fetch() { console.log("hello"); return new Response("loaded"); } };`;
    const tails = [ctx.exports.Tail({ props: { name: "props" } })];
    const modules = { "index.js": main };
    const loaded = env.LOADER.load({ compatibilityDate: "2026-01-01", mainModule: "index.js", modules, tails });
    return loaded.getEntrypoint().fetch(request);
  },
};
"""
    configuration = 'name = "loading"\nmain = "MAIN"\ncompatibility_date = "2026-01-01"\ncompatibility_flags = [FLAGS]\n'
    loader = 'worker_loaders = [{ binding = "LOADER" }]\n'
    server = serve(project(files=worker("loading", loading, configuration + loader)) / "loading")
    assert server.fetch("/").text == "loaded"
    assert told(server, 1) == [["props", "hello", "ok"]]

"""What the tests of Workflows run: one workflow in both languages, and how it is asked."""

import json
import re
import time

from harness import TIMEOUT_S

CONFIGURATION = """
name = "flows"
main = "src/MAIN"
compatibility_date = "2026-06-01"
compatibility_flags = ["python_workers"]
[[workflows]]
binding = "FLOW"
name = "flow"
class_name = "Flow"
limits = { steps = 20 }
"""

PYTHON = '''
from datetime import datetime, timedelta
import js
from workers import Response, WorkerEntrypoint, WorkflowEntrypoint
from workers.workflows import NonRetryableError

FAST = {"retries": {"limit": 2, "delay": 1, "backoff": "constant"}}

class Flow(WorkflowEntrypoint):
    async def run(self, event, step):
        return await getattr(self, event["payload"]["kind"])(event, step)

    async def chain(self, event, step):
        @step.do()
        async def one():
            print("STEP one", event["instanceId"])
            return {"one": 1}

        @step.do()
        async def two(one, ctx):
            print("STEP two", event["instanceId"], ctx["step"]["count"], ctx["attempt"])
            return one["one"] + 1

        result = await two()
        assert isinstance(event["timestamp"], datetime)
        return {"two": result, "workflow": event["workflowName"]}

    async def retried(self, event, step):
        @step.do("flaky", config=FAST)
        async def flaky(ctx):
            print("TRY", event["instanceId"], int(ctx["attempt"]))
            if ctx["attempt"] < 3:
                raise ValueError("not yet")
            return "at last"

        return await flaky()

    async def exhausted(self, event, step):
        @step.do("doomed", config=FAST)
        async def doomed(ctx):
            print("TRY", event["instanceId"], int(ctx["attempt"]))
            raise TypeError("never")

        try:
            await doomed()
        except TypeError as error:
            return f"caught {error}"

    async def hopeless(self, event, step):
        @step.do("stops", config=FAST)
        async def stops(ctx):
            print("TRY", event["instanceId"], int(ctx["attempt"]))
            raise NonRetryableError("stop")

        try:
            await stops()
        except NonRetryableError as error:
            return f"caught {error}"

    async def gated(self, event, step):
        passed = []
        for number in range(4):
            @step.do(f"gate {number}")
            async def gate():
                print("STEP", number)
                await js.fetch(f"{event['payload']['gates']}/{number}")
                return number
            passed.append(await gate())
        return passed

    async def many(self, event, step):
        for number in range(event["payload"]["count"]):
            @step.do(f"step {number}")
            async def one():
                return number
            await one()

    async def failing(self, event, step):
        raise RuntimeError("outside of steps")

    async def waiting(self, event, step):
        @step.do("before")
        async def before():
            print("STEP before", event["instanceId"])
        await before()
        got = await step.wait_for_event("ok?", "approval", timeout="1 hour")
        @step.do("after")
        async def after():
            print("STEP after", event["instanceId"])
        await after()
        return {"got": got["payload"], "type": got["type"]}

    async def sleeping(self, event, step):
        await step.sleep("short", "1 second")
        await step.sleep("longer", 1500)
        await step.sleep_until("until", datetime.now() + timedelta(milliseconds=1200))
        return "awake"

    async def late(self, event, step):
        try:
            await step.wait_for_event("never", "nothing", timeout="1 second")
        except Exception as error:
            return str(error)


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        flow, options = self.env.FLOW, await request.json()
        action = options["action"]
        if action == "create":
            return Response((await flow.create(options["options"])).id)
        if action == "batch":
            return Response.from_json([one.id for one in await flow.create_batch(options["options"])])
        instance = await flow.get(options["id"])
        if action == "send":
            await instance.send_event({"type": "approval", "payload": options["payload"]})
        elif action != "status":
            await getattr(instance, action)()
        return Response.from_json(await instance.status())
'''

JAVASCRIPT = """
import { WorkflowEntrypoint } from "cloudflare:workers";
import { NonRetryableError } from "cloudflare:workflows";

const FAST = { retries: { limit: 2, delay: 1, backoff: "constant" } };

export class Flow extends WorkflowEntrypoint {
  run(event, step) {
    return this[event.payload.kind](event, step);
  }

  async chain(event, step) {
    const one = await step.do("one", async () => {
      console.log("STEP one", event.instanceId);
      return { one: 1 };
    });
    const two = await step.do("two", async (ctx) => {
      console.log("STEP two", event.instanceId, ctx.step.count, ctx.attempt);
      return one.one + 1;
    });
    return { two, workflow: event.workflowName };
  }

  retried(event, step) {
    return step.do("flaky", FAST, async ({ attempt }) => {
      console.log("TRY", event.instanceId, attempt);
      if (attempt < 3) throw new Error("not yet");
      return "at last";
    });
  }

  exhausted(event, step) {
    const doomed = step.do("doomed", FAST, async ({ attempt }) => {
      console.log("TRY", event.instanceId, attempt);
      throw new TypeError("TypeError: never");
    });
    return doomed.catch((error) => `caught ${error.message}`);
  }

  hopeless(event, step) {
    const stops = step.do("stops", FAST, async ({ attempt }) => {
      console.log("TRY", event.instanceId, attempt);
      throw new NonRetryableError("stop");
    });
    return stops.catch((error) => `caught ${error.message.replace("NonRetryableError: ", "")}`);
  }

  async gated(event, step) {
    const passed = [];
    for (const number of [0, 1, 2, 3]) {
      const gate = step.do(`gate ${number}`, async () => {
        console.log("STEP", number);
        await fetch(`${event.payload.gates}/${number}`);
        return number;
      });
      passed.push(await gate);
    }
    return passed;
  }

  async many(event, step) {
    for (let number = 0; number < event.payload.count; number++) await step.do(`step ${number}`, () => number);
  }

  async failing() {
    throw new RangeError("outside of steps");
  }

  async waiting(event, step) {
    await step.do("before", () => console.log("STEP before", event.instanceId));
    const got = await step.waitForEvent("ok?", { type: "approval", timeout: "1 hour" });
    await step.do("after", () => console.log("STEP after", event.instanceId));
    return { got: got.payload, type: got.type };
  }

  async sleeping(event, step) {
    await step.sleep("short", "1 second");
    await step.sleep("longer", 1500);
    await step.sleepUntil("until", Date.now() + 1200);
    return "awake";
  }

  async late(event, step) {
    return step.waitForEvent("never", { type: "nothing", timeout: "1 second" }).catch((error) => error.message);
  }
}

export default {
  async fetch(request, { FLOW }) {
    const { action, id, options, payload } = await request.json();
    if (action === "create") return new Response((await FLOW.create(options)).id);
    if (action === "batch") return Response.json((await FLOW.createBatch(options)).map((one) => one.id));
    const instance = await FLOW.get(id);
    if (action === "send") await instance.sendEvent({ type: "approval", payload });
    else if (action !== "status") await instance[action]();
    return Response.json(await instance.status());
  },
};
"""

STYLES = {"python": ("index.py", PYTHON), "javascript": ("index.mjs", JAVASCRIPT)}


def write(folder, style):
    main, source = STYLES[style]
    (folder / "src").mkdir(parents=True)
    (folder / "wrangler.toml").write_text(CONFIGURATION.replace("MAIN", main))
    (folder / "src" / main).write_text(source)
    return folder


class Flows:
    """The workflow of a running server."""

    def __init__(self, server):
        self.server = server

    def ask(self, action, **more):
        answer = self.server.fetch("/", "POST", json.dumps({"action": action, **more}))
        if answer.status != 200:
            raise RuntimeError(answer.text)
        return answer.text

    def create(self, kind, identity=None, **more):
        options = {"params": {"kind": kind, **more}, **({"id": identity} if identity else {})}
        return self.ask("create", options=options)

    def status(self, identity):
        return json.loads(self.ask("status", id=identity))

    def wait(self, identity, *wanted):
        """The status, once it is one of those wanted."""
        deadline = time.monotonic() + TIMEOUT_S
        while (status := self.status(identity))["status"] not in (wanted or ("complete", "errored", "terminated")):
            assert time.monotonic() < deadline, status
        return status

    def output(self, identity):
        status = self.wait(identity)
        assert status["status"] == "complete", status
        return status["output"]

    def tries(self, identity, count):
        """The numbers of the attempts that a step has printed, once there are so many."""
        self.server.output.wait_for_times(f"TRY {identity}", count)
        return re.findall(rf"TRY {identity} (\d)", self.server.output.text)

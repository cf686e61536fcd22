"""Steps and instances of workflows to the letter: what may be asked, what is refused, and how a step's end is told."""

import contextlib
import shutil
import time
from pathlib import Path

import pytest
from harness import TIMEOUT_S, Server, run

CONFIGURATION = """
name = "steps"
main = "src/index.py"
compatibility_date = "2026-06-01"
compatibility_flags = ["python_workers"FLAGS]
[[workflows]]
binding = "FLOW"
name = "flow"
class_name = "Flow"
"""

# An instance runs the code in its parameters: `step` is the SDK's, `js_step` the runtime's own.
WORKER = """
import asyncio, datetime, js, json
from posted import answer, evaluate
from pyodide.ffi import JsException, to_js
from workers import Response, WorkerEntrypoint, WorkflowEntrypoint
from workers.workflows import NonRetryableError

def p(value):
    return to_js(value, dict_converter=js.Object.fromEntries)

SHARED = {name: globals()[name] for name in ("asyncio", "datetime", "js", "p", "NonRetryableError", "JsException")}
FAST = {"retries": {"limit": 2, "delay": 1, "backoff": "constant"}}

class Flow(WorkflowEntrypoint):
    async def run(self, event, step):
        names = {**SHARED, "event": event, "step": step, "js_step": step._js_step, "FAST": FAST}
        return await evaluate(event["payload"]["code"], names)

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.method == "GET":
            instance = await self.env.FLOW.get(request.url.rsplit("/", 1)[1])
            return Response.from_json(await instance.status())
        return Response(await answer(request.js_object, {**SHARED, "flow": self.env.FLOW}))
"""


class Steps:
    """The workflow of a running server."""

    def __init__(self, server):
        self.server = server

    def post(self, code):
        """The representation of what code gives in the Worker that has the binding."""
        return self.server.fetch("/", "POST", code).text

    def begin(self, code):
        return self.post(f"(await flow.create({{'params': {{'code': {code!r}}}}})).id").strip("'")

    def ended(self, identity):
        deadline = time.monotonic() + TIMEOUT_S
        while (status := self.server.fetch(f"/{identity}").json)["status"] not in ("complete", "errored"):
            assert time.monotonic() < deadline, status
        return status

    def run(self, code):
        """What an instance returns, or the text of the error that ended it."""
        status = self.ended(self.begin(code))
        return status["output"] if status["status"] == "complete" else status["error"]["message"]


def serve(folder, flags=""):
    (folder / "src").mkdir(parents=True)
    (folder / "wrangler.toml").write_text(CONFIGURATION.replace("FLAGS", flags))
    (folder / "src/index.py").write_text(WORKER)
    shutil.copy(Path(__file__).parent / "workers/posted.py", folder / "src")
    return Server(["dev", str(folder), "--port", "0"], folder)


@pytest.fixture(scope="module")
def steps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("steps") / "steps"
    with contextlib.closing(serve(folder)) as server:
        steps = Steps(server)
        steps.folder = folder
        yield steps


def caught(call):
    """Code that gives the text of the error that a call ends with."""
    return f"try:\n    value = await {call}\nexcept Exception as error:\n    value = str(error)\nvalue"


def one(config, body="return 1"):
    """Code that takes one step, or gives the text of its error."""
    return f"@step.do('one', config={config})\nasync def one(ctx):\n    {body}\n{caught('one()')}"


@pytest.mark.parametrize(
    "config",
    [
        "{'retries': {'limit': 0}}",
        "{'retries': {'limit': 3, 'delay': '2 minutes', 'backoff': 'linear'}}",
        "{'timeout': '1 second'}",
        "{'sensitive': 'output'}",
        "{}",
    ],
)
def test_configurations_of_steps(steps, config):
    assert steps.run(one(config)) == 1


@pytest.mark.parametrize(
    "config",
    [
        "{'retries': {'limit': -1}}",
        "{'retries': {'limit': 'five'}}",
        "{'retries': {'delay': -1}}",
        "{'retries': {'delay': 'soon'}}",
        "{'retries': {'backoff': 'quadratic'}}",
        "{'retries': {'tries': 3}}",
        "{'retries': 3}",
        "{'timeout': 0}",
        "{'timeout': '5 fortnights'}",
        "{'sensitive': True}",
        "{'retry': {'limit': 3}}",
    ],
)
def test_configurations_that_no_step_can_have(steps, config):
    assert 'WorkflowFatalError: Step config for "one" is in a invalid format. See https://' in steps.run(one(config))


def test_a_step_is_told_its_configuration(steps):
    told = steps.run(one("{'retries': {'limit': 1, 'delay': '1 minute'}, 'timeout': 5000}", "return ctx"))
    config = {"retries": {"limit": 1, "delay": "1 minute", "backoff": "exponential"}, "timeout": 5000}
    assert told == {"step": {"name": "one", "count": 1}, "attempt": 1, "config": config}
    defaults = {"retries": {"limit": 5, "delay": 10_000, "backoff": "exponential"}, "timeout": "10 minutes"}
    assert steps.run(one("None", "return ctx['config']")) == defaults


def test_names_of_steps(steps):
    name = "step.do(NAME)(lambda: 1)()"
    assert steps.run(caught(name.replace("NAME", "'n' * 256"))) == 1
    refused = "WorkflowFatalError: Step name \"{}\" exceeds max length (256 chars) or invalid characters found"
    assert refused.format("n" * 257) in steps.run(caught(name.replace("NAME", "'n' * 257")))
    assert refused.format("a\x1f") in steps.run(caught(name.replace("NAME", r"'a\x1f'")))
    assert steps.run(caught(name.replace("NAME", r"'a\x7f \u00e9'"))) == 1


def test_a_step_needs_a_callback(steps):
    assert 'Step "bare" requires a callback function' in steps.run(caught("js_step.do('bare')"))
    assert 'Step "bare" requires a callback function' in steps.run(caught("js_step.do('bare', p({}))"))


def test_steps_of_one_name_are_counted(steps):
    code = "@step.do('same')\nasync def same(ctx):\n    return ctx['step']['count']\n[await same(), await same(), await same()]"
    assert steps.run(code) == [1, 2, 3]


@pytest.mark.parametrize(("backoff", "delays"), [("constant", [40, 40, 40]), ("linear", [40, 80, 120]), ("exponential", [40, 80, 160])])
def test_attempts_are_further_and_further_apart(steps, backoff, delays):
    config = {"retries": {"limit": 3, "delay": 40, "backoff": backoff}}
    body = "began.append(js.Date.now())\n    raise ValueError('again')"
    apart = steps.run(f"began = []\n{one(config, body)}\n[two - one for one, two in zip(began, began[1:])]")
    # Timers may be a millisecond early by this clock, and late by any time.
    assert len(apart) == 3 and all(gap >= least - 1 for gap, least in zip(apart, delays))


def test_an_attempt_has_a_time_limit_and_is_made_again(steps):
    config = "{'timeout': 50, 'retries': {'limit': 1, 'delay': 1}}"
    body = "await asyncio.sleep(0 if ctx['attempt'] == 2 else 3600)\n    return ctx['attempt']"
    assert steps.run(one(config, body)) == 2
    body = "await asyncio.sleep(3600)"
    assert "WorkflowTimeoutError: Execution timed out after 50ms" in steps.run(one(config, body))


def test_results_have_a_size(steps):
    # What is kept of a text: its quotes, too.
    code = "@step.do('large', config={'retries': {'limit': 0}})\nasync def large():\n    return 'x' * SIZE\nvalue = len(await large())\nvalue"
    assert steps.run(code.replace("SIZE", str(2**20 - 2))) == 2**20 - 2
    assert "Step large-0 output is too large. Maximum allowed size is 1MiB." in steps.run(code.replace("SIZE", str(2**20 - 1)))


def test_a_result_that_cannot_be_kept_ends_the_instance(steps):
    code = "js_step.do('odd', lambda *_: js.Function.prototype.bind.call(js.Object, None))"
    ended = steps.ended(steps.begin(caught(code)))
    assert ended["status"] == "errored"
    assert ended["error"]["message"] == (
        'The execution of the Workflow instance was terminated, as the step "odd" returned a value which is not serialisable'
    )


@pytest.mark.parametrize(
    ("value", "back"),
    [
        ("None", None),
        ("{'list': [1, 2.5, True], 'text': '\\u00fc'}", {"list": [1, 2.5, True], "text": "ü"}),
    ],
)
def test_results_come_back_as_they_were(steps, value, back):
    assert steps.run(f"@step.do()\nasync def one():\n    return {value}\nawait one()") == back


def test_a_date_comes_back_as_one(steps):
    code = "@step.do()\nasync def one():\n    return datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)\n(await one()).year"
    assert steps.run(code) == 2026


@pytest.mark.parametrize(
    ("raised", "caught_as"),
    [
        ("ValueError('bad')", "ValueError: ValueError: bad"),
        ("TypeError('bad')", "TypeError: TypeError: bad"),
        ("NonRetryableError('bad')", "NonRetryableError: bad"),
    ],
)
def test_errors_of_python_come_out_of_a_step_as_they_went_in(steps, raised, caught_as):
    code = (
        f"@step.do('bad', config=FAST)\nasync def bad():\n    raise {raised}\n"
        "try:\n    await bad()\nexcept Exception as error:\n    value = f'{type(error).__name__}: {error}'\nvalue"
    )
    assert steps.run(code) == caught_as


def test_an_error_that_ends_an_instance_keeps_its_text(steps):
    code = "@step.do('stops')\nasync def stops():\n    raise NonRetryableError('no money')\nawait stops()"
    ended = steps.ended(steps.begin(code))
    assert ended["status"] == "errored" and "no money" in ended["error"]["message"]
    assert ended["output"] is None


def test_sleeps_are_checked(steps):
    long = "step.sleep('long', DAYS * 24 * 3600 * 1000)"
    assert "A sleep lasts up to 365 days" in steps.run(caught(long.replace("DAYS", "365.1")))
    assert "is not a duration" in steps.run(caught("step.sleep('odd', 'a while')"))
    assert "is not a duration" in steps.run(caught("step.sleep('odd', -1)"))
    past = "step.sleep_until('past', datetime.datetime(2020, 1, 1))"
    assert "You can't sleep until a time in the past, time-traveler" in steps.run(caught(past))
    assert steps.run(caught("step.sleep('none', 0)")) is None


def test_waits_for_events_are_checked(steps):
    refused = "WorkflowError: The type of an event has up to 100 letters, digits, '-' and '_'."
    assert refused in steps.run(caught("step.wait_for_event('w', 'a.b')"))
    assert refused in steps.run(caught("step.wait_for_event('w', 't' * 101)"))
    assert "Execution timed out after 1000ms" in steps.run(caught("step.wait_for_event('w', 't' * 100, timeout=1000)"))
    between = "An event is waited for between 1 second and 365 days"
    assert between in steps.run(caught("step.wait_for_event('w', 't', timeout=999)"))
    assert between in steps.run(caught("step.wait_for_event('w', 't', timeout='366 days')"))


def test_events_are_taken_in_order_one_by_each_wait(steps):
    code = "one = await step.wait_for_event('w', 'kind')\ntwo = await step.wait_for_event('w', 'kind')\n[one['payload'], two['payload'], one['type']]"
    identity = steps.begin(code)
    send = "await (await flow.get(ID)).send_event({'type': TYPE, 'payload': PAYLOAD})".replace("ID", repr(identity))
    for kind, payload in (("other", 0), ("kind", 1), ("kind", 2)):
        assert steps.post(send.replace("TYPE", repr(kind)).replace("PAYLOAD", str(payload))) == "None"
    assert steps.ended(identity)["output"] == [1, 2, "kind"]
    assert "Cannot send an event to an instance" in steps.post(send.replace("TYPE", "'kind'").replace("PAYLOAD", "3"))


def test_events_are_checked(steps):
    identity = steps.begin("await step.wait_for_event('w', 'never')")
    send = "await (await flow.get(ID)).send_event({'type': TYPE, 'payload': PAYLOAD})".replace("ID", repr(identity))
    refused = "WorkflowError: The type of an event has up to 100 letters, digits, '-' and '_'."
    for kind in ("'a.b'", "''", "'t' * 101", "5"):
        assert refused in steps.post(send.replace("TYPE", kind).replace("PAYLOAD", "1"))
    assert steps.post(send.replace("TYPE", "'t' * 100").replace("PAYLOAD", "1")) == "None"
    large = send.replace("TYPE", "'large'")
    assert steps.post(large.replace("PAYLOAD", "'x' * (2 ** 20 - 2)")) == "None"
    assert "Maximum allowed size is 1MiB" in steps.post(large.replace("PAYLOAD", "'x' * (2 ** 20 - 1)"))


def test_batches(steps):
    batch = "[one.id for one in await flow.create_batch([{'id': f'b{n}', 'params': {'code': '1'}} for n in range(COUNT)])]"
    assert "WorkflowError: batchCreate should have at least 1 instance" in steps.post(batch.replace("COUNT", "0"))
    assert "A batch has at most 100 instances" in steps.post(batch.replace("COUNT", "101"))
    assert steps.post(batch.replace("COUNT", "100")) == repr([f"b{number}" for number in range(100)])
    assert steps.post(batch.replace("COUNT", "100")) == "[]"


def test_deletions(steps):
    identity = steps.begin("1")
    steps.ended(identity)
    deleted = f"await flow.deleteBatch(p(['{identity}', 'unknown', '{identity}']))"
    unknown = {"id": "unknown", "code": 10400, "message": "workflows.api.error.instance.not_found"}
    assert steps.post(deleted) == repr({"deleted": [{"id": identity}] * 2, "errors": [unknown]})
    assert "instance.not_found" in steps.post(f"await flow.get('{identity}')")
    for ids, refused in (
        ([], "(body) batchDeleteInstances should have at least 1 instance"),
        (["i"] * 101, "(body) batchDeleteInstances only supports 100 instances at a time"),
        (["not an id"], "(instance.invalid_id) Instance ID is invalid"),
    ):
        assert refused in steps.post(f"await flow.deleteBatch(p({ids}))")


LOGGED = """
done = []
for name in ("one", "two", "three"):
    @step.do(name)
    async def logged():
        print("DID", name, event["instanceId"])
        return name
    done.append(await logged())
await step.sleep("nap", 1)
done
"""


def test_an_instance_is_run_again_from_one_of_its_steps(steps):
    identity = steps.begin(LOGGED)
    assert steps.ended(identity)["output"] == ["one", "two", "three"]
    restart = f"await (await flow.get('{identity}')).restart(p(OPTIONS))"
    assert steps.post(restart.replace("OPTIONS", "{'from': {'name': 'two'}}")) == "None"
    assert steps.ended(identity)["output"] == ["one", "two", "three"]
    steps.server.output.wait_for_times(f"DID three {identity}", 2)
    steps.server.output.wait_for_times(f"DID two {identity}", 2)
    assert steps.server.output.text.count(f"DID one {identity}") == 1
    refused = '(instance.cannot_restart) Step "{}" not found in execution history'
    assert refused.format("four") in steps.post(restart.replace("OPTIONS", "{'from': {'name': 'four'}}"))
    assert refused.format("one") in steps.post(restart.replace("OPTIONS", "{'from': {'name': 'one', 'count': 2}}"))
    assert refused.format("one") in steps.post(restart.replace("OPTIONS", "{'from': {'name': 'one', 'type': 'sleep'}}"))
    assert "count is 1 or more" in steps.post(restart.replace("OPTIONS", "{'from': {'name': 'one', 'count': 0}}"))
    nap = "{'from': {'name': 'nap', 'type': 'sleep'}}"
    assert steps.post(restart.replace("OPTIONS", nap)) == "None"
    steps.ended(identity)
    assert steps.server.output.text.count(f"DID three {identity}") == 2


def test_commands_show_results_but_for_sensitive_ones(steps):
    code = "@step.do(config={'sensitive': 'output'})\nasync def secret():\n    return 'hush'\n@step.do()\nasync def plain():\n    return 'loud'\n[await secret(), await plain()] and None"
    identity = steps.begin(code)
    steps.ended(identity)
    _, shown = run("workflows", "instances", "describe", "flow", identity, folder=steps.folder)
    assert 'output: "[REDACTED]"' in shown and 'output: "loud"' in shown and "hush" not in shown
    assert run("workflows", "instances", "restart", "flow", identity, "--from", "plain", folder=steps.folder) == (0, "")
    steps.ended(identity)
    code, refused = run("workflows", "instances", "restart", "flow", identity, "--from", "nowhere", folder=steps.folder)
    assert code == 1 and 'Step "nowhere" not found in execution history' in refused


def test_commands_check_what_they_are_given(steps):
    code, refused = run("workflows", "trigger", "flow", "{}", "--id=-no", folder=steps.folder)
    assert code == 1 and "Workflow instance has invalid id" in refused
    identity = steps.begin("await step.wait_for_event('w', 'never')")
    code, refused = run("workflows", "instances", "send-event", "flow", identity, "--type", "a.b", folder=steps.folder)
    assert code == 1 and "The type of an event" in refused


IMPLICIT = """
order = []
@step.do()
async def a():
    order.append("a")
    await asyncio.sleep(0)
    return 1
@step.do("b")
def b():
    order.append("b")
    return 2
@step.do(concurrent=True)
async def both(a, ctx, b):
    return [a, b, ctx["step"]["name"]]
@step.do()
async def again(a):
    return a
[await both(), await again(), sorted(order)]
"""


def test_parameters_name_the_steps_that_come_first(steps):
    assert steps.run(IMPLICIT) == [[1, 2, "both"], 1, ["a", "b"]]
    assert "Received unexpected parameter x" in steps.run("@step.do()\nasync def one(x):\n    return 1\n" + caught("one()"))


LEGACY = """
@step.do("a")
async def a():
    return 1
@step.do("b", depends=[a], concurrent=True)
async def b(first, ctx):
    return [first, ctx["attempt"]]
await b()
"""


def test_before_2026_02_25_steps_are_listed(tmp_path):
    with contextlib.closing(serve(tmp_path / "legacy", ', "no_python_workflows_implicit_dependencies"')) as server:
        steps = Steps(server)
        assert steps.run(LEGACY) == [1, 1]
        step = "@step.do('s'{})\nasync def s(one):\n    return 1\n" + caught("s()")
        assert "Step has 1 non-ctx parameter(s) but no 'depends' list provided" in steps.run(step.replace("{}", ""))
        listed = "Step declares 1 non-ctx parameter(s) but 'depends' has 0 item(s)"
        assert listed in steps.run(step.replace("{}", ", depends=[]"))
        plain = "'depends' entry for parameter 'one' is not a function decorated with step.do"
        assert plain in steps.run(step.replace("{}", ", depends=[len]"))


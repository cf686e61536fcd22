"""The timers of `node:timers`, and of the global object where a flag puts them there."""

import json

import pytest
from harness import run

SOURCE = """\
import * as timers from "node:timers";
import * as promises from "node:timers/promises";

const fired = (start) => new Promise((resolve) => start(resolve));

const tests = {
  async methods() {
    const timeout = timers.setTimeout(() => {}, 10_000);
    const same = [timeout.ref(), timeout.unref(), timeout.refresh()].every((each) => each === timeout);
    const had = timeout.hasRef();
    return [same, had, timeout.ref().hasRef(), +timeout > 0, timeout.close() === timeout];
  },
  async cleared() {
    const never = () => { throw new Error("it was cleared"); };
    const started = [1, 2, 3].map(() => timers.setTimeout(never, 1));
    timers.clearTimeout(started[0]);
    clearTimeout(+started[1]);
    started[2][Symbol.dispose]();
    // What was cleared does not begin anew.
    started[2].refresh();
    timers.clearImmediate(timers.setImmediate(never));
    timers.clearInterval(timers.setInterval(never, 1));
    await fired((resolve) => timers.setTimeout(resolve, 20));
    return true;
  },
  async again() {
    let count = 0;
    const timeout = timers.setTimeout(() => (count += 1), 1);
    await fired((resolve) => timers.setTimeout(resolve, 20));
    timeout.refresh();
    await fired((resolve) => timers.setTimeout(resolve, 20));
    return count;
  },
  async values() {
    const given = await fired((resolve) => timers.setTimeout((...values) => resolve(values), 1, 1, "two"));
    const immediate = await fired((resolve) => timers.setImmediate(resolve, 3));
    return [given, immediate, await promises.setTimeout(1, "later"), await promises.setImmediate("now")];
  },
  async aborted() {
    const controller = new AbortController();
    const late = promises.setTimeout(10_000, "never", { signal: controller.signal });
    controller.abort("reason");
    const failures = await Promise.allSettled([late, promises.setImmediate(1, { signal: AbortSignal.abort() })]);
    return failures.map(({ reason }) => [reason.name, reason.code, `${reason.cause}`.split(":")[0]]);
  },
  async refused() {
    const wrong = [["1"], [1, null, 5], [1, null, { signal: {} }], [1, null, { ref: 1 }]];
    const failures = await Promise.allSettled(wrong.map((values) => promises.setTimeout(...values)));
    return failures.map(({ reason }) => `${reason.code} ${reason.message}`);
  },
  async globals() {
    const types = [setTimeout, setInterval].map((start) => {
      const started = start(() => {}, 10_000);
      clearInterval(started);
      return typeof started;
    });
    return [...types, typeof setImmediate(() => {}), await fired((resolve) => setTimeout(resolve, 1, "fired"))];
  },
};

export default {
  async test() {
    for (const [name, test] of Object.entries(tests)) console.log(`SEEN ${JSON.stringify([name, await test()])}`);
  },
};
"""
CONFIGURATION = """
name = "timers"
main = "index.mjs"
compatibility_date = "{date}"
compatibility_flags = ["nodejs_compat"]
"""
ARGUMENT = "ERR_INVALID_ARG_TYPE The "


@pytest.fixture(scope="module", params=["2026-02-09", "2026-02-10"])
def seen(request, tmp_path_factory):
    """What each test has given, and whether the global object has Node's timers."""
    folder = tmp_path_factory.mktemp("timers")
    (folder / "wrangler.toml").write_text(CONFIGURATION.format(date=request.param))
    (folder / "index.mjs").write_text(SOURCE)
    code, output = run("test", folder=folder)
    assert code == 0, output
    lines = [line.removeprefix("SEEN ") for line in output.splitlines() if line.startswith("SEEN ")]
    return dict(map(json.loads, lines)), request.param == "2026-02-10"


def test_what_was_started_is_an_object(seen):
    results, _ = seen
    assert results["methods"] == [True, False, True, True, True]
    assert results["cleared"] is True
    assert results["again"] == 2
    assert results["values"] == [[1, "two"], 3, "later", "now"]


def test_promises_end_with_their_signal_and_check_their_arguments(seen):
    results, _ = seen
    assert results["aborted"] == [["AbortError", "ABORT_ERR", "reason"], ["AbortError", "ABORT_ERR", "AbortError"]]
    assert results["refused"] == [
        f'{ARGUMENT}"delay" argument must be of type number.',
        f'{ARGUMENT}"options" argument must be of type object.',
        f'{ARGUMENT}"options.signal" argument must be of type AbortSignal.',
        f'{ARGUMENT}"options.ref" argument must be of type boolean.',
    ]


def test_the_global_timers_are_nodes_since_a_date(seen):
    results, is_node = seen
    kind = "object" if is_node else "number"
    assert results["globals"] == [kind, kind, "object", "fired"]

"""Calls on stubs: the order in which they arrive, what they reach, and how they fail."""

import json

import pytest
from harness import run

CALLS = """\
import { DurableObject, RpcPromise, RpcProperty, RpcStub, RpcTarget, WorkerEntrypoint } from "cloudflare:workers";

class Counter extends RpcTarget {
  count = 0;
  own = "hidden";

  add(by) {
    return (this.count += by);
  }

  toString() {
    return "a counter";
  }
}

class Box extends RpcTarget {
  stub = new RpcStub(new Counter());

  get content() {
    return this.stub;
  }
}

class Refusal extends Error {
  name = "Refusal";
}

export class Other extends WorkerEntrypoint {
  counter() {
    return new Counter();
  }

  box() {
    return new Box();
  }

  back(value) {
    return value;
  }

  call(target, value) {
    return target.add(value);
  }

  doubler() {
    return Object.assign((value) => 2 * value, { unit: "m" });
  }

  self(props) {
    return this.ctx.exports.Greeter({ props });
  }

  fail(name) {
    const failures = {
      own: () => Object.assign(new TypeError("no"), { code: 7, detail: { deep: [1] } }),
      cause: () => new RangeError("no", { cause: new SyntaxError("why") }),
      named: () => new Refusal("no"),
      function: () => Object.assign(new Error("no"), { later: () => 1 }),
      long: () => Object.assign(new Error("no"), { text: "x".repeat(1 << 20) }),
      syntax: () => new SyntaxError("no"),
      aborted: () => new DOMException("no", "AbortError"),
    };
    throw failures[name]();
  }
}

export class Greeter extends WorkerEntrypoint {
  greet(name) {
    return `${this.ctx.props.word}, ${name}`;
  }
}

export class Room extends DurableObject {
  fail() {
    throw new Error("no");
  }
}

const failed = (promise) => promise.then(() => "it did not fail", (error) => error);

const tests = {
  async order(other) {
    const counter = await other.counter();
    const sums = [];
    for (let by = 1; by <= 200; by += 1) sums.push(counter.add(by));
    const seen = await Promise.all(sums);
    return seen.every((sum, index) => sum === ((index + 1) * (index + 2)) / 2);
  },
  async classes(other) {
    const stub = await other.counter();
    const promise = stub.add(1);
    await promise;
    return [stub instanceof RpcStub, stub.add instanceof RpcProperty, promise instanceof RpcPromise, stub instanceof RpcPromise];
  },
  async disposed(other) {
    const local = new RpcStub(new Counter());
    const stubs = [await other.counter(), local];
    for (const stub of stubs) stub[Symbol.dispose]();
    const calls = stubs.map((stub) => failed(stub.add(1)));
    return (await Promise.all(calls)).map((error) => error.message);
  },
  async through_a_stub(other) {
    const first = await other.box().content.add(2);
    const box = await other.box();
    return [first, await box.content.add(1), await box.content.add(1)];
  },
  async members(other) {
    const counter = await other.counter();
    const refused = [counter.own, counter.hasOwnProperty("a"), counter.constructor];
    const texts = [await failed(counter.own), await failed(counter.hasOwnProperty("a"))];
    return [await counter.toString(), ...texts.map((error) => error.message)];
  },
  async functions(other) {
    const doubler = await other.doubler();
    return [await doubler(4), await doubler.unit, await other.doubler().unit, (await failed(doubler.length)).message];
  },
  async proxies(other) {
    const counter = new Counter();
    const proxy = new Proxy(counter, {
      get: (target, name) => (name === "add" ? (by) => target.add(10 * by) : Reflect.get(target, name)),
    });
    return [await other.call(proxy, 1), await other.call(counter, 1)];
  },
  async returned_argument(other) {
    const back = await other.back(() => 5);
    return [await back(), await other.back((value) => value + 1)(6)];
  },
  async returned_entrypoint(other) {
    const greeter = await other.self({ word: "Hello" });
    return [await greeter.greet("you"), await other.self({ word: "Bye" }).greet("you")];
  },
  async deep() {
    let property = new RpcStub({});
    let depth = 0;
    try {
      for (; depth < 100; depth += 1) property = property.x;
    } catch (error) {
      return [depth, `${error}`];
    }
  },
  async errors(other, env) {
    const seen = {};
    for (const name of ["own", "cause", "named", "function", "long", "syntax", "aborted"]) {
      const error = await failed(other.fail(name));
      const { code, detail, later, text } = error;
      const cause = error.cause && `${error.cause}`;
      seen[name] = [`${error}`, error.constructor.name, error.remote, code, detail, later, text, cause];
    }
    const room = env.ROOMS.getByName("one");
    const { remote, durableObjectId } = await failed(room.fail());
    seen.room = [remote, durableObjectId === `${room.id}`];
    return seen;
  },
};

export default {
  async test(controller, env, ctx) {
    for (const [name, test] of Object.entries(tests)) {
      const seen = await test(ctx.exports.Other, env).catch((error) => `${error}`);
      console.log(`SEEN ${JSON.stringify([name, seen])}`);
    }
  },
};
"""
CONFIGURATION = """
name = "calls"
main = "index.mjs"
compatibility_date = "2026-03-01"
compatibility_flags = ["{flag}"]
durable_objects.bindings = [{{ name = "ROOMS", class_name = "Room" }}]
migrations = [{{ tag = "v1", new_sqlite_classes = ["Room"] }}]
"""


@pytest.fixture(scope="module", params=["legacy_error_serialization", "enhanced_error_serialization"])
def seen(request, tmp_path_factory):
    """What each test of the Worker has given, and whether errors keep what they own."""
    folder = tmp_path_factory.mktemp("calls")
    (folder / "wrangler.toml").write_text(CONFIGURATION.format(flag=request.param))
    (folder / "index.mjs").write_text(CALLS)
    code, output = run("test", folder=folder)
    assert code == 0, output
    lines = [line.removeprefix("SEEN ") for line in output.splitlines() if line.startswith("SEEN ")]
    return dict(map(json.loads, lines)), request.param == "enhanced_error_serialization"


def unimplemented(name):
    return f'The RPC receiver does not implement the method "{name}".'


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("order", True),
        ("classes", [True, True, True, False]),
        ("disposed", 2 * ["RPC stub used after being disposed."]),
        ("through_a_stub", [2, 1, 2]),
        ("members", ["a counter", unimplemented("own"), unimplemented("hasOwnProperty")]),
        ("proxies", [10, 11]),
        ("returned_argument", [5, 7]),
        ("returned_entrypoint", ["Hello, you", "Bye, you"]),
        ("deep", [64, "TypeError: RPC pipelined property path is too deep (max 64)."]),
    ],
)
def test_calls_reach_what_they_name(seen, name, expected):
    assert seen[0][name] == expected


def test_functions_have_properties(seen):
    assert seen[0]["functions"][:3] == [8, "m", "m"]


def test_errors_keep_what_they_own_where_a_flag_says_so(seen):
    results, enhanced = seen
    errors = results["errors"]
    owned = [7, {"deep": [1]}] if enhanced else [None, None]
    assert errors["own"] == ["TypeError: no", "TypeError", True, *owned, None, None, None]
    assert errors["cause"][-1] == ("SyntaxError: why" if enhanced else None)
    text = "Refusal: no" if enhanced else "Error: Refusal: no"
    assert errors["named"][:3] == [text, "Error", True]
    # What is no data, or too much, stays behind with the rest.
    assert errors["function"] == errors["long"] == ["Error: no", "Error", True, *5 * [None]]
    assert errors["syntax"][:3] == ["SyntaxError: no", "SyntaxError", True]
    assert errors["aborted"][:2] == ["AbortError: no", "DOMException"]
    assert errors["room"] == [True, True]

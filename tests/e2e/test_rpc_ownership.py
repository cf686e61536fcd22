"""What becomes of stubs that are passed to other Workers and returned by them, and of signals that abort."""

import contextlib
import json

import pytest
from harness import Server

JAVASCRIPT = """\
import { RpcStub, RpcTarget, WorkerEntrypoint } from "cloudflare:workers";

export class Other extends WorkerEntrypoint {
  add(target, by) {
    return target.add(by);
  }

  async addAll(targets) {
    let sum = 0;
    for (const target of targets.list) sum = await target.add(1);
    return sum;
  }

  back(target) {
    return { target: target.dup() };
  }

  async untilAborted(signal) {
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    return describe(signal);
  }

  echo(signal) {
    return signal;
  }

  async readRequest({ signal, cf, cache }) {
    return [await this.untilAborted(signal), cf.tag, cache];
  }

  describeRequest({ signal, cf, url }) {
    return [signal.aborted, typeof cf.colo, url];
  }

  async passedOn(signal) {
    return [await this.ctx.exports.Other.untilAborted(signal), describe(signal)];
  }
}

const describe = ({ aborted, reason }) => [aborted, `${reason?.name ?? typeof reason}: ${reason?.message ?? reason}`];

class Counter extends RpcTarget {
  count = 0;
  disposed = 0;
  ended = Promise.withResolvers();

  add(by) {
    this.count += by;
    return this.count;
  }

  [Symbol.dispose]() {
    this.disposed += 1;
    this.ended.resolve();
  }
}

class Copied extends Counter {
  copies = [];

  dup() {
    const copy = new Counter();
    this.copies.push(copy);
    return copy;
  }
}

const tests = {
  async stub_twice(other) {
    const counter = new Counter();
    const stub = new RpcStub(counter);
    const seen = [await other.add(stub, 1), await other.add(stub, 2), await stub.add(3), counter.disposed];
    stub[Symbol.dispose]();
    await counter.ended.promise;
    return [...seen, counter.disposed];
  },
  async plain_target(other) {
    const counter = new Counter();
    const seen = await other.add(counter, 1);
    await counter.ended.promise;
    return [seen, counter.disposed];
  },
  async target_with_dup(other) {
    const copied = new Copied();
    const seen = [await other.add(copied, 1), await other.addAll({ list: [copied, copied] })];
    await Promise.all(copied.copies.map((copy) => copy.ended.promise));
    return [...seen, copied.count, copied.disposed, copied.copies.map((copy) => copy.disposed)];
  },
  async returned(other) {
    const counter = new Counter();
    const stub = new RpcStub(counter);
    const back = await other.back(stub);
    stub[Symbol.dispose]();
    const seen = [await back.target.add(1), counter.disposed];
    back[Symbol.dispose]();
    await counter.ended.promise;
    return [...seen, counter.disposed];
  },
  async disposed_stub(other) {
    const stub = new RpcStub(new Counter());
    stub[Symbol.dispose]();
    return other.add(stub, 1).catch((error) => error.message);
  },
  async aborts_later(other) {
    const controller = new AbortController();
    const waiting = other.untilAborted(controller.signal);
    controller.abort(new RangeError("enough"));
    return waiting;
  },
  async aborts_without_a_reason(other) {
    const controller = new AbortController();
    const waiting = other.untilAborted(controller.signal);
    controller.abort();
    return waiting;
  },
  async aborts_with_what_cannot_be_cloned(other) {
    const controller = new AbortController();
    const waiting = other.untilAborted(controller.signal);
    controller.abort(Symbol("odd"));
    return waiting;
  },
  async aborted_before(other) {
    return describe(await other.echo(AbortSignal.abort("gone")));
  },
  async aborts_after_a_time(other) {
    return other.untilAborted(AbortSignal.timeout(1));
  },
  async passed_on(other) {
    const controller = new AbortController();
    const waiting = other.passedOn(controller.signal);
    controller.abort("stop");
    return waiting;
  },
  async comes_back(other) {
    const controller = new AbortController();
    const signal = await other.echo(controller.signal);
    const before = describe(signal);
    const heard = new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    controller.abort("stop");
    await heard;
    return [before, describe(signal)];
  },
  async in_a_request(other) {
    const controller = new AbortController();
    const init = { signal: controller.signal, cf: { tag: "x" }, cache: "no-store" };
    const waiting = other.readRequest(new Request(new Request("http://a/", init)));
    controller.abort("stop");
    return waiting;
  },
  async of_a_client(other, request) {
    return [...(await other.describeRequest(request)), request.signal.aborted];
  },
  async beside_what_is_shared(other) {
    const shared = {};
    const response = new Response("", { cf: { tag: "y" } });
    const list = await other.echo([AbortSignal.abort({ why: 1 }), new Request("http://a/", { cf: {} }), response, shared, shared]);
    return [list[0].reason.why, list[1].url, list[2].cf.tag, list[3] === list[4], Object.keys(list[3]).length];
  },
  async never_aborts(other) {
    return describe(await other.echo(new AbortController().signal));
  },
};

export default {
  async fetch(request, env, ctx) {
    const name = new URL(request.url).pathname.slice(1);
    return Response.json(await tests[name](ctx.exports.Other, request));
  },
};
"""

RESULTS = {
    "stub_twice": [1, 3, 6, 0, 1],
    "plain_target": [1, 1],
    "target_with_dup": [1, 1, 0, 0, [1, 1, 1]],
    "returned": [1, 0, 1],
    "disposed_stub": "RPC stub used after being disposed.",
    "aborts_later": [True, "RangeError: enough"],
    "aborts_without_a_reason": [True, "AbortError: The operation was aborted"],
    "aborts_with_what_cannot_be_cloned": [True, "AbortError: The operation was aborted"],
    "aborted_before": [True, "string: gone"],
    "aborts_after_a_time": [True, "TimeoutError: The operation was aborted due to timeout"],
    "passed_on": [[True, "string: stop"], [True, "string: stop"]],
    "comes_back": [[False, "undefined: undefined"], [True, "string: stop"]],
    "in_a_request": [[True, "string: stop"], "x", "no-store"],
    "of_a_client": [False, "string", "http://own.test/of_a_client", False],
    "beside_what_is_shared": [1, "http://a/", "y", True, 0],
    "never_aborts": [False, "undefined: undefined"],
}


def serve(folder, date):
    folder.mkdir()
    (folder / "wrangler.toml").write_text(f'name = "ownership"\nmain = "index.mjs"\ncompatibility_date = "{date}"\n')
    (folder / "index.mjs").write_text(JAVASCRIPT)
    return contextlib.closing(Server(["dev", str(folder), "--port", "0"], folder))


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serve(tmp_path_factory.mktemp("rpc") / "ownership", "2026-06-01") as server:
        yield server


@pytest.mark.parametrize("name", RESULTS)
def test_what_is_passed_is_the_callers_and_what_is_returned_is_not(served, name):
    answer = served.fetch(f"/{name}", headers={"host": "own.test"})
    assert answer.status == 200, answer.text
    assert json.loads(answer.text) == RESULTS[name]


def test_before_2026_01_20_a_stub_that_is_passed_is_given_away(tmp_path):
    with serve(tmp_path / "ownership", "2026-01-19") as server:
        answer = server.fetch("/stub_twice")
    assert answer.status == 500 and "RPC stub used after being disposed." in answer.text

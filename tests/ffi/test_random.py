"""Random operations on both sides of the bridge: whatever programs do, the process survives and the bridge still works.

An episode is a pool of values of both languages and a few hundred operations on them, all drawn from one seed, which a
failure names. `FFI_EPISODES` sets how many are run (for a long run, say 100000), `FFI_SEED` with which seed they begin.
"""

import asyncio
import copy
import faulthandler
import gc
import itertools
import os
import random

import pytest

EPISODES = int(os.environ.get("FFI_EPISODES", "15"))
FIRST_SEED = int(os.environ.get("FFI_SEED", "1"))
OPERATIONS = 300
POOL_MAX = 40
ITEMS_MAX = 8


class Thing:
    """A Python object that does a little of everything, some of it badly."""

    attribute = [1]
    fails_when_deleted = False

    def __init__(self, value=None):
        self.value = value

    def __call__(self, *arguments, **keywords):
        return arguments[0] if arguments else self.value

    def __len__(self):
        return 2 if self.value else -1

    def __getitem__(self, key):
        if key == 3:
            raise ValueError("on purpose")
        return self.value

    def __del__(self):
        if self.value is Thing and self.fails_when_deleted:
            raise ValueError("in __del__")


def generator(value):
    got = yield value
    try:
        yield got
    finally:
        yield value


async def coroutine(value):
    return value


PYTHON = [
    lambda r, v: [v, v],
    lambda r, v: (v,),
    lambda r, v: {"key": v, "a": 1},
    lambda r, v: {1, "a", None},
    lambda r, v: bytearray(b"bytes"),
    lambda r, v: memoryview(bytes(12)).cast("i"),
    lambda r, v: Thing(v),
    lambda r, v: Thing(Thing),
    lambda r, v: lambda *a: a[0] if a else v,
    lambda r, v: generator(v),
    lambda r, v: coroutine(v),
    lambda r, v: ValueError("value"),
    lambda r, v: Thing,
    lambda r, v: r.choice([0, -1, 2**53, 2**70, 1.5, float("nan"), "", "é", "\ud800", "key", "a", None, True, b"b"]),
]

JAVASCRIPT = [
    "(v) => ({key: v, a: 1, f() { return this.key; }})",
    "(v) => [v, 1, v]",
    "(v) => new Map([['key', v], [1, 2]])",
    "(v) => new Set([v, 1])",
    "(v) => function* () { try { yield v; yield 2; } finally { yield 3; } }()",
    "(v) => async function* () { yield v; }()",
    "(v) => Promise.resolve(v)",
    "(v) => new Error('made')",
    "(v) => new Uint8Array([1, 2, 3, 4]).subarray(1)",
    "(v) => new Float64Array(2)",
    "(v) => new ArrayBuffer(5)",
    "(v) => (...a) => a.length ? a[0] : v",
    "(v) => { throw v; }",
    "(v) => () => { throw new TypeError('thrown'); }",
    "(v) => new Proxy({}, { get(target, key) { if (key === 'a') throw v; return target[key]; } })",
    "(v) => ({get a() { throw v; }, length: 2, [Symbol.iterator]() { return [v][Symbol.iterator](); }})",
    "(v) => Object.create(null)",
    "(v) => class { constructor(x) { this.key = x; } }",
    "(v) => Symbol('s')",
    "(v) => null",
]

ON_JAVASCRIPTS_SIDE = [
    "(a, b) => { a.key = b; return a.key; }",
    "(a, b) => { delete a.key; return 'key' in a; }",
    "(a, b) => a.get?.(b)",
    "(a, b) => a.set?.(b, a)",
    "(a, b) => a.has?.(b)",
    "(a, b) => a.delete?.(b)",
    "(a, b) => a(b, a)",
    "(a, b) => new a(b)",
    "(a, b) => a.copy?.()",
    "(a, b) => a.destroy?.()",
    "(a, b) => { a.destroy?.(); return a.length; }",
    "(a, b) => [...a].slice(0, 4)",
    "(a, b) => a.toJs?.({depth: 2})",
    "(a, b) => a.toJs?.({create_pyproxies: false})",
    "(a, b) => Object.keys(a)",
    "(a, b) => a.next?.(b)",
    "(a, b) => a.throw?.(new Error('into'))",
    "(a, b) => a.return?.(b)",
    "(a, b) => a.push?.(b)",
    "(a, b) => a.splice?.(0, 1, b)",
    "(a, b) => a.asJsJson?.().key",
    "(a, b) => a.callKwargs?.(b, {key: a})",
    "(a, b) => a.captureThis?.().call(b, a)",
    "(a, b) => a.bind?.(b, a)",
    "(a, b) => { const view = a.getBuffer?.(); const data = view?.data; view?.release(); return data?.length; }",
    "(a, b) => a.getBuffer?.('u8').data",
    "(a, b) => { globalThis.kept = a; globalThis.keptCopy = b.copy?.(); }",
    "(a, b) => [globalThis.kept, globalThis.keptCopy]",
    "(a, b) => a.then?.(() => b, () => b)",
    "async (a, b) => { await 0; return await a; }",
    "(a, b) => { try { a(b); } catch (error) { return error; } }",
    "(a, b) => { try { a(b); } catch (error) { throw error; } }",
    "(a, b) => a === b || a == null || typeof a",
    "(a, b) => Object.setPrototypeOf(a, b)",
    "(a, b) => Object.freeze(a)",
]


def python_operations():
    from pyodide.ffi import create_once_callable, create_proxy, to_js

    return [
        lambda r, a, b: getattr(a, r.choice(["key", "a", "value", "attribute", "length", "f", "then"])),
        lambda r, a, b: setattr(a, "key", b),
        lambda r, a, b: delattr(a, "key"),
        lambda r, a, b: a[r.choice([0, -1, 9, "key", slice(0, 2), b])],
        lambda r, a, b: a.__setitem__(r.choice([0, "key", slice(0, 1), b]), b),
        lambda r, a, b: a.__delitem__(r.choice([0, "key", slice(0, 1), b])),
        lambda r, a, b: a(b),
        lambda r, a, b: a(b, key=a),
        lambda r, a, b: a.new(b),
        lambda r, a, b: list(itertools.islice(a, ITEMS_MAX)),
        lambda r, a, b: next(a),
        lambda r, a, b: a.send(b),
        lambda r, a, b: a.throw(ValueError),
        lambda r, a, b: a.close(),
        lambda r, a, b: a.destroy(),
        lambda r, a, b: a.unwrap(),
        lambda r, a, b: (len(a), bool(a), a == b, b in a, a != b),
        lambda r, a, b: (dir(a), type(a), hash(a)),
        lambda r, a, b: a < b,
        lambda r, a, b: create_proxy(a, roundtrip=r.random() < 0.5, capture_this=r.random() < 0.5),
        lambda r, a, b: create_once_callable(a),
        lambda r, a, b: to_js(a, depth=r.choice([-1, 0, 1, 2])),
        lambda r, a, b: to_js(a, default_converter=lambda value, convert, cache: convert(b)),
        lambda r, a, b: to_js(a, eager_converter=lambda value, convert, cache: convert(value)),
        lambda r, a, b: to_js(a, create_pyproxies=False),
        lambda r, a, b: a.to_py(depth=r.choice([-1, 1, 2])),
        lambda r, a, b: a.to_py(default_converter=lambda value, convert, cache: cache(value, b)),
        lambda r, a, b: a.as_py_json()["key"],
        lambda r, a, b: a.append(b),
        lambda r, a, b: a.extend(itertools.islice(b, ITEMS_MAX)),
        lambda r, a, b: a.pop(),
        lambda r, a, b: a.index(b),
        lambda r, a, b: a.update({"key": b}),
        lambda r, a, b: a.then(lambda x: b),
        lambda r, a, b: asyncio.ensure_future(a),
        lambda r, a, b: (a.to_bytes(), a.to_string(), a.assign(b), a.assign_to(b)),
        lambda r, a, b: a.to_weakref().deref(),
        lambda r, a, b: copy.copy(a),
        lambda r, a, b: (_ for _ in ()).throw(a),
    ]


@pytest.fixture(scope="module")
def tools(run_js):
    makers = PYTHON + [lambda r, v, make=run_js(source): make(v) for source in JAVASCRIPT]
    scripts = [lambda r, a, b, script=run_js(source): script(a, b) for source in ON_JAVASCRIPTS_SIDE]
    return makers, python_operations() + scripts


def episode(seed, makers, operations):
    """One pool and what happens to it. Only exceptions are allowed to come of an operation."""
    drawn = random.Random(seed)
    pool = [None, 1, "key"]
    for _ in range(OPERATIONS):
        try:
            if drawn.random() < 0.3:
                result = drawn.choice(makers)(drawn, drawn.choice(pool))
            else:
                result = drawn.choice(operations)(drawn, drawn.choice(pool), drawn.choice(pool))
        except Exception as error:
            result = error
        if len(pool) < POOL_MAX:
            pool.append(result)
        else:
            pool[drawn.randrange(POOL_MAX)] = result
    for task in asyncio.all_tasks(asyncio.get_event_loop()):
        task.cancel()


async def turns():
    for _ in range(3):
        await asyncio.sleep(0)


@pytest.mark.filterwarnings("ignore", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_random_operations_leave_the_bridge_working(tools, run, run_js, monkeypatch):
    faulthandler.enable()
    # Not beyond this test, which leaves some behind in cycles.
    monkeypatch.setattr(Thing, "fails_when_deleted", True)
    same = run_js("(x) => x")
    for seed in range(FIRST_SEED, FIRST_SEED + EPISODES):
        print(f"FFI_SEED={seed}", flush=True)
        episode(seed, *tools)
        run_js("globalThis.kept = globalThis.keptCopy = undefined")
        gc.collect()
        run(turns())
        marker = object()
        assert same(marker) is marker
        assert same([1]) == [1]

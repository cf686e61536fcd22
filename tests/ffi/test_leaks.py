"""Round trips of every kind of proxy leave both heaps as they were. `bench/run.py leaks` is the long form."""

import asyncio
import gc

import pytest
from pyodide.ffi import create_once_callable, create_proxy, to_js

TRIPS = 300


@pytest.fixture(autouse=True, scope="module")
def frozen(freeze):
    """Only what the tests make is counted."""
    freeze()
    yield
    gc.unfreeze()


class Thing:
    def method(self):
        return self


def make_trips(run_js):
    identity = run_js("(x) => x")
    call = run_js("(f, ...a) => f(...a)")
    raise_js = run_js("() => { throw new Error('no'); }")
    catch = run_js("(f) => { try { f(); } catch (error) { return error; } }")
    read = run_js("(o) => [o.method, o.method()].length")
    iterate = run_js("(o) => [...o].length")
    array, mapping = run_js("[1, {}, () => 2]"), run_js("new Map([[1, {}]])")
    generator = run_js("(function* () { yield {}; })")
    view = run_js("(b) => { const view = b.getBuffer(); view.release(); }")
    keep = run_js("(x) => { globalThis.kept = x; }")

    def failing():
        raise ValueError("no")

    def caught():
        with pytest.raises(Exception, match="no"):
            raise_js()

    def generated():
        yield {}

    def cycle():
        thing = Thing()
        thing.js = run_js("({})")
        thing.js.thing = thing

    return {
        "object": lambda: identity(run_js("({})")),
        "function": lambda: call(run_js("() => ({})")),
        "method": lambda: run_js("({f() { return this; }})").f(),
        "array": lambda: [identity(item) for item in array],
        "map": lambda: list(mapping.items()),
        "JavaScript's generator": lambda: list(generator()),
        "JavaScript's error": caught,
        "Python's object": lambda: identity(Thing()),
        "Python's function": lambda: call(lambda *a: a, Thing(), {}),
        "attribute": lambda: read(Thing()),
        "Python's generator": lambda: iterate(generated()),
        "list": lambda: iterate([Thing(), {}, []]),
        "Python's error": lambda: catch(failing),
        "buffer": lambda: view(bytearray(8)),
        "create_proxy": lambda: create_proxy(Thing()).destroy(),
        "create_proxy, undestroyed": lambda: create_proxy(Thing()),
        "create_once_callable": lambda: call(create_once_callable(Thing)),
        "kept": lambda: keep(create_proxy(Thing())),
        "to_js": lambda: to_js([{"a": [Thing(), b"x"]}, {1, 2}]),
        "to_py": lambda: run_js("({a: [1, new Map([[1, new Set([2])]])]})").to_py(),
        "alias": lambda: run_js("(f) => f.bind(1).captureThis()")(create_proxy(Thing)),
        "cycle": cycle,
    }


def leftover(trips, counts, run_js_gc):
    """What a second run of the trips leaves in JavaScript, and in Python for each trip, rounded."""

    def heaps():
        gc.collect()
        run_js_gc()
        return *counts(), len(gc.get_objects())

    trips()
    proxies, objects, python_objects = heaps()
    trips()
    proxies_after, objects_after, python_objects_after = heaps()
    return proxies_after - proxies, objects_after - objects, round((python_objects_after - python_objects) / TRIPS)


@pytest.mark.parametrize("name", make_trips(lambda source: []))
def test_round_trips_leave_nothing_behind(name, run_js, counts, run_js_gc):
    trip = make_trips(run_js)[name]

    def trips():
        for _ in range(TRIPS):
            trip()

    assert leftover(trips, counts, run_js_gc) == (0, 0, 0)


def test_promises_leave_nothing_behind(run_js, run, counts, run_js_gc):
    later = run_js("async (x) => ({x})")
    awaited = run_js("async (f) => await f()")

    async def coroutine():
        await asyncio.sleep(0)
        return Thing()

    async def trips():
        for _ in range(TRIPS):
            await later(1)
            await later(create_proxy(Thing()))
            await awaited(coroutine)

    assert leftover(lambda: run(trips()), counts, run_js_gc) == (0, 0, 0)

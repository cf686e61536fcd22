"""What a million round trips of each kind of proxy leave in memory, and what looking for cycles in both heaps costs.
`hognose run bench/leaks.py [trips]` prints JSON: MiB that the process grew by, and milliseconds of CPU time.
"""

import gc
import json
import os
import sys
import time

from pyodide.code import run_js
from pyodide.ffi import create_once_callable, create_proxy, to_js

TRIPS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
WARM_UP = TRIPS // 10
COLLECTED_OBJECTS = 100_000
MIB = 1 << 20

identity = run_js("(x) => x")
call = run_js("(f, ...a) => f(...a)")
make = run_js("() => ({})")
read = run_js("(o) => o.method()")
iterate = run_js("(o) => [...o].length")
fail = run_js("() => { throw new Error('no'); }")
catch = run_js("(f) => { try { f(); } catch (error) { return error; } }")
generator = run_js("(function* () { yield {}; })")
view = run_js("(b) => b.getBuffer().release()")
values = run_js("({list: [1, {}], map: new Map([[1, {}]])})")


class Thing:
    def method(self):
        return self


def raise_error():
    raise ValueError("no")


def catch_error():
    try:
        fail()
    except Exception:
        pass


def generate():
    yield {}


def ring():
    thing = Thing()
    thing.js = make()
    thing.js.thing = thing


KINDS = {
    "a JavaScript object": make,
    "a JavaScript generator": lambda: list(generator()),
    "a JavaScript error": catch_error,
    "containers read": lambda: (list(values.list), list(values.map.items())),
    "a Python object": lambda: identity(Thing()),
    "a Python function": lambda: call(lambda a: a, {}),
    "a Python attribute": lambda: read(Thing()),
    "a Python generator": lambda: iterate(generate()),
    "a Python error": lambda: catch(raise_error),
    "a buffer": lambda: view(bytearray(8)),
    "create_proxy": lambda: create_proxy(Thing()),
    "create_once_callable": lambda: call(create_once_callable(Thing)),
    "to_js and to_py": lambda: to_js({"a": [Thing(), 1]}).to_py(),
    "a cycle through both heaps": ring,
}


def resident_bytes() -> int:
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def growth_mib(trip) -> float:
    for _ in range(WARM_UP):
        trip()
    before = resident_bytes()
    for _ in range(TRIPS):
        trip()
    return (resident_bytes() - before) / MIB


def collection_ms() -> float:
    started = time.thread_time()
    gc.collect()
    return (time.thread_time() - started) * 1e3


def collections() -> dict[str, float]:
    """A full collection of many objects: Python's alone, since there is no PyProxy, and one that surveys both heaps."""
    objects = [[] for _ in range(COLLECTED_OBJECTS)]
    gc.collect()
    alone = min(collection_ms() for _ in range(5))
    proxy = create_proxy(objects)
    surveyed = min(collection_ms() for _ in range(5))
    proxy.destroy()
    return {"collection of 100,000 objects": alone, "the same, surveying both heaps": surveyed}


print(json.dumps({"growth": {kind: growth_mib(trip) for kind, trip in KINDS.items()}, "collections": collections()}))

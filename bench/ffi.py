"""What crossing between Python and JavaScript costs, beside the same step within Python. `hognose run bench/ffi.py` prints
JSON: nanoseconds a step, of CPU time.

Each step is timed in short slices, of which the lower quartile counts: what the machine's other work interrupted lies in
the upper part.
"""

import json
import time

import js
from pyodide.code import run_js
from pyodide.ffi import to_js

SLICES = 40
SLICE_SECONDS = 0.002
UNROLLED = 10  # steps a loop round, so that the loop itself costs little of what is measured


class Record:
    def __init__(self):
        self.i = 42


def function(value):
    return value


THERE = run_js("({ i: 42, inner: {}, function: (value) => value, numbers: Array.from({ length: 1000 }, (_, i) => i) })")
HERE = Record()
DICT = {f"key{i}": i for i in range(100)}
CALLS_BACK = run_js(f"(callback, rounds) => {{ for (let i = 0; i < rounds; i++) {{ {'callback(1);' * UNROLLED} }} }}")


def looped(step: str, **names):
    """A function that takes `step` for so many rounds."""
    source = f"def loop(rounds):\n for _ in range(rounds):\n  {';'.join([step] * UNROLLED)}"
    exec(source, names)
    return names["loop"]


def nanoseconds(loop) -> float:
    rounds = 1
    while _seconds(loop, rounds) < SLICE_SECONDS:
        rounds *= 2
    slices = sorted(_seconds(loop, rounds) for _ in range(SLICES))
    return slices[SLICES // 4] / rounds / UNROLLED * 1e9


def _seconds(loop, rounds: int) -> float:
    started = time.thread_time()
    loop(rounds)
    return time.thread_time() - started


STEPS = {
    "attribute of a Python object": looped("o.i", o=HERE),
    "attribute of a JavaScript object": looped("o.i", o=THERE),
    "call of a Python function": looped("f(1)", f=function),
    "call of a JavaScript function": looped("f(1)", f=THERE.function),
    "call of a Python function from JavaScript": lambda rounds: CALLS_BACK(function, rounds),
    "object of a JavaScript object": looped("o.inner", o=THERE),
    "call of a JavaScript method": looped("o.function(1)", o=THERE),
    "list of a JavaScript array of 1,000": looped("list(a)", a=THERE.numbers),
    "to_js of a dict of 100": looped("to_js(d, dict_converter=c)", d=DICT, to_js=to_js, c=js.Object.fromEntries),
    "to_py of an object of 100": looped("o.to_py()", o=to_js(DICT, dict_converter=js.Object.fromEntries)),
    "to_js of 64 KiB of bytes": looped("to_js(b)", b=bytes(1 << 16), to_js=to_js),
}

print(json.dumps({name: nanoseconds(loop) for name, loop in STEPS.items()}))

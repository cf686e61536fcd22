"""What crossing between Python and JavaScript costs, beside the same step within Python. `hognose run bench/ffi.py` prints
JSON: nanoseconds a step, of CPU time.

Each step is timed in short slices, of which the lower quartile counts: what the machine's other work interrupted lies in
the upper part.
"""

import json
import time

from pyodide.code import run_js

SLICES = 40
SLICE_SECONDS = 0.002
UNROLLED = 10  # steps a loop round, so that the loop itself costs little of what is measured


class Record:
    def __init__(self):
        self.i = 42


def function(value):
    return value


THERE = run_js("({ i: 42, function: (value) => value })")
HERE = Record()
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
}

print(json.dumps({name: nanoseconds(loop) for name, loop in STEPS.items()}))

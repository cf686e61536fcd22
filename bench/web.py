"""What the web platform's hot paths cost, beside Node.js in one run: `python bench/web.py [CASE]...`. See README.md.

Each case runs in a process of its own, many rounds and few; the difference of the two CPU times is what the rounds cost.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SCRIPT = Path(__file__).with_name("web.mjs")
RUNS = 3
# How many rounds each case runs; some of it is to be seen above the start of a process.
ROUNDS = {
    "request": 20_000,
    "response": 20_000,
    "headers": 200_000,
    "url": 50_000,
    "decode": 100_000,
    "transform": 200,
    "digest": 200,
    "encrypt": 200,
    "gzip": 100,
    "rewrite": 40,
}
NODE_LACKS = ["rewrite"]


def cpu_seconds(command: list[str], name: str, rounds: int) -> float:
    """The CPU time, user and system, of a process and all it started."""
    with tempfile.TemporaryDirectory() as folder:
        main = Path(folder, "main.mjs")
        main.write_text(f"globalThis.bench = {json.dumps({'name': name, 'rounds': rounds})};\n{SCRIPT.read_text()}")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*command, str(main)], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def microseconds(command: list[str], name: str) -> float:
    """What a round costs."""
    rounds = ROUNDS[name]
    few = rounds // 10
    costs = [cpu_seconds(command, name, rounds) - cpu_seconds(command, name, few) for _ in range(RUNS)]
    return statistics.median(costs) / (rounds - few) * 1e6


def main(names: list[str]) -> None:
    hognose = [os.environ.get("HOGNOSE", ".venv/bin/hognose"), "run"]
    print("| case | Node | hognose | times Node |\n| --- | ---: | ---: | ---: |")
    for name in names or ROUNDS:
        ours = microseconds(hognose, name)
        if name in NODE_LACKS:
            print(f"| {name} | | {ours:.3g} µs | |", flush=True)
            continue
        theirs = microseconds(["node"], name)
        print(f"| {name} | {theirs:.3g} µs | {ours:.3g} µs | {ours / theirs:.2g} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

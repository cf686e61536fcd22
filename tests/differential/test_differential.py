"""Small programs, run on npm's Pyodide under Node and on hognose: both must say the same.

`main.mjs` runs the programs in `programs/` on either. The lines in which hognose differs for a reason are in
`different.json`, each with what hognose says and the reason.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
HOGNOSE = os.environ.get("HOGNOSE", str(FOLDER.parents[1] / ".venv/bin/hognose"))
# Pyodide under Node takes a quarter of a minute of CPU time, and a busy machine may have many minutes' work besides.
TIMEOUT_S = 900


def lacking():
    """Why the comparison cannot be made here, or None."""
    if sys.version_info[:2] != (3, 13):
        return "the Pyodide in package.json is that of CPython 3.13"
    if shutil.which("node") is None:
        return "Node is absent: get it with `apt install nodejs npm`"
    if not (FOLDER / "node_modules/pyodide").is_dir():
        return "npm's Pyodide is absent: get it with `npm ci --prefix tests/differential`"
    return None


if reason := lacking():
    pytest.skip(reason, allow_module_level=True)


def results(*command):
    """What each program yielded on one of the two."""
    options = {"cwd": FOLDER, "capture_output": True, "text": True, "timeout": TIMEOUT_S}
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, **options)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def differences(theirs, ours):
    """Program, line, what Pyodide says and what hognose says, wherever the two are not the same."""
    for program, lines in theirs.items():
        for line, (their, our) in enumerate(zip(lines, ours[program], strict=True)):
            if their != our:
                yield program, line, their, our


def test_programs_say_the_same_on_pyodide_and_on_hognose():
    theirs, ours = results("node", "node.mjs"), results(HOGNOSE, "run", "main.mjs")
    assert list(ours) == list(theirs)
    found = {(program, line): (their, our) for program, line, their, our in differences(theirs, ours)}
    for known in json.loads((FOLDER / "different.json").read_text()):
        place = known["program"], known["line"]
        assert found.pop(place, (None, None))[1] == known["hognose"], f"{place} is not as different.json says"
    assert found == {}

"""Stacks that are put aside, and what looks at stacks: programs of their own, run by `hognose run`."""

from pathlib import Path

import pytest
from harness import run

PROGRAMS = Path(__file__).parent / "programs"


@pytest.mark.parametrize("program", ["suspended", "promising", "debuggers"])
def test_a_program_passes_its_own_tests(program):
    code, output = run("run", str(PROGRAMS / f"{program}.py"), folder=PROGRAMS)
    assert code == 0, output
    assert output.rstrip().endswith("OK")


def test_pdb_reads_standard_input(tmp_path):
    """It stops at a breakpoint, looks around, waits for promises, steps into what JavaScript calls, and goes on."""
    (tmp_path / "a.py").write_text(
        """
import js
from pyodide.ffi import run_sync

def called():
    return "from JavaScript"

value = [1, 2]
breakpoint()
js.Function.new("f", "return f()")(called)
print("done")
"""
    )
    commands = "p len(value)\np run_sync(js.Promise.resolve('awaited'))\nb called\nc\nw\nc\n"
    code, output = run("run", str(tmp_path / "a.py"), folder=tmp_path, input=commands)
    assert code == 0, output
    assert "(Pdb) 2\n" in output
    assert "(Pdb) 'awaited'\n" in output
    assert 'return "from JavaScript"' in output
    assert output.endswith("done\n")

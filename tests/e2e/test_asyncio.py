"""Programs that use asyncio as they would anywhere, run by `hognose run`; each in `programs/` is a unittest of its own."""

from pathlib import Path

import pytest
from harness import run

PROGRAMS = Path(__file__).parent / "programs"


@pytest.mark.parametrize("program", ["network", "concurrency", "threads"])
def test_a_program_runs_as_under_python(program):
    code, output = run("run", str(PROGRAMS / f"{program}.py"), folder=PROGRAMS)
    assert code == 0, output
    assert output.rstrip().endswith("OK")


def test_other_programs_are_not_started(tmp_path):
    (tmp_path / "a.py").write_text("import asyncio\nawait asyncio.create_subprocess_exec('true')\n")
    code, output = run("run", str(tmp_path / "a.py"), folder=tmp_path)
    assert code == 1
    assert "NotImplementedError: hognose starts no other programs, so 'true' can't run" in output


def test_threads_outlive_the_script(tmp_path):
    """What the program leaves behind still has the loop, also once its own code has ended."""
    (tmp_path / "a.py").write_text(
        """
import asyncio, atexit, sys, threading
import js
from pyodide.ffi import run_sync

ended = threading.Event()

def late():
    ended.wait()
    print(js.JSON.parse("[7]")[0], run_sync(asyncio.sleep(0.01, "waited")))

threading.Thread(target=late).start()
atexit.register(print, "exit")
threading._register_atexit(ended.set)
if sys.argv[1:]:
    sys.exit(3)
"""
    )
    assert run("run", str(tmp_path / "a.py"), folder=tmp_path) == (0, "7 waited\nexit\n")
    assert run("run", str(tmp_path / "a.py"), "fail", folder=tmp_path) == (3, "7 waited\nexit\n")


def test_a_server_keeps_its_program_alive(tmp_path):
    """The script's own code ends at once; what it started answers, and stops the loop by closing."""
    (tmp_path / "a.py").write_text(
        """
import asyncio, socket, threading

async def answer(reader, writer):
    writer.write(await reader.readline())
    writer.close()
    server.close()

server = await asyncio.start_server(answer, "127.0.0.1", 0)
address = server.sockets[0].getsockname()

def ask():
    with socket.create_connection(address) as client:
        client.sendall(b"still here\\n")
        print(client.makefile().read(), end="")

threading.Thread(target=ask).start()
"""
    )
    assert run("run", str(tmp_path / "a.py"), folder=tmp_path) == (0, "still here\n")

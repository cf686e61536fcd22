"""``hognose run``: running one script, Python or JavaScript, to its end."""

import ast
import asyncio
import atexit
import inspect
import sys
import tempfile
import threading
import traceback
from pathlib import Path

import __main__
from hognose import _hognose

_JAVASCRIPT = (".js", ".mjs", ".ts", ".mts")
_ONLY_MODULES = (".mjs", ".mts")

_hold = None
_task = None
_writes_anywhere = False
# Whether the script waits for something that can never happen: then its end waits for nothing.
_is_stuck = False


def start(file: str, arguments: list[str], writes_anywhere: bool):
    """Begins to run the script; the loop goes on while it has something to wait for."""
    global _hold, _task, _writes_anywhere
    _writes_anywhere = writes_anywhere
    _hold = _hognose.event_loop.Hold()
    # In one order with what `console` says, which never waits.
    sys.stdout.reconfigure(line_buffering=True)
    path = Path(file)
    sys.argv = [file, *arguments]
    sys.path.insert(0, str(path.parent.absolute()))
    run = _run_javascript if path.suffix in _JAVASCRIPT else _run_python
    _task = asyncio.ensure_future(run(path))
    _task.add_done_callback(lambda _: _hold.release())
    return _task


def interrupt() -> None:
    """Cancels the script's own code."""
    if _task is not None:
        _task.cancel()


def has_ended() -> bool:
    """Whether the script's own code has ended."""
    return _task is None or _task.done()


async def _run_python(path: Path) -> None:
    __main__.__file__ = str(path)
    tree = compile(path.read_bytes(), str(path), "exec", ast.PyCF_ONLY_AST)
    code = compile(tree, str(path), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, __main__.__dict__)
    if inspect.iscoroutine(result):
        await result


async def _run_javascript(path: Path) -> None:
    import js
    import pyodide_js

    js.pyodide = pyodide_js
    module = _hognose.run_javascript(path.read_text(), str(path.absolute()), path.suffix in _ONLY_MODULES)
    if module is not None:
        await module


def exit_status(task) -> int:
    """The exit status that the script's end means, with its traceback printed where it failed."""
    global _is_stuck
    if not task.done():
        _is_stuck = True
        print("hognose: the script waits for something that can never happen", file=sys.stderr)
        return 1
    error = task.exception()
    return 0 if error is None else failure(error)


def has_threads() -> bool:
    """Whether there are threads that the program's end waits for."""
    others = (thread for thread in threading.enumerate() if thread is not threading.main_thread())
    return not _is_stuck and any(not thread.daemon for thread in others)


def end_program() -> None:
    """What the interpreter does at its end, which the process does not wait for: joins threads, calls exit functions."""
    if _is_stuck:
        return
    threading._shutdown()
    atexit._run_exitfuncs()


def failure(error: BaseException) -> int:
    """What an exception that ends the program means for the exit status, with its traceback printed."""
    if isinstance(error, SystemExit):
        if error.code is None:
            return 0
        if isinstance(error.code, int):
            return error.code & 0xFF
        print(error.code, file=sys.stderr)
        return 1
    own = traceback.TracebackException.from_exception(error)
    own.stack[:] = [frame for frame in own.stack if frame.filename != __file__]
    print("".join(own.format()), end="", file=sys.stderr)
    if isinstance(error, PermissionError) and not _writes_anywhere:
        folder = tempfile.gettempdir()
        print(f"hognose: a script writes into {folder} only; with --allow-write, wherever you can", file=sys.stderr)
    return 130 if isinstance(error, KeyboardInterrupt) else 1

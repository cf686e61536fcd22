"""Debuggers: ``breakpoint()`` on the terminal of ``hognose dev``, and an editor's with ``hognose dev --inspect``.

A cell has no terminal. ``hognose dev`` listens on one port of this machine while it stands on a terminal, and tells its
cells where; a debugger connects there as any client connects, its prompt goes out and what is typed comes in. An editor
listens on a port of its own, which debugpy, a package of the Worker's, connects to in the same way. While a debugger waits
the isolate does nothing else, as any process that is being debugged.
"""

import os
import socket
import sys

# `<port>:<token>`, where there is a terminal, and the port where an editor may listen. A Worker sees neither.
TERMINAL_VARIABLE = "HOGNOSE_DEBUGGER"
EDITOR_VARIABLE = "HOGNOSE_INSPECT"

_editor: tuple[str, int] | None = None


def install() -> None:
    """Replaces what ``breakpoint()`` calls, whose default reads a standard input that no cell has."""
    global _editor
    terminal = os.environ.pop(TERMINAL_VARIABLE, None)
    if port := os.environ.pop(EDITOR_VARIABLE, None):
        _editor = ("127.0.0.1", int(port))

    def stop(*_arguments, **_options):
        frame = sys._getframe(1)
        if terminal is None:
            place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
            print(f"breakpoint() at {place} was passed over: it needs `hognose dev` on a terminal", file=sys.stderr)
            return
        # Imported here, as it takes longer than all else that an interpreter does at its start.
        from .prompt import Prompt

        Prompt(terminal).set_trace(frame)

    sys.breakpointhook = stop


def attach() -> None:
    """Has the editor debug this isolate before it serves an event, if one was asked for and listens."""
    global _editor
    if _editor is None:
        return
    # It says on each connection that modules of the standard library are not debugged.
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    try:
        import debugpy
    except ModuleNotFoundError:
        _editor = None
        print("`--inspect` needs debugpy: add it to `dependencies` in pyproject.toml", file=sys.stderr)
        return
    if not debugpy.is_client_connected() and _listens(_editor):
        debugpy.connect(_editor)
        # Its breakpoints are for this event, too.
        debugpy.wait_for_client()
        sys.breakpointhook = debugpy.breakpoint


def _listens(address: tuple[str, int]) -> bool:
    """Whether anybody does: debugpy itself logs a traceback for each refusal."""
    try:
        socket.create_connection(address).close()
    except OSError:
        return False
    return True

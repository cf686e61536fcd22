"""``breakpoint()`` in a Worker: Python's debugger, on the terminal of ``hognose dev``.

A cell has no terminal. ``hognose dev`` listens on one port of this machine while it stands on a terminal, and tells its
cells where; a debugger connects there as any client connects, its prompt goes out and what is typed comes in. While it
waits for a line the isolate does nothing else, as any process that is being debugged; other requests get another isolate.
"""

import os
import sys

# `<port>:<token>`, where there is a terminal. A Worker does not see it.
VARIABLE = "HOGNOSE_DEBUGGER"


def install() -> None:
    """Replaces what ``breakpoint()`` calls, whose default reads a standard input that no cell has."""
    terminal = os.environ.pop(VARIABLE, None)

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

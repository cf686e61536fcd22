"""The command ``hognose``: hands the interpreter over to Rust and gives back the exit code."""

import signal
import sys


def main() -> int:
    # Ctrl-C belongs to the supervisor from here on. Python's own handler would be kept as a link in the chain and
    # raise KeyboardInterrupt after the graceful shutdown.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

    from hognose._hognose import main as run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

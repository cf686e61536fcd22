"""What a Worker's code meets when it has used more than it may: the supervisor sends a signal, and an exception is raised
in whatever Python code is running, which so gets a traceback. A process that goes on is killed a moment later."""

import signal


class CpuLimitExceeded(BaseException):
    """An invocation has used all of its CPU time.

    Like ``KeyboardInterrupt`` no ``Exception``, so that code which passes over errors does not pass over this.
    """

    __module__ = "hognose"


def obey() -> None:
    """Handles the two signals from now on."""
    signal.signal(signal.SIGXCPU, _end_computing)
    signal.signal(signal.SIGUSR2, _end_growing)


def _end_computing(_number, _frame):
    raise CpuLimitExceeded("Worker exceeded CPU time limit.")


def _end_growing(_number, _frame):
    raise MemoryError("Worker exceeded memory limit.")

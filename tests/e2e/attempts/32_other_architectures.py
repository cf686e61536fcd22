"""Makes calls by the numbers of another architecture, which mean something else."""

import errno
import platform

import system


def call_by_x32_numbers(outside):
    """A kernel without them knows no such call; the lock does not let it come that far."""
    if platform.machine() == "x86_64":
        return system.reach(0x40000000 + 39, refusals=(errno.EPERM,))

"""Takes more of the machine than it was given."""

import os
import resource

NEEDS_ROOT = {"come_first"}


def allow_larger_files(outside):
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 45, 1 << 45))


def come_first(outside):
    os.setpriority(os.PRIO_PROCESS, 0, -1)


def choose_processors(outside):
    os.sched_setaffinity(0, os.sched_getaffinity(0))

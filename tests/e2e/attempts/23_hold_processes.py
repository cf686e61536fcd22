"""Takes hold of other processes, and of what they have open."""

import os

import system


def hold_the_parent(outside):
    os.close(system.call("pidfd_open", os.getppid(), 0))


def take_a_descriptor(outside):
    return system.reach("pidfd_getfd", -1, 0, 0)


def compare_with_the_parent(outside):
    return system.reach("kcmp", os.getpid(), os.getpid(), 99, 0, 0)

"""Uses the kernel's keys, which belong to users rather than processes."""

import system


def add_a_key(outside):
    return system.reach("add_key", 0, 0, 0, 0, 0)


def find_keys(outside):
    return system.reach("keyctl", -1, 0, 0, 0, 0)

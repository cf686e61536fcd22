"""Reads what the kernel shows of processes."""

import os


def read_own_environment(outside):
    return open("/proc/self/environ", "rb").read(4)


def read_the_parents_memory_map(outside):
    return open(f"/proc/{os.getppid()}/maps").readline()

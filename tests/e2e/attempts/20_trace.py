"""Attaches to other processes as a debugger."""

import os

import system

PTRACE_SEIZE = 0x4206
PTRACE_DETACH = 17


def trace_the_parent(outside):
    return system.reach("ptrace", PTRACE_SEIZE, os.getppid(), 0, 0)


def trace_nobody(outside):
    return system.reach("ptrace", PTRACE_DETACH, 0, 0, 0, refusals=(1, 13, 38))

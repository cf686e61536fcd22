"""Takes another user's rights, or back its own."""

import os

import system

NEEDS_ROOT = {"join_groups"}
PR_SET_KEEPCAPS = 8


def set_user(outside):
    os.setuid(os.getuid())


def join_groups(outside):
    return system.reach("setgroups", 1, 0)


def take_capabilities(outside):
    return system.reach("capset", 0, 0)


def keep_capabilities(outside):
    return system.call("prctl", PR_SET_KEEPCAPS, 0, 0, 0, 0)


def become_visible(outside):
    """To debuggers."""
    return system.call("prctl", 4, 1, 0, 0, 0)

"""Opens files by number, past their paths."""

import system

NEEDS_ROOT = {"open_by_handle"}


def open_by_handle(outside):
    return system.reach("open_by_handle_at", -1, 0, 0)

"""Looks for what there is."""

import os

# In a container the lock hides what is in a file, not that there is one.
ONLY_FULL = {"find_a_foreign_file"}


def list_the_root(outside):
    return os.listdir("/")


def find_a_foreign_file(outside):
    return os.stat(outside["file"]).st_size

"""Reads the memory of other processes."""

import ctypes
import os

import system


def read_the_parents_memory(outside):
    """It was forked from the parent, and has the same at the same places."""
    buffer = ctypes.create_string_buffer(8)
    local = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 8)
    remote = (ctypes.c_void_p * 2)(id(None), 8)
    return system.call(
        "process_vm_readv", os.getppid(), ctypes.addressof(local), 1, ctypes.addressof(remote), 1, 0
    )

"""Asks devices and files for what nobody needs."""

import fcntl
import os
import tempfile

FIOQSIZE = 0x5460
F_SETOWN = 8


def ask_for_a_size(outside):
    with tempfile.TemporaryFile() as file:
        return fcntl.ioctl(file, FIOQSIZE, bytes(8))


def have_somebody_signalled(outside):
    readable, writable = os.pipe()
    try:
        return fcntl.fcntl(readable, F_SETOWN, os.getpid())
    finally:
        os.close(readable)
        os.close(writable)

"""Makes processes."""

import os

import system


def fork(outside):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def spawn(outside):
    os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)


def clone(outside):
    return system.reach("clone3", 0, 0)

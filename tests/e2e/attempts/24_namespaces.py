"""Makes namespaces, in which it would be root."""

import system

CLONE_NEWUSER = 0x10000000


def unshare(outside):
    """With a flag too many, so that nothing comes of it."""
    return system.reach("unshare", CLONE_NEWUSER | 1)


def clone(outside):
    return system.reach("clone3", 0, 0)

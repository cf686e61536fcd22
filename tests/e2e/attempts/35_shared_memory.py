"""Takes memory that is not counted as its own."""

import mmap


def map_shared_memory(outside):
    mmap.mmap(-1, 5 << 30).close()


def map_private_memory(outside):
    mmap.mmap(-1, 5 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_NORESERVE).close()

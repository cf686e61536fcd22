"""Shares memory and messages with whoever knows the number."""

import system


def share_memory(outside):
    return system.reach("shmget", 0, 0, 0)


def open_a_queue(outside):
    return system.reach("msgget", 1, 0)


def remove_a_posix_queue(outside):
    return system.reach("mq_unlink", b"nowhere")

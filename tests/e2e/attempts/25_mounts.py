"""Rearranges the file system."""

import system

NEEDS_ROOT = {"mount", "unmount", "change_the_root", "pivot"}


def enter_namespaces(outside):
    return system.reach("setns", -1, 0)


def mount(outside):
    return system.reach("mount", 0, b"/nowhere", 0, 0, 0)


def unmount(outside):
    return system.reach("umount2", b"/nowhere", 0)


def change_the_root(outside):
    return system.reach("chroot", b"/nowhere")


def pivot(outside):
    return system.reach("pivot_root", b"/nowhere", b"/nowhere")

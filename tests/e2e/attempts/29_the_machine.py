"""Changes the machine."""

import system

NEEDS_ROOT = {"name_the_host", "read_the_kernels_log", "reboot"}


def set_the_clock(outside):
    return system.reach("clock_settime", 99, 0)


def name_the_host(outside):
    return system.reach("sethostname", 0, 1)


def read_the_kernels_log(outside):
    return system.reach("syslog", 99, 0, 0)


def reboot(outside):
    return system.reach("reboot", 0, 0, 0, 0)

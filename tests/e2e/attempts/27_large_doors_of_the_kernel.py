"""Uses the parts of the kernel that most ways out have led through."""

import system

NEEDS_ROOT = {"load_a_program_into_the_kernel", "count_events"}


def queue_calls(outside):
    return system.reach("io_uring_setup", 0, 0)


def load_a_program_into_the_kernel(outside):
    return system.reach("bpf", -1, 0, 0)


def count_events(outside):
    return system.reach("perf_event_open", 0, 0, 0, 0, 0)


def catch_faults(outside):
    return system.reach("userfaultfd", 0x40000000)


def replace_the_filter(outside):
    return system.reach("seccomp", 99, 0, 0)

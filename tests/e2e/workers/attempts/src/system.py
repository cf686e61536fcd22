"""System calls by number, past everything that Python makes of them."""

import ctypes
import errno
import os
import platform

_NUMBERS = {
    "x86_64": {
        "ptrace": 101, "process_vm_readv": 310, "pidfd_open": 434, "pidfd_getfd": 438, "kcmp": 312, "unshare": 272,
        "setns": 308, "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "open_by_handle_at": 304,
        "io_uring_setup": 425, "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "add_key": 248, "keyctl": 250,
        "clock_settime": 227, "sethostname": 170, "syslog": 103, "reboot": 169, "setuid": 105, "setgroups": 116,
        "capset": 126, "prctl": 157, "shmget": 29, "msgget": 68, "mq_unlink": 241, "execve": 59, "execveat": 322,
        "memfd_create": 319, "clone3": 435, "socketpair": 53, "seccomp": 317,
    },
    "aarch64": {
        "ptrace": 117, "process_vm_readv": 270, "pidfd_open": 434, "pidfd_getfd": 438, "kcmp": 272, "unshare": 97,
        "setns": 268, "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51, "open_by_handle_at": 265,
        "io_uring_setup": 425, "bpf": 280, "perf_event_open": 241, "userfaultfd": 282, "add_key": 217, "keyctl": 219,
        "clock_settime": 112, "sethostname": 161, "syslog": 116, "reboot": 142, "setuid": 146, "setgroups": 159,
        "capset": 91, "prctl": 167, "shmget": 194, "msgget": 186, "mq_unlink": 181, "execve": 221, "execveat": 281,
        "memfd_create": 279, "clone3": 435, "socketpair": 199, "seccomp": 277,
    },
}[platform.machine()]  # fmt: skip

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def call(name, *arguments):
    """What the call gives; an error is raised."""
    number = _NUMBERS.get(name, name)
    values = [value if isinstance(value, bytes) else ctypes.c_long(value) for value in arguments]
    result = _libc.syscall(ctypes.c_long(number), *values)
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


def reach(name, *arguments, refusals=(errno.EPERM, errno.EACCES, errno.ENOSYS)):
    """Makes a call with arguments that can do nothing, and gives the kernel's complaint about them. Fails where the call
    is refused before anybody looks at them."""
    try:
        return call(name, *arguments)
    except OSError as error:
        if error.errno in refusals:
            raise
        return errno.errorcode[error.errno]

"""Sockets that lead to the kernel or to the host of a virtual machine."""

import errno
import socket


def made(family, kind):
    try:
        socket.socket(family, kind).close()
    except OSError as error:
        # A kernel without the family refuses it to all.
        if error.errno != errno.EAFNOSUPPORT:
            raise


def open_netlink(outside):
    made(socket.AF_NETLINK, socket.SOCK_RAW)


def open_vsock(outside):
    made(socket.AF_VSOCK, socket.SOCK_STREAM)


def open_kernel_cryptography(outside):
    made(socket.AF_ALG, socket.SOCK_SEQPACKET)

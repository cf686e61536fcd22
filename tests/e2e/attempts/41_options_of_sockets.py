"""Has the kernel do more with a socket than to send and receive."""

import ctypes
import errno
import socket
import struct

SO_ATTACH_FILTER = 26
TCP_ULP = 31
LOOSE_SOURCE_ROUTE = bytes([131, 7, 4, 127, 0, 0, 1, 0])


def run_a_program_on_what_comes_in(outside):
    accept_all = struct.pack("HBBI", 0x06, 0, 0, 0xFFFF)
    program = ctypes.create_string_buffer(accept_all)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HxxxxxxP", 1, ctypes.addressof(program)))


def have_the_kernel_encrypt(outside):
    """Where the socket is not connected, or the kernel has no such protocol, that is what it says."""
    with socket.socket() as client:
        try:
            client.setsockopt(socket.IPPROTO_TCP, TCP_ULP, b"tls")
        except OSError as error:
            if error.errno == errno.EPERM:
                raise


def choose_the_route(outside):
    with socket.socket() as client:
        client.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, LOOSE_SOURCE_ROUTE)

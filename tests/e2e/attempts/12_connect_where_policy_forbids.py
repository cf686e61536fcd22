"""Connects to a service of the machine that policy forbids, on every way that leads to connect(2)."""

import asyncio
import contextlib
import ctypes
import os
import random
import select
import socket
import struct
import threading


def connect(outside):
    with socket.create_connection(("127.0.0.1", outside["port"])) as client:
        return client.getpeername()


def connect_by_name(outside):
    with socket.create_connection(("localhost", outside["port"])) as client:
        return client.getpeername()


async def connect_in_the_loop(outside):
    _, writer = await asyncio.open_connection("127.0.0.1", outside["port"])
    writer.close()


def connect_without_waiting(outside):
    with socket.socket() as client:
        client.setblocking(False)
        if error := client.connect_ex(("127.0.0.1", outside["port"])):
            select.select([], [client], [], 10)
            error = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        client.getpeername()


def connect_from_c(outside):
    libc = ctypes.CDLL(None, use_errno=True)
    with socket.socket() as client:
        address = struct.pack("=H", socket.AF_INET) + struct.pack(">H4s8x", outside["port"], bytes([127, 0, 0, 1]))
        if libc.connect(client.fileno(), address, len(address)) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def connect_by_ipv6(outside):
    with socket.socket(socket.AF_INET6) as client:
        client.connect(("::ffff:127.0.0.1", outside["port"]))


def connect_to_any_address(outside):
    with socket.create_connection(("0.0.0.0", outside["port"])) as client:
        return client.getpeername()


def connect_by_a_short_name(outside):
    with socket.create_connection(("127.1", outside["port"])) as client:
        return client.getpeername()


def connect_to_what_is_translated(outside):
    """A socket for both families takes IPv4's addresses in IPv6's clothes."""
    with socket.socket(socket.AF_INET6) as client:
        client.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        client.connect(("::ffff:0.0.0.0", outside["port"]))


def change_the_address_while_it_is_read(outside):
    """Another thread writes the forbidden address over the one that is looked at, again and again."""
    libc = ctypes.CDLL(None, use_errno=True)
    address = ctypes.create_string_buffer(16)
    targets = [struct.pack("=H", socket.AF_INET) + struct.pack(">H4s8x", port, bytes([127, 0, 0, 1]))
               for port in (outside["redirects"], outside["port"])]  # fmt: skip
    stop = threading.Event()

    def write():
        while not stop.is_set():
            # By chance, lest the threads take turns so that the same one is always read.
            ctypes.memmove(address, random.choice(targets), 16)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(200):
            with socket.socket() as client:
                if libc.connect(client.fileno(), address, 16) != 0:
                    continue
                # Whoever is reached may have closed the connection already.
                with contextlib.suppress(OSError):
                    peer = client.getpeername()
                    if peer[1] == outside["port"]:
                        return peer
    finally:
        stop.set()
        writer.join()
    raise PermissionError("it was always the permitted address that was reached")

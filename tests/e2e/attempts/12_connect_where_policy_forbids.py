"""Connects to a service of the machine that policy forbids, on every way that leads to connect(2)."""

import asyncio
import ctypes
import os
import select
import socket
import struct


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

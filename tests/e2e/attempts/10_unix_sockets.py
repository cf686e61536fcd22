"""Talks to other processes of the machine."""

import socket


def connect_to_a_path(outside):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(outside["socket"])


def connect_to_an_abstract_name(outside):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("\0" + outside["abstract"])


def send_from_a_pair(outside):
    """A socket that was made for use within the process can name another receiver."""
    sender, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    return sender.sendto(b"x", outside["datagrams"])

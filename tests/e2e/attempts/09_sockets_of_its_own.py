"""Opens sockets that reach the network without asking."""

import socket


def send_a_datagram(outside):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", ("127.0.0.1", outside["port"]))


def send_a_datagram_by_ipv6(outside):
    socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()


def listen(outside):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()


def connect_while_sending(outside):
    with socket.socket() as sender:
        return sender.sendto(b"x", socket.MSG_FASTOPEN, ("127.0.0.1", outside["port"]))

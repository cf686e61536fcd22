"""A WebSocket client that shows every frame, so that tests can send what a well-behaved client never would."""

import base64
import os
import socket
import struct

from harness import TIMEOUT_S

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Refused(Exception):
    """The server answered with something else: the status, and all that came."""


class Client:
    """A connection to `path` of a server at `port`. What it receives are pairs of opcode and content."""

    def __init__(self, port, path="/", headers=()):
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self.file = self.socket.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {path} HTTP/1.1", f"Host: localhost:{port}", "Upgrade: websocket", "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", *headers, "", "",
        ]
        self.socket.sendall("\r\n".join(lines).encode())
        status = int(self.file.readline().split()[1])
        self.headers = dict(self._header_lines())
        if status != 101:
            raise Refused(status, self.file.read(int(self.headers.get("content-length", 0))).decode())

    def _header_lines(self):
        while line := self.file.readline().strip():
            name, _, value = line.decode().partition(":")
            yield name.lower(), value.strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def frame(self, opcode, content=b"", last=True, mask=True, reserved=0):
        """Sends one frame as it is told to."""
        size = len(content)
        head = bytes([(0x80 if last else 0) | reserved | opcode])
        masked = 0x80 if mask else 0
        if size < 126:
            head += bytes([masked | size])
        elif size < 1 << 16:
            head += bytes([masked | 126]) + struct.pack(">H", size)
        else:
            head += bytes([masked | 127]) + struct.pack(">Q", size)
        # A mask of zeros leaves the content as it is.
        self.socket.sendall(head + (bytes(4) if mask else b"") + content)

    def text(self, text):
        self.frame(TEXT, text.encode())

    def close(self, code=1000, reason=""):
        self.frame(CLOSE, struct.pack(">H", code) + reason.encode())

    def receive(self):
        """The next frame; `None` where the connection has ended."""
        head = self.file.read(2)
        if len(head) < 2:
            return None
        assert head[0] & 0xF0 == 0x80, "the server sends whole messages"
        assert head[1] & 0x80 == 0, "a server masks nothing"
        size = head[1]
        if size == 126:
            (size,) = struct.unpack(">H", self.file.read(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", self.file.read(8))
        return head[0] & 0x0F, self.file.read(size)

    def receive_text(self):
        opcode, content = self.receive()
        assert opcode == TEXT, (opcode, content)
        return content.decode()

    def receive_close(self):
        """The code and the reason of the close frame that comes next."""
        opcode, content = self.receive()
        assert opcode == CLOSE, (opcode, content)
        return (struct.unpack(">H", content[:2])[0], content[2:].decode()) if content else (None, "")

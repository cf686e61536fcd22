"""A program of asyncio's network half, over loopback: nothing in it knows of hognose, and plain Python runs it too."""

import asyncio
import os
import socket
import ssl
import tempfile
import unittest
from pathlib import Path

PEM = Path(__file__).with_name("localhost.pem")


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data.upper())


async def echo(reader, writer):
    """Answers each line in capitals, until the other end has said all."""
    async for line in reader:
        writer.write(line.upper())
        await writer.drain()
    writer.close()


async def say(reader, writer, text=b"hello\n"):
    writer.write(text)
    await writer.drain()
    writer.write_eof() if writer.can_write_eof() else None
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return answer


def tls(side):
    context = ssl.SSLContext(side)
    if side is ssl.PROTOCOL_TLS_SERVER:
        context.load_cert_chain(PEM)
    else:
        context.load_verify_locations(PEM)
    return context


class Streams(unittest.IsolatedAsyncioTestCase):
    async def test_many_clients_at_once(self):
        async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]

            async def client(number):
                line = b"client %d\n" % number
                return await say(*await asyncio.open_connection("127.0.0.1", port), line) == line.upper()

            self.assertEqual(await asyncio.gather(*map(client, range(50))), [True] * 50)

    async def test_more_than_the_kernel_buffers_hold(self):
        size = 4 << 20

        async def count(reader, writer):
            total = 0
            while data := await reader.read(1 << 16):
                total += len(data)
            writer.write(b"%d\n" % total)
            writer.close()

        async with await asyncio.start_server(count, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("localhost", port, family=socket.AF_INET)
            self.assertEqual(await say(reader, writer, b"x" * size), b"%d\n" % size)

    async def test_tls_from_the_start(self):
        server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=tls(ssl.PROTOCOL_TLS_SERVER))
        async with server:
            port = server.sockets[0].getsockname()[1]
            context = tls(ssl.PROTOCOL_TLS_CLIENT)
            streams = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
            self.assertEqual(await say(*streams), b"HELLO\n")

    async def test_tls_started_later(self):
        async def upgrade(reader, writer):
            writer.write(await reader.readline())
            await writer.start_tls(tls(ssl.PROTOCOL_TLS_SERVER))
            await echo(reader, writer)

        async with await asyncio.start_server(upgrade, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
            writer.write(b"STARTTLS\n")
            self.assertEqual(await reader.readline(), b"STARTTLS\n")
            await writer.start_tls(tls(ssl.PROTOCOL_TLS_CLIENT), server_hostname="localhost")
            self.assertEqual(await say(reader, writer), b"HELLO\n")

    async def test_unix_sockets(self):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/socket"
            async with await asyncio.start_unix_server(echo, path):
                self.assertEqual(await say(*await asyncio.open_unix_connection(path)), b"HELLO\n")

    async def test_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        with self.assertRaises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


class Transports(unittest.IsolatedAsyncioTestCase):
    async def test_protocols(self):
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        received = loop.create_future()

        class Client(asyncio.Protocol):
            def data_received(self, data):
                received.set_result(data)

        async with server:
            address = server.sockets[0].getsockname()
            transport, _ = await loop.create_connection(Client, *address)
            transport.write(b"bytes")
            self.assertEqual(await received, b"BYTES")
            self.assertEqual(transport.get_extra_info("peername"), address)
            transport.close()

    async def test_datagrams(self):
        loop = asyncio.get_running_loop()
        answer = loop.create_future()

        class Server(asyncio.DatagramProtocol):
            def connection_made(self, transport):
                self.transport = transport

            def datagram_received(self, data, address):
                self.transport.sendto(data[::-1], address)

        class Client(asyncio.DatagramProtocol):
            def datagram_received(self, data, address):
                answer.set_result(data)

        server, _ = await loop.create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
        address = server.get_extra_info("sockname")
        client, _ = await loop.create_datagram_endpoint(Client, remote_addr=address)
        client.sendto(b"abc")
        self.assertEqual(await answer, b"cba")
        client.close()
        server.close()

    async def test_pipes(self):
        loop = asyncio.get_running_loop()
        read_end, write_end = os.pipe()
        reader = asyncio.StreamReader()
        source, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb", 0)
        )
        sink, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(write_end, "wb", 0))
        sink.write(b"through the pipe")
        sink.close()
        self.assertEqual(await reader.read(), b"through the pipe")
        source.close()


class Sockets(unittest.IsolatedAsyncioTestCase):
    async def test_bare_sockets(self):
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
            listener.setblocking(False)
            client.setblocking(False)
            accepted = asyncio.ensure_future(loop.sock_accept(listener))
            await loop.sock_connect(client, listener.getsockname())
            peer, _ = await accepted
            with peer:
                await asyncio.gather(loop.sock_sendall(client, b"x" * (1 << 20)), self.drain(peer, 1 << 20))
                await loop.sock_sendall(peer, b"back")
                buffer = bytearray(4)
                self.assertEqual((await loop.sock_recv_into(client, buffer), bytes(buffer)), (4, b"back"))
                with tempfile.TemporaryFile() as file:
                    file.write(b"from a file")
                    file.seek(0)
                    await loop.sock_sendfile(client, file)
                self.assertEqual(await loop.sock_recv(peer, 100), b"from a file")

    async def drain(self, sock, size):
        while size:
            size -= len(await asyncio.get_running_loop().sock_recv(sock, 1 << 16))

    async def test_a_reader_and_a_writer_on_one_descriptor(self):
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            readable, writable = loop.create_future(), loop.create_future()
            loop.add_reader(ours, lambda: readable.done() or readable.set_result(ours.recv(10)))
            loop.add_writer(ours, lambda: writable.done() or writable.set_result(True))
            self.assertTrue(await writable)
            self.assertTrue(loop.remove_writer(ours))
            self.assertFalse(loop.remove_writer(ours))
            theirs.send(b"in")
            self.assertEqual(await readable, b"in")
            self.assertTrue(loop.remove_reader(ours))
            self.assertFalse(loop.remove_reader(ours))

    async def test_only_what_can_wait_is_watched(self):
        loop = asyncio.get_running_loop()
        with tempfile.TemporaryFile() as file, self.assertRaises(PermissionError):
            loop.add_reader(file, print)
        with self.assertRaises(ValueError):
            loop.add_reader(-1, print)

    async def test_names(self):
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
        self.assertEqual(found[0][4], ("127.0.0.1", 80))
        numeric = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
        self.assertEqual(await loop.getnameinfo(("127.0.0.1", 80), numeric), ("127.0.0.1", "80"))


if __name__ == "__main__":
    unittest.main()

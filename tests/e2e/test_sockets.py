"""`cloudflare:sockets`: TCP connections of scripts and Workers, plain and with TLS.

The certificates beside this file are for these tests alone: an authority, and what it vouches for as `sockets.example`."""

import contextlib
import socket
import ssl
import threading
from pathlib import Path

import pytest
from harness import run

CERTIFICATES = Path(__file__).parent / "certificates"
#: Longer than any exchange here takes.
PATIENCE_S = 30


@contextlib.contextmanager
def server(serve):
    """A server for one connection; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE_S)

        def accept():
            connection, _ = listener.accept()
            connection.settimeout(PATIENCE_S)
            with connection:
                serve(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def secured(connection):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "server.pem")
    return context.wrap_socket(connection, server_side=True)


def echo(connection):
    """Sends back what comes, until the other side has no more."""
    while data := connection.recv(65536):
        connection.sendall(data)


def echo_secured(connection):
    with secured(connection) as secure:
        echo(secure)
        # Says that this is the end, without which it would be a broken connection.
        secure.unwrap()


@pytest.fixture
def script(tmp_path):
    """A function that runs a module of JavaScript, which finds `connect` and helpers, where the given port answers for
    `sockets.example:7777`."""

    def execute(port, text, *options):
        (tmp_path / "a.mjs").write_text(
            'import { connect } from "cloudflare:sockets";\n'
            "const utf8 = (text) => new TextEncoder().encode(text);\n"
            "const send = async (socket, text) => {\n"
            "  const writer = socket.writable.getWriter();\n"
            "  await writer.write(utf8(text));\n"
            "  writer.releaseLock();\n"
            "};\n"
            f"{text}"
        )
        redirect = ("--connect-to", f"sockets.example:7777:127.0.0.1:{port}")
        trust = ("--ca-file", str(CERTIFICATES / "ca.pem"))
        return run("run", *redirect, *trust, *options, str(tmp_path / "a.mjs"), folder=tmp_path)

    return execute


EXCHANGE = """
const { remoteAddress } = await socket.opened;
await send(socket, "hello");
await socket.writable.close();
console.log(await new Response(socket.readable).text(), remoteAddress.startsWith("127.0.0.1:"), socket.secureTransport);
await socket.closed;
"""


def test_bytes_go_both_ways(script):
    with server(echo) as port:
        text = 'const socket = connect("sockets.example:7777", { allowHalfOpen: true });' + EXCHANGE
        assert script(port, text) == (0, "hello true off\n")


def test_tls_from_the_start(script):
    with server(echo_secured) as port:
        text = 'const socket = connect({ hostname: "sockets.example", port: 7777 }, { secureTransport: "on", allowHalfOpen: true });'
        assert script(port, text + EXCHANGE) == (0, "hello true on\n")


def test_tls_from_later_on(script):
    def serve(connection):
        assert connection.recv(8) == b"STARTTLS"
        connection.sendall(b"GO")
        echo_secured(connection)

    with server(serve) as port:
        text = """
const plain = connect("sockets.example:7777", { secureTransport: "starttls", allowHalfOpen: true });
await send(plain, "STARTTLS");
const reader = plain.readable.getReader();
console.log(new TextDecoder().decode((await reader.read()).value));
reader.releaseLock();
const socket = plain.startTls();
console.log(plain.upgraded, plain === socket);
"""
        assert script(port, text + EXCHANGE) == (0, "GO\ntrue false\nhello true on\n")


def test_a_certificate_for_another_name_is_refused(script):
    def serve(connection):
        with contextlib.suppress(ssl.SSLError, OSError):
            echo_secured(connection)

    with server(serve) as port:
        redirect = ("--connect-to", f"other.example:7777:127.0.0.1:{port}")
        text = 'await connect("other.example:7777", { secureTransport: "on" }).opened.catch((error) => console.log(error.message));\n'
        refused = "proxy request failed, cannot connect to the specified address\n"
        assert script(port, text, *redirect) == (0, refused)


def test_a_refused_connection_rejects_all_its_promises(script):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    text = """
const socket = connect("sockets.example:7777");
const outcomes = await Promise.allSettled([socket.opened, socket.closed, socket.readable.getReader().read()]);
console.log(...outcomes.map(({ status }) => status));
"""
    assert script(port, text) == (0, "rejected rejected rejected\n")


def test_much_data_flows_under_credit(script):
    size = 8 * 1024 * 1024

    def serve(connection):
        received = 0
        while received < size:
            received += len(connection.recv(65536))
        connection.sendall(b"x" * size)

    with server(serve) as port:
        text = f"""
const socket = connect("sockets.example:7777", {{ allowHalfOpen: true }});
const writer = socket.writable.getWriter();
for (let sent = 0; sent < {size}; sent += 65536) await writer.write(new Uint8Array(65536));
console.log((await new Response(socket.readable).arrayBuffer()).byteLength);
await socket.close();
"""
        assert script(port, text) == (0, f"{size}\n")


def test_the_end_of_the_other_side_closes_the_socket(script):
    with server(lambda connection: connection.sendall(b"bye")) as port:
        text = """
const socket = connect("sockets.example:7777");
console.log(await new Response(socket.readable).text());
await socket.closed;
await socket.writable.getWriter().write(utf8("x")).catch((error) => console.log(error.message));
"""
        assert script(port, text) == (0, "bye\nThis socket has been closed.\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ('"host"', "Specified address is missing port."),
        ('"http://host:1/"', "Specified address could not be parsed."),
        ('""', "Specified address is empty string, contains unsupported characters or is too long."),
        ('"host:1", { secureTransport: "maybe" }', "Unsupported value in secureTransport socket option: maybe"),
    ],
)
def test_mistakes_are_named(script, arguments, message):
    assert script(1, f"try {{ connect({arguments}) }} catch (error) {{ console.log(error.message) }}\n") == (0, f"{message}\n")


def test_python_connects(tmp_path):
    text = """
from pyodide.code import run_js
from pyodide.ffi import to_js

sockets = await run_js("import('cloudflare:sockets')")
socket = sockets.connect("sockets.example:7777")
writer = socket.writable.getWriter()
await writer.write(to_js(b"hello"))
print((await socket.readable.getReader().read()).value.to_bytes())
await socket.close()
"""
    (tmp_path / "a.py").write_text(text)
    with server(echo) as port:
        redirect = ("--connect-to", f"sockets.example:7777:127.0.0.1:{port}")
        assert run("run", *redirect, str(tmp_path / "a.py"), folder=tmp_path) == (0, "b'hello'\n")


WORKER = """
from js import HTMLRewriter, Response as JsResponse, crypto
from pyodide.ffi import create_proxy, to_js
from workers import Response, WorkerEntrypoint, import_from_javascript


class Links:
    def element(self, element):
        element.setAttribute("rel", "nofollow")


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.url.endswith("/page"):
            page = HTMLRewriter.new().on("a", create_proxy(Links())).transform(JsResponse.new("<a>x</a>"))
            digest = await crypto.subtle.digest("MD5", to_js(b"abc"))
            return Response(await page.text() + digest.to_bytes().hex())
        connect = import_from_javascript("cloudflare:sockets").connect
        socket = connect("sockets.example:7777")
        writer = socket.writable.getWriter()
        await writer.write(to_js(await request.bytes()))
        answer = (await socket.readable.getReader().read()).value.to_bytes()
        await socket.close()
        return Response(answer.decode())
"""
CONFIGURATION = 'name = "sockets"\nmain = "main.py"\ncompatibility_date = "2026-09-01"\ncompatibility_flags = ["python_workers"]\n'


def test_a_worker_connects_hashes_and_rewrites(project, serve):
    folder = project(files={"wrangler.toml": CONFIGURATION, "main.py": WORKER})
    with server(echo) as port:
        worker = serve(folder, "--connect-to", f"sockets.example:7777:127.0.0.1:{port}")
        assert worker.fetch("/", "POST", "hello").text == "hello"
        assert worker.fetch("/page").text == '<a rel="nofollow">x</a>900150983cd24fb0d6963f7d28e17f72'

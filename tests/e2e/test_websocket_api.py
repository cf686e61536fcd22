"""WebSocket and WebSocketPair as scripts see them: inside one isolate, as clients, and handed on between Workers."""

import base64
import hashlib
import re
import shutil
import socket
import threading

import pytest
from conftest import WORKERS
from websocket_client import TEXT, Client

NEW_DATE = 'compatibility_date = "2026-04-10"'
LOST = "WebSocket disconnected without sending Close frame."
UNACCEPTED = (
    "TypeError: You must call one of accept() or state.acceptWebSocket() on this WebSocket before sending messages."
)


@pytest.fixture
def worker(serve):
    return serve("sockets_javascript")


@pytest.fixture
def another(serve, project, tmp_path):
    """Starts one more server with the same Worker; `old` is a date to give it."""

    def start(old=None, **more):
        folder = tmp_path / "another"
        shutil.copytree(WORKERS / "sockets_javascript", folder)
        if old:
            configuration = folder / "wrangler.toml"
            configuration.write_text(configuration.read_text().replace(NEW_DATE, f'compatibility_date = "{old}"'))
        return serve(folder, **more)

    return start


def test_a_pair_carries_messages_in_order(worker):
    expected = ["first", [1, 2], "", [], "7", "\ufffd", 1000, "done", True, "close", True]
    assert worker.fetch("/check/order").json == expected


def test_messages_arrive_after_the_code_that_sends_them(worker):
    assert worker.fetch("/check/later").json == ["sent", "message"]


def test_what_a_socket_says_of_itself(worker):
    assert worker.fetch("/check/states").json == [1, 2, 1, 3, 2, None, "", ""]


def test_a_half_open_end_closes_by_itself(worker):
    assert worker.fetch("/check/halfOpen").json == [2, 3, 3, 3000, "yours"]


def test_errors_are_worded_as_workerds(worker):
    invalid = [f"InvalidAccessError: Invalid WebSocket close code: {code}." for code in (999, 1004, 1005, 1006, 1015, 5000)]
    assert worker.fetch("/check/errors").json == [
        UNACCEPTED,
        UNACCEPTED,
        "RangeError: Responses with a WebSocket must have status code 101.",
        *invalid,
        "InvalidAccessError: If you specify a WebSocket close reason, you must also specify a code.",
        "SyntaxError: WebSocket close reason must not be longer than 123 bytes when UTF-8 encoded.",
        "nothing",
        "TypeError: Can't call WebSocket send() after close().",
    ]


def test_the_constructor_checks_its_arguments(worker):
    of = "SyntaxError: WebSocket Constructor: "
    assert worker.fetch("/check/constructor").json[:6] == [
        f"{of}The url is invalid.",
        f"{of}The url scheme must be ws or wss.",
        f"{of}The url fragment must be empty.",
        f"{of}The protocol header token is invalid.",
        f"{of}The protocols header cannot have repeating values.",
        "nothing",
    ]


def test_binary_messages_are_blobs_unless_told_otherwise(worker, another):
    assert worker.fetch("/check/blob").json == ["arraybuffer", "blob", True, [5]]
    assert another(old="2026-03-16").fetch("/check/blob").json == ["arraybuffer", "arraybuffer", True, [5]]


def test_a_worker_is_a_client(worker, another):
    answer = another().fetch(f"/check/client?url=ws://localhost:{worker.port}/protocol")
    cannot = "TypeError: Websockets obtained from the 'new WebSocket()' constructor cannot call accept"
    assert answer.json == [0, True, cannot, 1, "chat", None, "hello", [1, 2, 3], 3333, "enough", True, 3]


def test_fetch_upgrades(worker):
    there = f"http://localhost:{worker.port}"
    assert worker.fetch(f"/check/upgrade?url={there}/").json == [101, "by fetch"]
    answer = worker.fetch(f"/check/upgrade?url={there}/check/states").json
    assert answer[:2] == [200, None]


def test_a_client_is_told_why_there_is_no_connection(worker):
    told = (
        "Uncaught TypeError: Failed to establish the WebSocket connection: expected server to reply with HTTP status "
        "code 101 (switching protocols), but received 200 instead."
    )
    failed = [1006, "Failed to establish websocket connection", False, 3]
    there = f"ws://localhost:{worker.port}/check/states"
    assert worker.fetch(f"/check/failing?url={there}").json == [told, *failed]
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    answer = worker.fetch(f"/check/failing?url=ws://localhost:{port}/").json
    assert answer == ["Uncaught Error: Network connection lost.", *failed]


def test_private_addresses_are_out_of_reach_unless_allowed(worker, another):
    answer = another(command="serve").fetch(f"/check/failing?url=ws://127.0.0.1:{worker.port}/").json
    assert answer[0] == "Uncaught Error: Network connection lost."


def test_a_socket_is_handed_on_untouched(worker, another):
    there = f"/proxy?url=http://localhost:{worker.port}/protocol"
    with Client(another().port, there, ["Sec-WebSocket-Protocol: a"]) as client:
        assert client.headers["sec-websocket-protocol"] == "a"
        client.text("through")
        assert client.receive_text() == "through"
        client.close(3000, "so long")
        assert client.receive_close() == (3000, "so long")
        assert client.receive() is None
    worker.output.wait_for(r"closed 3000 'so long' True")


@pytest.mark.parametrize(
    ("frames", "seen"),
    [
        (b"", ["close", LOST, 1006]),
        (b"\x81\x80\0\0\0\0", ["error", "protocolError.statusCode = 1002; protocolError.description = Received a masked"]),
        (b"\x82\x7f\0\0\0\0\x02\x10\0\0", ["error", "Message is too large: 34603008 > 33554432"]),
    ],
)
def test_a_server_that_breaks_off_or_breaks_the_rules(worker, frames, seen):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer_once, args=(listener, frames))
        thread.start()
        event, why, *rest = worker.fetch(f"/check/broken?url=ws://localhost:{listener.getsockname()[1]}/").json
        thread.join()
    assert event == seen[0]
    assert seen[1] in why
    assert rest[: len(seen) - 2] == seen[2:]


def answer_once(listener, frames):
    """A server that grants one WebSocket, sends these bytes, and goes."""
    connection, _ = listener.accept()
    with connection:
        request = b""
        while b"\r\n\r\n" not in request:
            request += connection.recv(4096)
        key = re.search(rb"(?i)sec-websocket-key: (\S+)", request)[1]
        digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        accept = base64.b64encode(digest)
        head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        connection.sendall(head + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + frames)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass


ROUTER = """\
from workers import WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await self.env.CHAT.fetch(request)
"""


@pytest.mark.parametrize("chat", ["sockets_raw", "sockets_sdk", "sockets_javascript"])
def test_a_socket_crosses_a_service_binding(serve, project, chat):
    binding = 'services = [{ binding = "CHAT", service = "%s" }]' % chat.replace("_", "-")
    head = f'name = "router"\nmain = "src/index.py"\n{NEW_DATE}\ncompatibility_flags = ["python_workers"]\n'
    files = {"wrangler.toml": head + binding, "src/index.py": ROUTER}
    router, other = project(files=files), project(chat)
    server = serve(router, "-c", str(router / "wrangler.toml"), "-c", str(other / "wrangler.toml"))
    with Client(server.port) as client:
        client.frame(TEXT, b"hello")
        assert client.receive_text() == "hello"
        client.close(3002, "done")
        assert client.receive_close() == (3002, "done")
        assert client.receive() is None
    server.output.wait_for(r"closed 3002 'done' True")

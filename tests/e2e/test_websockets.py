"""WebSockets that clients open to Workers, frame by frame, in both styles of Python and in JavaScript."""

import struct

import pytest
from websocket_client import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Client, Refused

WORKERS = ("sockets_raw", "sockets_sdk", "sockets_javascript")
MESSAGE_MAX = 32 << 20
# RFC 6455, 7.4.1
PROTOCOL_ERROR, NO_TEXT, TOO_LARGE = 1002, 1007, 1009


@pytest.fixture(params=WORKERS)
def server(request, serve):
    return serve(request.param)


@pytest.fixture
def javascript(serve):
    return serve("sockets_javascript")


def test_messages_come_back_as_they_were_sent(server):
    with Client(server.port) as client:
        for opcode, content in [
            (TEXT, b"hello"), (TEXT, b""), (BINARY, b""), (BINARY, bytes(range(256))), (TEXT, "é€😀".encode()),
            (BINARY, b"x" * 125), (BINARY, b"x" * 126), (BINARY, b"x" * 65_535), (BINARY, b"x" * 65_536),
        ]:
            client.frame(opcode, content)
            assert client.receive() == (opcode, content)


def test_fragments_are_joined_and_pings_between_them_answered(server):
    with Client(server.port) as client:
        client.frame(TEXT, b"on", last=False)
        client.frame(PING, b"there?")
        client.frame(CONTINUATION, b"", last=False)
        client.frame(PONG, b"nobody asked")
        client.frame(CONTINUATION, b"e")
        assert client.receive() == (PONG, b"there?")
        assert client.receive_text() == "one"


def test_the_handshake_carries_the_workers_headers(server):
    with Client(server.port, "/protocol", ["Sec-WebSocket-Protocol: chat, superchat"]) as client:
        assert client.headers["sec-websocket-protocol"] == "chat"
        assert client.headers["upgrade"] == "websocket"
        assert "sec-websocket-extensions" not in client.headers
        client.text("x")
        assert client.receive_text() == "x"


def test_what_is_sent_before_the_response_arrives_after_it(server):
    with Client(server.port, "/greeting") as client:
        assert client.receive_text() == "hello"
        assert client.receive_close() == (1001, "bye")
        client.close(1001, "bye")
        assert client.receive() is None
    server.output.wait_for(r"closed 1001 'bye' True")


def test_a_client_closes(server):
    with Client(server.port) as client:
        client.close(3456, "enough")
        assert client.receive_close() == (3456, "enough")
        assert client.receive() is None
    server.output.wait_for(r"closed 3456 'enough' True")


def test_a_close_without_a_code_has_the_code_1005(serve):
    server = serve("sockets_sdk")
    with Client(server.port) as client:
        client.frame(CLOSE)
        assert client.receive_close() == (None, "")
        assert client.receive() is None
    server.output.wait_for(r"closed 1005 '' True")


@pytest.mark.parametrize(
    ("said", "code", "reason"), [("close", 3001, "as told"), ("close without code", None, "")]
)
def test_a_worker_closes(server, said, code, reason):
    with Client(server.port) as client:
        client.text(said)
        assert client.receive_close() == (code, reason)
        client.close(1000, "good bye")
        assert client.receive() is None
    server.output.wait_for(r"closed 1000 'good bye' True")


def test_a_worker_may_go_on_after_the_client_has_closed(server):
    with Client(server.port, "/half") as client:
        client.close(1000, "first")
        assert client.receive_text() == "one more"
        assert client.receive_close() == (4001, "now")
        assert client.receive() is None


def test_a_client_that_disappears_is_a_close_with_1006(server):
    with Client(server.port) as client:
        client.text("x")
        assert client.receive_text() == "x"
    server.output.wait_for(r"closed 1006 'WebSocket disconnected without sending Close frame.' False")


@pytest.mark.parametrize(
    ("frame", "code", "description"),
    [
        ({"opcode": TEXT, "content": b"x", "mask": False}, PROTOCOL_ERROR, "unmasked frame"),
        ({"opcode": CONTINUATION, "content": b"x"}, PROTOCOL_ERROR, "Unexpected continuation"),
        ({"opcode": TEXT, "content": b"x", "reserved": 0x40}, PROTOCOL_ERROR, "RSV bits"),
        ({"opcode": 3}, PROTOCOL_ERROR, "Unknown opcode 3"),
        ({"opcode": PING, "content": b"x" * 126}, PROTOCOL_ERROR, "control frame that is too large"),
        ({"opcode": PING, "last": False}, PROTOCOL_ERROR, "fragmented control frame"),
        ({"opcode": CLOSE, "content": b"x"}, PROTOCOL_ERROR, "close frame of one byte"),
        ({"opcode": CLOSE, "content": struct.pack(">H", 1005)}, PROTOCOL_ERROR, "code 1005"),
        ({"opcode": TEXT, "content": b"\xff"}, NO_TEXT, "not UTF-8"),
    ],
)
def test_a_client_that_breaks_the_rules_is_told_so(javascript, frame, code, description):
    with Client(javascript.port) as client:
        client.frame(**frame)
        given, reason = client.receive_close()
        assert given == code
        assert description in reason
        assert client.receive() is None
    told = rf"error Uncaught Error: WebSocket protocol error; protocolError.statusCode = {code}; .*{description}"
    javascript.output.wait_for(told)


def test_messages_have_a_largest_size(javascript):
    largest = b"x" * MESSAGE_MAX
    with Client(javascript.port) as client:
        client.frame(BINARY, largest)
        assert client.receive() == (BINARY, largest)
        client.frame(BINARY, largest[: MESSAGE_MAX // 2], last=False)
        # The head alone says that the message would be too large.
        client.socket.sendall(struct.pack(">BBQ", 0x80, 0x80 | 127, MESSAGE_MAX // 2 + 1) + bytes(4))
        assert client.receive_close() == (TOO_LARGE, "Message is too large: 33554433 > 33554432")


def test_a_client_that_does_not_read_loses_the_connection(javascript):
    with Client(javascript.port) as client:
        client.text("flood")
        javascript.output.wait_for(r"closed 1006 'WebSocket disconnected without sending Close frame.' False")
    assert javascript.fetch("/check/states").status == 200


def test_nobody_gets_a_socket_who_did_not_ask(server):
    answer = server.fetch("/")
    assert answer.status == 500
    told = "Worker tried to return a WebSocket in a response to a request which did not contain the header"
    assert told in answer.text
    server.output.wait_for(told)


def test_a_handler_that_raises_answers_with_500(server):
    with pytest.raises(Refused) as refused, Client(server.port, "/raise"):
        pass
    assert refused.value.args[0] == 500
    assert "on purpose" in refused.value.args[1]


def test_a_handshake_without_a_key_is_an_ordinary_request(javascript):
    answer = javascript.fetch("/", headers={"Connection": "Upgrade", "Upgrade": "websocket"})
    assert answer.status == 500
    assert "did not contain the header" in answer.text


def test_a_worker_is_its_own_client(serve):
    server = serve("sockets_sdk")
    assert server.fetch("/itself").text == "who is there?"
    with Client(server.port, "/through") as client:
        client.text("through twice")
        assert client.receive_text() == "through twice"


def test_many_sockets_are_served_at_a_time(server):
    clients = [Client(server.port) for _ in range(50)]
    for number, client in enumerate(clients):
        client.text(f"from {number}")
    for number, client in enumerate(clients):
        assert client.receive_text() == f"from {number}"
    for client in clients:
        client.close()
        assert client.receive_close() == (1000, "")
        client.__exit__()


def test_order_is_kept_over_many_messages(server):
    with Client(server.port) as client:
        for number in range(1000):
            client.text(str(number))
        assert [client.receive_text() for _ in range(1000)] == [str(number) for number in range(1000)]

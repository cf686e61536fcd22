"""WebSockets of Durable Objects that hibernate: the instance goes, the connections stay, and what comes wakes another."""

import struct
import threading

import pytest
from websocket_client import BINARY, TEXT, Client, Refused

IDLE = "[pool]\nobject_idle_ms = 50\n"
ATTACHMENT_MAX, ATTACHMENT_FRAME = 16_384, len('""') + 4
ABNORMAL = 1006


@pytest.fixture
def rooms(serve):
    return serve("hibernation")


@pytest.fixture
def idle(serve, project):
    """A server whose objects hibernate as soon as they have nothing to do."""
    (folder := project("hibernation")).joinpath("hognose.toml").write_text(IDLE)
    return serve(folder)


def ask(client, code):
    client.text(code)
    return client.receive_text()


def join(server, path="/room", count=1):
    client = Client(server.port, path)
    assert client.receive_text() == f"welcome {count}"
    return client


def test_messages_reach_the_object_and_come_back(rooms):
    with join(rooms) as client:
        assert ask(client, "1 + 1") == "2"
        assert ask(client, "ctx.getWebSockets()[0] == ws") == "True"
        for content in (b"", b"x" * 300_000, bytes(range(256))):
            client.frame(BINARY, content)
            assert client.receive() == (BINARY, content)
        assert ask(client, f"len({'x' * 300_000!r})") == "300000"
        assert ask(client, "'é€😀'") == "'é€😀'"


def test_a_room_of_two_hears_both(serve):
    server = serve("hibernation_js")
    joined = threading.Barrier(2)
    heard = {}

    def attend(name, other):
        with Client(server.port, f"/?name={name}") as client:
            joined.wait()
            client.text("hello")
            lines = set()
            while {f"{name}: hello", f"{other}: hello"} - lines:
                lines.add(client.receive_text())
            heard[name] = lines
            joined.wait()

    guests = [threading.Thread(target=attend, args=pair) for pair in (("ann", "bob"), ("bob", "ann"))]
    for guest in guests:
        guest.start()
    for guest in guests:
        guest.join()
    assert set(heard) == {"ann", "bob"}


def test_who_leaves_is_missed(serve):
    server = serve("hibernation_js")
    with Client(server.port, "/?name=ann") as ann:
        assert ann.receive_text() == "ann joined"
        with Client(server.port, "/?name=bob") as bob:
            assert (ann.receive_text(), bob.receive_text()) == ("bob joined", "bob joined")
            bob.close(3000, "bye")
            assert bob.receive_close() == (3000, "bye")
            assert bob.receive() is None
        assert ann.receive_text() == "bob left"
        ann.text("alone")
        assert ann.receive_text() == "ann: alone"


def test_a_message_wakes_an_object_that_was_idle(idle):
    with join(idle, "/sleeper?tag=one&tag=two") as client:
        assert ask(client, '''ws.serializeAttachment(js.JSON.parse('{"a": [1, 2]}'))''') == "None"
        idle.output.wait_for("gone")
        assert ask(client, "self.seen") == "1"
        assert ask(client, "list(ws.deserializeAttachment().a)") == "[1, 2]"
        assert ask(client, "sorted(ctx.getTags(ws))") == "['one', 'two']"
        assert ask(client, "[len(ctx.getWebSockets()), len(ctx.getWebSockets('two')), len(ctx.getWebSockets('no'))]") == "[1, 1, 0]"
        assert ask(client, "ctx.id.name") == "'/sleeper'"
        assert ask(client, "ws.readyState") == "1"


def test_sockets_outlive_the_isolate(rooms):
    with join(rooms, "/a") as first, join(rooms, "/a", 2) as second:
        assert ask(first, "ws.serializeAttachment('kept')") == "None"
        second.text("os._exit(1)")
        rooms.output.wait_for(r"Isolate \d+ ended")
        assert ask(first, "[ws.deserializeAttachment(), len(ctx.getWebSockets())]") == "['kept', 2]"
        assert ask(second, "ws.deserializeAttachment()") == "jsnull"


def test_what_is_aborted_loses_its_sockets(rooms):
    with join(rooms) as client:
        client.text("ctx.abort('enough')")
        assert client.receive() is None
    assert rooms.fetch("/room", "POST", b"len(ctx.getWebSockets())").text == "0"


def test_a_new_version_loses_its_sockets(rooms):
    with join(rooms) as client:
        source = rooms.folder / "src" / "index.py"
        source.write_text(source.read_text() + "\n# changed\n")
        assert client.receive() is None


def test_closing(rooms):
    with join(rooms) as client:
        client.close(3001, "by the client")
        assert client.receive_close() == (3001, "by the client")
        assert client.receive() is None
    rooms.output.wait_for(r"closed 3001 'by the client' True 2")
    with join(rooms) as client:
        client.text("ws.close(3002, 'by the object')")
        assert client.receive_close() == (3002, "by the object")
        client.close(3002, "by the object")
        assert client.receive() is None
    rooms.output.wait_for(r"closed 3002 'by the object' True 3")
    with join(rooms) as client:
        client.close(3003, "no answer")
        assert client.receive() is None
    with join(rooms):
        pass
    rooms.output.wait_for(rf"closed {ABNORMAL} 'WebSocket disconnected without sending Close frame.' False")
    with join(rooms) as client:
        client.frame(TEXT, b"x", reserved=0x40)
        assert client.receive_close()[0] == 1002
    rooms.output.wait_for("failed Error: ")


def test_automatic_responses_wake_nobody(idle):
    with join(idle) as client:
        assert ask(client, "ctx.getWebSocketAutoResponse()") == "jsnull"
        assert ask(client, "ctx.getWebSocketAutoResponseTimestamp(ws)") == "jsnull"
        assert ask(client, "ctx.setWebSocketAutoResponse(WebSocketRequestResponsePair.new('ping', 'pong'))") == "None"
        idle.output.wait_for("gone")
        made = idle.output.text.count("made")
        assert ask(client, "ping") == "pong"
        idle.output.wait_for_times("made", made)
        assert ask(client, "ctx.getWebSocketAutoResponse().response") == "'pong'"
        assert ask(client, "ctx.getWebSocketAutoResponseTimestamp(ws).getTime() > 0") == "True"
        assert ask(client, "ctx.setWebSocketAutoResponse()") == "None"
        assert ask(client, "len('ping')") == "4"


LIMITS = [
    ("ws.serializeAttachment('x' * {fits})", "None"),
    ("ws.serializeAttachment('x' * ({fits} + 1))",
     f"Error: A WebSocket 'attachment' cannot be larger than {ATTACHMENT_MAX} bytes.'attachment' was {ATTACHMENT_MAX + 1} bytes."),
    ("ctx.setWebSocketAutoResponse(WebSocketRequestResponsePair.new('x' * 2048, 'y' * 2048))", "None"),
    ("ctx.setWebSocketAutoResponse(WebSocketRequestResponsePair.new('x' * 2049, ''))",
     "RangeError: Request cannot be larger than 2048 bytes. A request of size 2049 was provided."),
    ("ctx.setWebSocketAutoResponse(WebSocketRequestResponsePair.new('', 'x' * 2049))",
     "RangeError: Response cannot be larger than 2048 bytes. A response of size 2049 was provided."),
    ("ctx.setHibernatableWebSocketEventTimeout(604_800_000)", "None"),
    ("ctx.getHibernatableWebSocketEventTimeout()", "604800000"),
    ("ctx.setHibernatableWebSocketEventTimeout(604_800_001)", "Error: Event timeout should not exceed 604800000 ms."),
    ("ctx.acceptWebSocket(ws)",
     "Error: Cannot call `acceptWebSocket()` if the WebSocket was already accepted via `accept()`"),
    ("pair = WebSocketPair.new().object_values()\npair[1].accept()\nctx.acceptWebSocket(pair[0])",
     "Error: Cannot call `acceptWebSocket()` on this WebSocket because its pair has already been accepted or used in a Response."),
    ("ws.close(1005)", "InvalidAccessError: Invalid WebSocket close code: 1005."),
]


def test_limits_and_errors(rooms):
    with join(rooms) as client:
        for code, value in LIMITS:
            assert ask(client, code.format(fits=ATTACHMENT_MAX - ATTACHMENT_FRAME)) == value, code


def test_tags_have_limits(rooms):
    most = "&".join(f"tag={number}" for number in range(10))
    with join(rooms, f"/tags?tag=0&{most}"):
        pass
    with pytest.raises(Refused, match="a Hibernatable WebSocket cannot have more than 10 tags"):
        Client(rooms.port, f"/tags?{most}&tag=10")
    with join(rooms, f"/long?tag={'x' * 256}"):
        pass
    with pytest.raises(Refused, match="is longer than the max tag length"):
        Client(rooms.port, f"/long?tag={'x' * 257}")


def test_an_objects_other_end_can_be_used_where_it_was_made(rooms):
    code = """
pair = WebSocketPair.new().object_values()
ctx.acceptWebSocket(pair[1], ['inside'])
heard = js.Promise.withResolvers()
from pyodide.ffi import create_proxy
pair[0].addEventListener('message', create_proxy(lambda event: heard.resolve(event.data)))
pair[0].accept()
pair[1].send('from within')
await heard.promise
"""
    assert rooms.fetch("/inside", "POST", code.encode()).text == "'from within'"

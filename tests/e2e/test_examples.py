"""The Workers in `examples/` that no other file tests, as they are: each does what its docstring says."""

import contextlib
import json
import shutil

import pytest
from harness import REPOSITORY, wait_until
from test_admin import ask
from websocket_client import Client


@pytest.fixture
def example(serve, tmp_path):
    """A function that serves `examples/<name>`."""

    def start(name):
        folder = tmp_path / name
        shutil.copytree(REPOSITORY / "examples" / name, folder, ignore=shutil.ignore_patterns(".hognose"))
        return serve(folder)

    return start


def test_hello_greets_and_counts(example):
    server = example("hello")
    assert server.fetch("/Ada").text == "Hello, Ada! Visit number 1.\n"
    assert server.fetch("/Ada?json").json == {"name": "Ada", "visits": 2}


def heard(client):
    """The next thing said in a room."""
    return json.loads(client.receive()[1])


def test_chat_passes_on_what_is_said_and_keeps_it(example):
    server = example("chat")
    assert "<title>Chat</title>" in server.fetch("/").text
    assert server.fetch("/rooms/lobby").status == 426
    assert server.fetch("/rooms/").status == 404
    with contextlib.ExitStack() as open_sockets:
        ada, bob = (open_sockets.enter_context(Client(server.port, f"/rooms/lobby?{name}")) for name in ("ada", "bob"))
        ada.text("hi <b>")
        expected = {"who": "ada", "said": "hi <b>"}
        assert [heard(ada), heard(bob)] == [expected, expected]
        late = open_sockets.enter_context(Client(server.port, "/rooms/lobby?eve"))
        assert heard(late) == expected
        elsewhere = open_sockets.enter_context(Client(server.port, "/rooms/other?eve"))
        elsewhere.text("alone")
        assert heard(elsewhere)["said"] == "alone"


def test_shortener_makes_links_for_those_with_the_token(example):
    server = example("shortener")
    known = {"authorization": "Bearer let me in"}
    assert server.fetch("/snakes", "PUT", "https://example.com/hognose").status == 401
    made = server.fetch("/snakes", "PUT", "https://example.com/hognose", known)
    assert (made.status, made.text) == (201, "/snakes leads to https://example.com/hognose\n")
    followed = server.fetch("/snakes")
    assert (followed.status, followed.headers["location"]) == (302, "https://example.com/hognose")
    assert server.fetch("/other").status == 404
    assert server.fetch("/bad", "PUT", "javascript:alert(1)", known).status == 400
    statuses = [server.fetch("/more", "PUT", "https://example.com", known).status for _ in range(10)]
    assert statuses[-1] == 429


def test_digest_counts_events_and_reports_them(example):
    server = example("digest")
    for name in ("signup", "signup", "order"):
        assert server.fetch(f"/events/{name}", "POST").status == 202
    wait_until(lambda: ask(server.folder, "/queues")["result"][0]["backlog"]["backlogCount"] == 0)
    run = server.fetch("/cdn-cgi/handler/scheduled?time=1767247200000&cron=0+6+*+*+*")
    assert run.text == "ok"
    assert server.fetch("/reports").text == "/reports/2026-01-01.txt\n"
    assert server.fetch("/reports/2026-01-01.txt").text == "order: 1\nsignup: 2\n"
    assert server.fetch("/reports/none").status == 404


def test_approvals_wait_for_somebody(example):
    server = example("approvals")
    made = server.fetch("/orders", "POST", json.dumps({"item": "terrarium", "price": 120}), {"content-type": "application/json"})
    assert made.status == 201
    path = f"/orders/{made.json['id']}"
    wait_until(lambda: server.fetch(path).json["status"] == "waiting")
    server.fetch(f"{path}/approve", "POST")
    wait_until(lambda: server.fetch(path).json["status"] == "complete")
    assert server.fetch(path).json["output"] == {"item": "terrarium", "reserved": True, "shipped": True}

"""Consumers of the type `http_pull`: programs outside fetch and acknowledge messages over the server's API."""

import http.client
import json
import socket

import pytest

CONFIGURATION = """\
main = "index.py"
compatibility_date = "2025-08-01"
compatibility_flags = ["python_workers"]

[[queues.producers]]
binding = "JOBS"
queue = "jobs"

[[queues.consumers]]
queue = "jobs"
type = "http_pull"
max_retries = 1
dead_letter_queue = "dead"
"""
WORKER = """\
from js import Object, Response, Uint8Array
from pyodide.ffi import to_js

def js(value):
    return to_js(value, dict_converter=Object.fromEntries)

async def on_fetch(request, env):
    await env.JOBS.send(js({"n": 1}))
    await env.JOBS.send("two", js({"contentType": "text"}))
    await env.JOBS.send(to_js(b"\\xff"), js({"contentType": "bytes"}))
    return Response.new("sent")
"""


@pytest.fixture
def server(project, serve):
    return serve(project(files={"wrangler.toml": CONFIGURATION, "index.py": WORKER}))


def ask(server, what, body, queue="jobs"):
    """What the API answers through the server's own socket."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(60)
    connection.sock.connect(str(server.folder / ".hognose/control.sock"))
    path = f"/cdn-cgi/explorer/api/accounts/mine/queues/{queue}/messages/{what}"
    connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    assert answer.status in (200, 400, 404), text
    return json.loads(text)


def pull(server, **options):
    answer = ask(server, "pull", options)
    assert answer["success"], answer
    return answer["result"]


def test_messages_are_pulled_and_acknowledged(server):
    server.fetch("/")
    result = pull(server)
    assert result["message_backlog_count"] == 3
    messages = result["messages"]
    bodies = [(message["body"], message["metadata"]["CF-Content-Type"]) for message in messages]
    assert bodies == [("eyJuIjoxfQ==", "json"), ("two", "text"), ("/w==", "bytes")]
    assert [message["attempts"] for message in messages] == [1, 1, 1]
    assert pull(server)["messages"] == [], "they are leased"
    leases = [{"lease_id": message["lease_id"]} for message in messages]
    answer = ask(server, "ack", {"acks": leases[:2], "retries": leases[2:]})
    assert answer["result"] == {"ackCount": 2, "retryCount": 1, "warnings": []}
    [again] = pull(server)["messages"]
    assert (again["id"], again["attempts"]) == (messages[2]["id"], 2)


def test_a_message_that_is_not_acknowledged_comes_again_and_then_is_dead(server):
    server.fetch("/")
    [first] = pull(server, batch_size=1, visibility_timeout=0)["messages"]
    second = pull(server, visibility_timeout=0)["messages"]
    assert first["id"] in [message["id"] for message in second]
    third = pull(server, visibility_timeout=0)["messages"]
    assert first["id"] not in [message["id"] for message in third], "it is in the dead letter queue"
    late = next(message for message in third if message["attempts"] == 2)
    assert ask(server, "ack", {"acks": [{"lease_id": late["lease_id"]}]})["success"], "late, but still ours"


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("pull", {"batch_size": 0}),
        ("pull", {"batch_size": 101}),
        ("pull", {"visibility_timeout": 43_200_001}),
        ("ack", {"acks": [{"lease_id": "none"}]}),
    ],
)
def test_wrong_numbers_and_leases_are_refused(server, what, body):
    assert ask(server, what, body)["success"] is False


def test_a_queue_that_nobody_may_pull_is_named(server):
    answer = ask(server, "pull", {}, queue="other")
    assert 'of the type "http_pull" for the queue `other`' in answer["errors"][0]["message"]

"""How long messages are held back, by who said so, and what stays the same when they are delivered again."""

import json
import re

import pytest
from harness import run

CONFIGURATION = """\
main = "index.py"
compatibility_date = "2025-08-01"
compatibility_flags = ["python_workers"]

[[queues.producers]]
binding = "DELAYED"
queue = "delayed"
delivery_delay = 100

[[queues.producers]]
binding = "JOBS"
queue = "jobs"

[[queues.producers]]
binding = "POOR"
queue = "poor"

[[queues.consumers]]
queue = "jobs"
max_batch_size = 3
max_batch_timeout = 60
retry_delay = 3000

[[queues.consumers]]
queue = "poor"
max_batch_timeout = 0
max_retries = 0
dead_letter_queue = "dead"
"""
WORKER = """\
import json

from js import JSON, Response

async def on_fetch(request, env):
    queue, batch, options = json.loads(await request.text())
    if isinstance(batch, str):
        await getattr(env, queue).send(batch, JSON.parse(json.dumps(options)))
    else:
        await getattr(env, queue).sendBatch(JSON.parse(json.dumps(batch)), JSON.parse(json.dumps(options)))
    return Response.new("sent")

async def on_queue(batch, env):
    for message in batch.messages:
        print(f"GOT {batch.queue} {message.body} {message.id} {message.timestamp.getTime()}.", flush=True)
        if message.body == "own":
            message.retry(delaySeconds=1000)
        if message.body in ("plain retry", "poor"):
            message.retry()
        if message.body == "all":
            batch.retryAll(delaySeconds=2000)
"""


@pytest.fixture
def server(project, serve):
    return serve(project(files={"wrangler.toml": CONFIGURATION, "index.py": WORKER}))


def send(server, queue, batch, **options):
    assert server.fetch("/", "POST", json.dumps([queue, batch, options])).text == "sent"


def waiting(server, queue):
    """The messages of a queue by their bodies."""
    code, output = run("queues", "peek", queue, "--limit", "100", folder=server.folder)
    assert code == 0, output
    return {message["body"]: message for message in json.loads(output)}


def settled(server, queue, count):
    """The same, once so many are there and none of them is being delivered."""
    while True:
        found = waiting(server, queue)
        if len(found) == count and all(each["attempts"] > 0 and not each["in_delivery"] for each in found.values()):
            return found


def delay_s(message):
    return (message["ready_ms"] - message["sent_ms"]) / 1000


def test_the_message_says_first_then_the_call_then_the_producer(server):
    send(server, "DELAYED", "producer")
    send(server, "DELAYED", "nothing", delaySeconds=0)
    send(server, "DELAYED", "call", delaySeconds=7)
    batch = [{"body": "batch"}, {"body": "message", "delaySeconds": 3}, {"body": "message, nothing", "delaySeconds": 0}]
    send(server, "DELAYED", [{**each, "contentType": "text"} for each in batch], delaySeconds=5)
    send(server, "DELAYED", [{"body": "batch of the producer's", "contentType": "text"}])
    found = {body.strip('"'): delay_s(message) for body, message in waiting(server, "delayed").items()}
    assert found == {
        "producer": 100, "nothing": 0, "call": 7,
        "batch": 5, "message": 3, "message, nothing": 0, "batch of the producer's": 100,
    }  # fmt: skip


def test_of_a_retry_the_message_says_first_then_the_batch_then_the_consumer(server):
    def retried(bodies, count):
        send(server, "JOBS", [{"body": body, "contentType": "text"} for body in bodies])
        found = settled(server, "jobs", count)
        # Between sending and deciding some time has gone.
        return {body: round(delay_s(message), -3) for body, message in found.items()}

    assert retried(["plain retry", "done", "fine"], 1) == {"plain retry": 3000}
    found = retried(["own", "all", "other"], 4)
    assert found == {"plain retry": 3000, "own": 1000, "all": 2000, "other": 2000}


def test_a_message_keeps_its_id_and_its_time(server):
    send(server, "JOBS", [{"body": body, "contentType": "text"} for body in ("own", "fine", "done")])
    send(server, "POOR", "poor", contentType="text")
    retried = settled(server, "jobs", 1)["own"]
    while not (dead := waiting(server, "dead")):
        pass
    for message, queue in ((retried, "jobs"), (dead["poor"], "poor")):
        assert re.fullmatch("[0-9a-f]{32}", message["id"])
        server.output.wait_for(rf"GOT {queue} {message['body']} {message['id']} {message['sent_ms']}\.")
    # In the queue it has died into, its deliveries are counted anew.
    assert (retried["attempts"], dead["poor"]["attempts"]) == (1, 0)

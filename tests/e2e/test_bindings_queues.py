"""Queues as Python sees them: producers as the JavaScript object itself and through Cloudflare's SDK, and consumers,
which print what they get."""

import random
import re

import pytest
from conftest import poster

WORKER = "queues"


class Sent:
    """A message with a mark of its own, and what becomes of it."""

    def __init__(self, server, path, words, options=""):
        self.mark = f"m{random.randrange(1 << 60)}"
        self.server = server
        poster(server, path)(f"await jobs.send('{words} {self.mark}', contentType='text'{options})\n1")

    def wait_for(self, queue, attempts):
        return self.server.output.wait_for(rf"GOT {queue} {attempts} \w+ [^\n]*{self.mark}[^\n]*")[0]

    def deliveries(self):
        return re.findall(rf"GOT (\w+ \d) \w+ [^\n]*{self.mark}", self.server.output.text)


# What is sent, and what comes: its type in Python or JavaScript, and its JSON.
BODIES = [
    ("to_js({'a': [1]}, dict_converter=js.Object.fromEntries)", "{'a': [1]}", 'Object {"a":[1]}'),
    ("'text'", "'text'", "str text"),
    ("to_js([1, True])", "[1, True]", "Array [1,true]"),
]


@pytest.mark.parametrize(("raw_body", "sdk_body", "got"), BODIES)
def test_bodies_arrive_as_they_were_sent(server, raw, sdk, raw_body, sdk_body, got):
    for run, body in ((raw, raw_body), (sdk, sdk_body)):
        start = len(server.output.text)
        run(f"await jobs.send({body})\n1")
        server.output.wait_for(rf"GOT jobs 1 {re.escape(got)} of 1\.", start)


def test_bytes_arrive_as_bytes(server, raw, sdk):
    for run, body in ((raw, "to_js(b'\\x01\\xff')"), (sdk, "b'\\x01\\xff'")):
        start = len(server.output.text)
        run(f"await jobs.send({body}, contentType='bytes')\n1")
        server.output.wait_for(r'GOT jobs 1 Uint8Array \{"0":1,"1":255\} of 1\.', start)


# What is sent as a structured clone, and what comes.
CLONES = [
    ("to_js({'a': 1})", "Map {}"),
    ("js.Date.new(0)", 'Date "1970-01-01T00:00:00.000Z"'),
    ("to_js(b'\\x01\\xff')", 'Uint8Array {"0":1,"1":255}'),
    ("to_js({'a': [None, 'ä']}, dict_converter=js.Object.fromEntries)", 'Object {"a":[null,"ä"]}'),
]


@pytest.mark.parametrize(("body", "got"), CLONES)
def test_structured_clones_arrive_as_they_were_sent(server, raw, body, got):
    start = len(server.output.text)
    raw(f"await jobs.send({body}, contentType='v8')\n1")
    server.output.wait_for(rf"GOT jobs 1 {re.escape(got)} of 1\.", start)
    start = len(server.output.text)
    raw(f"await jobs.sendBatch(to_js([{{'body': {body}, 'contentType': 'V8'}}], dict_converter=js.Object.fromEntries))\n1")
    server.output.wait_for(rf"GOT jobs 1 {re.escape(got)} of 1\.", start)


def test_what_cannot_be_cloned_is_refused(raw):
    assert raw("await jobs.send(js.Object.assign, contentType='v8')") == (
        "DataCloneError: Functions, stubs and streams cannot be in a queue's message."
    )


def test_a_batch_is_no_larger_than_the_consumer_wants(server, sdk):
    start = len(server.output.text)
    sdk("await jobs.sendBatch([{'body': f'batch {i}'} for i in range(7)])\n1")
    for number in range(7):
        server.output.wait_for(rf"GOT jobs 1 str batch {number} of \d\.", start)
    sizes = re.findall(r"GOT jobs 1 str batch \d of (\d)", server.output.text[start:])
    assert len(sizes) == 7 and max(map(int, sizes)) == 3


@pytest.mark.parametrize("path", ["/raw", "/sdk"])
def test_what_a_handler_decides_becomes_of_messages(server, path):
    acked, retried = Sent(server, path, "ack"), Sent(server, path, "retry")
    failed_acked, failed = Sent(server, path, "ack fail"), Sent(server, path, "fail")
    all_of_them, later = Sent(server, path, "retryAll"), Sent(server, path, "later")
    for sent in (retried, failed, all_of_them, later):
        sent.wait_for("dead", 1)
        assert sent.deliveries() == ["jobs 1", "jobs 2", "dead 1"]
    assert acked.deliveries() == failed_acked.deliveries() == ["jobs 1"]


# What a handler does one after the other, whether the message is delivered again, and what it is warned of.
CONTRADICTIONS = [
    ("ack retry", False, r"retry\(\) on message \w+ after ack\(\) was already called"),
    ("retry ack", True, r"ack\(\) on message \w+ after retry\(\) was already called"),
    ("ackAll retry", False, r"retry\(\) on message \w+ after ackAll\(\) was already called"),
    ("retryAll ack", True, r"ack\(\) on message \w+ after retryAll\(\) was already called"),
    ("ackAll retryAll", False, r"retryAll\(\) on the batch after ackAll\(\) was already called"),
    ("retryAll ackAll", True, r"ackAll\(\) on the batch after retryAll\(\) was already called"),
    ("retry ackAll", True, None),
    ("ack retryAll", False, None),
    ("ackAll fail", False, None),
]


@pytest.mark.parametrize(("words", "is_retried", "warning"), CONTRADICTIONS)
def test_what_was_decided_first_holds(server, words, is_retried, warning):
    start = len(server.output.text)
    sent = Sent(server, "/raw", words)
    sent.wait_for("jobs", 1)
    if warning:
        server.output.wait_for(rf"Received a call to {warning}", start)
    # What is delivered again is so before what is sent after it.
    (sent if is_retried else Sent(server, "/raw", "retry")).wait_for("dead", 1)
    assert sent.deliveries() == (["jobs 1", "jobs 2", "dead 1"] if is_retried else ["jobs 1"])


COMMON = [
    ("other.constructor.name", "'WorkerQueue'"),
    ("(await delayed.send('x')).metadata.metrics.backlogCount >= 0", "True"),
    ("await delayed.send('x')\n(await delayed.metrics()).backlogBytes > 0", "True"),
]


@pytest.mark.parametrize("style", ["raw", "sdk"])
@pytest.mark.parametrize(("code", "value"), COMMON)
def test_both_styles(request, style, code, value):
    assert request.getfixturevalue(style)(code) == value


# What goes wrong, and how it is told; `None` where it just passes.
ERRORS = [
    ("await delayed.send(js.undefined)", "TypeError: Message body cannot be undefined"),
    ("await delayed.sendBatch(to_js([]))", "TypeError: sendBatch() requires at least one message"),
    ("await delayed.send('x', contentType='x')", "TypeError: Unsupported queue message content type: x"),
    ("await delayed.send(5, contentType='text')",
     'TypeError: Content Type "text" requires a value of type string, but received: number'),
    ("await delayed.send('x', contentType='bytes')",
     'TypeError: Content Type "bytes" requires a value of type ArrayBufferView, but received: string'),
    ("await delayed.send(js.ArrayBuffer.new(3), contentType='bytes')",
     'TypeError: Content Type "bytes" requires a value of type ArrayBufferView, but received: object'),
    ("await delayed.send('x', contentType='TEXT')", None),
    ("await delayed.send('x' * 128_000, contentType='text')", None),
    ("await delayed.send('x' * 128_001, contentType='text')",
     "Error: Queue send failed: message length of 128001 bytes exceeds limit of 128000"),
    ("await delayed.send('x', delaySeconds=86400)", None),
    ("await delayed.send('x', delaySeconds=86401)", "Error: Queue send failed: message delay 86401 is invalid: "),
    ("await delayed.send('x', delaySeconds=-1)", "Error: Queue send failed: message delay -1 is invalid: "),
    ("await delayed.sendBatch(js.JSON.parse(json.dumps([{'body': 'x'}] * 100)))", None),
    ("await delayed.sendBatch(js.JSON.parse(json.dumps([{'body': 'x'}] * 101)))",
     "Error: Queue sendBatch failed: batch message count of 101 exceeds limit of 100"),
    ("await delayed.sendBatch(js.JSON.parse(json.dumps([{'body': 'x' * 127_998}])))", None),
    ("await delayed.sendBatch(js.JSON.parse(json.dumps([{'body': 'x' * 127_999}])))",
     "Error: Queue sendBatch failed: message in batch has length 128001 bytes which exceeds single message size limit"),
    ("await delayed.sendBatch(js.JSON.parse(json.dumps([{'body': 'x' * 95_998}] * 3)))", None),
    ("await delayed.sendBatch(js.JSON.parse(json.dumps([{'body': 'x' * 95_999}] * 3)))",
     "Error: Queue sendBatch failed: batch size of 288003 bytes exceeds limit of 256000"),
    ("js.structuredClone(other)", "DataCloneError: "),
]


def test_bytes_are_taken_from_their_sender_by_send_only(raw):
    code = "array = js.Uint8Array.new(3)\nawait {}\narray.byteLength"
    assert raw(code.format("delayed.send(array, contentType='bytes')")) == "0"
    batch = "js.Array.of(js.Object.fromEntries(to_js([('body', array), ('contentType', 'bytes')])))"
    assert raw(code.format(f"delayed.sendBatch({batch})")) == "3"


@pytest.mark.parametrize(("code", "error"), ERRORS)
def test_errors_and_what_just_passes(raw, code, error):
    told = raw(code)
    assert told.startswith(error) if error else "rror: " not in told

"""Traces on their way to an OpenTelemetry collector."""

import contextlib
import http.server
import json
import queue
import threading

import pytest
from harness import TIMEOUT_S

WORKER = """\
from js import Response


async def on_fetch(request, env):
    if "/broken" in request.url:
        raise ValueError("broken")
    await env.KV.put("a", "b")
    print("kept")
    return Response.new("ok")
"""
CONFIGURATION = 'name = "traced"\nmain = "index.py"\nkv_namespaces = [{ binding = "KV" }]\n'


class Collector(http.server.ThreadingHTTPServer):
    """Takes what is sent to it, or answers with another status."""

    class RequestHandlerClass(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            self.server.taken.put((self.path, self.headers["content-type"], json.loads(body)))
            self.send_response(self.server.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            """Says nothing."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.RequestHandlerClass)
        self.taken, self.status = queue.Queue(), 200
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def spans(self):
        """Those of the next invocation."""
        path, content_type, body = self.taken.get(timeout=TIMEOUT_S)
        assert (path, content_type) == ("/v1/traces", "application/json")
        (resource,) = body["resourceSpans"]
        assert attributes(resource["resource"])["service.name"] == "traced"
        return resource["scopeSpans"][0]["spans"]

    def close(self):
        self.shutdown()
        self.server_close()


@pytest.fixture
def collector():
    with contextlib.closing(Collector()) as collector:
        yield collector


@pytest.fixture
def traced(serve, project, collector):
    """A function that serves the Worker, with more in its configuration."""

    def start(more=""):
        settings = f'[observability]\notlp_endpoint = "{collector.url}/"\n'
        files = {"wrangler.toml": CONFIGURATION + more, "index.py": WORKER, "hognose.toml": settings}
        return serve(project(files=files))

    return start


def attributes(span):
    return {one["key"]: next(iter(one["value"].values())) for one in span["attributes"]}


def test_an_invocation_is_a_span_with_its_calls(traced, collector):
    server = traced()
    trace_id, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    server.fetch("/a?b", headers={"traceparent": f"00-{trace_id}-{parent}-01"})
    invocation, call = collector.spans()
    assert (invocation["name"], invocation["kind"], invocation["status"]) == ("GET", 2, {})
    assert (invocation["traceId"], invocation["parentSpanId"]) == (trace_id, parent)
    about = attributes(invocation)
    assert (about["http.response.status_code"], about["hognose.outcome"]) == ("200", "ok")
    assert about["url.full"].endswith("/a?b")
    assert [attributes(event)["log.message"] for event in invocation["events"]] == ["kept"]
    assert (call["name"], call["kind"]) == ("KV.put", 3)
    assert (call["traceId"], call["parentSpanId"]) == (trace_id, invocation["spanId"])
    times = [int(span[key]) for span, key in [
        (invocation, "startTimeUnixNano"), (call, "startTimeUnixNano"), (call, "endTimeUnixNano"), (invocation, "endTimeUnixNano"),
    ]]
    assert times == sorted(times)


def test_an_exception_is_an_event_of_a_failed_span(traced, collector):
    server = traced()
    server.fetch("/broken", headers={"traceparent": "00-" + "0" * 32 + "-0-00"})
    (invocation,) = collector.spans()
    assert len(invocation["traceId"]) == 32
    assert set(invocation["traceId"]) != {"0"}
    assert invocation["status"]["code"] == 2
    raised = next(event for event in invocation["events"] if event["name"] == "exception")
    assert "broken" in attributes(raised)["exception.message"]


@pytest.mark.parametrize(
    ("says", "is_sent"),
    [
        ("[observability]\nenabled = true\n", False),
        ("[observability.traces]\nenabled = true\nhead_sampling_rate = 0\n", False),
        ("[observability.traces]\nenabled = true\n", True),
    ],
)
def test_the_configuration_says_what_is_traced(traced, collector, says, is_sent):
    server = traced(says)
    server.fetch("/")
    # What ended is sent before the server does.
    server.close()
    assert collector.taken.empty() is not is_sent


def test_a_collector_that_refuses_is_told_of_once(traced, collector):
    collector.status = 503
    server = traced()
    for _ in range(3):
        server.fetch("/")
        collector.spans()
    server.output.wait_for("traces cannot be sent to .*: it answered 503")
    server.close()
    server.output.wait_for_times("it answered 503", 1)

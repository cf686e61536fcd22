"""Whatever goes wrong in a Worker or a client: a clear message, the right status, the server up and the next request
served."""

import contextlib
import http.client
import socket

import pytest

KIB = 1024
URL_MAX = 16 * KIB
HEADERS_MAX = 128 * KIB


def assert_serves(server):
    answer = server.fetch("/")
    assert (answer.status, answer.text) == (200, "hello")


def test_an_exception_is_500_and_shows_the_users_line(serve):
    server = serve("raw")
    answer = server.fetch("/raises")
    assert answer.status == 500
    assert "ValueError: on purpose" in answer.text
    server.output.wait_for(r'index\.py", line \d+, in raises')
    server.output.wait_for("ValueError: on purpose")
    assert_serves(server)


def test_serve_keeps_the_traceback_from_the_client(serve):
    server = serve("raw", command="serve")
    answer = server.fetch("/raises")
    assert answer.status == 500
    assert "on purpose" not in answer.text
    server.output.wait_for("ValueError: on purpose")


def test_a_result_that_is_no_response_is_500(serve):
    server = serve("raw")
    answer = server.fetch("/not-a-response")
    assert answer.status == 500
    assert "Response" in answer.text
    assert "object of the type" in answer.text
    assert_serves(server)


@pytest.mark.parametrize("path", ["/exits", "/kills-itself"])
def test_a_worker_that_ends_its_process_gives_502_and_then_a_good_answer(serve, path):
    server = serve("raw")
    before = server.fetch("/process").text
    answer = server.fetch(path)
    assert answer.status == 502
    assert answer.text
    assert_serves(server)
    assert server.fetch("/process").text != before


def test_a_missing_handler_is_named(serve, project):
    server = serve(project(files=worker("x = 1\n")))
    answer = server.fetch()
    assert answer.status == 500
    assert "on_fetch" in answer.text


def test_a_global_handler_of_a_newer_date_is_told_to_be_a_method(serve, project):
    files = worker("async def on_fetch(request, env, ctx): pass\n")
    files["wrangler.toml"] += 'compatibility_date = "2025-08-14"\n'
    server = serve(project(files=files))
    told = 'has a function "on_fetch", but from the compatibility date 2025-08-14 on handlers are methods'
    server.output.wait_for("warning: .*" + told)
    answer = server.fetch()
    assert answer.status == 500
    assert answer.text.count(told) == 1


BREAKS_OFF = """\
from js import ReadableStream, Response
from pyodide.ffi import create_proxy, to_js
from workers import WorkerEntrypoint

async def pieces():
    yield to_js(b"the beginning")
    raise ValueError("in the middle")

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response.new(ReadableStream.from_(create_proxy(pieces())))
"""


def test_a_response_that_breaks_off_is_told_in_the_log(serve, project):
    server = serve(project(files=worker(BREAKS_OFF)))
    with contextlib.suppress(http.client.HTTPException, ConnectionError):
        server.fetch()
    server.output.wait_for(r"index\.py\", line 7, in pieces")
    server.output.wait_for("ValueError: in the middle")


def test_a_handler_that_never_answers_does_not_hold_the_server(serve):
    server = serve("raw")
    with contextlib.closing(server.connect()) as hanging:
        hanging.request("GET", "/never")
        assert_serves(server)
    assert_serves(server)


def test_a_body_that_breaks_off_does_no_harm(serve):
    server = serve("raw")
    with contextlib.closing(server.socket()) as client:
        client.sendall(b"POST /hash HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\nonly this")
        client.shutdown(socket.SHUT_RDWR)
    assert_serves(server)


def test_a_url_at_the_limit_passes_and_one_past_it_is_414(serve):
    server = serve("raw")
    beginning = f"http://127.0.0.1:{server.port}/length?"
    query = "q" * (URL_MAX - len(beginning))
    at_limit = server.fetch(f"/length?{query}")
    assert (at_limit.status, at_limit.text) == (200, f"0 {URL_MAX}")
    assert server.fetch(f"/length?{query}q").status == 414
    assert_serves(server)


def test_headers_under_the_limit_pass_and_past_it_are_431(serve):
    server = serve("raw")
    fits = "h" * (HEADERS_MAX - 4 * KIB)
    answer = server.fetch("/length", headers={"x-long": fits})
    assert (answer.status, answer.text.split()[0]) == (200, str(len(fits)))
    assert server.fetch("/length", headers={"x-long": "h" * HEADERS_MAX}).status == 431
    assert_serves(server)


def test_garbage_instead_of_http_is_refused(serve):
    server = serve("raw")
    with contextlib.closing(server.socket()) as client:
        client.sendall(b"\x00\x01\x02 this is not HTTP\r\n\r\n")
        assert client.recv(64 * KIB).startswith((b"HTTP/1.1 400", b""))
    assert_serves(server)


def test_a_main_module_that_does_not_parse_is_shown_with_its_line(serve, project):
    server = serve(project(files=worker("def on_fetch(request)\n    pass\n")))
    answer = server.fetch()
    assert answer.status == 500
    assert "SyntaxError" in answer.text
    server.output.wait_for(r'index\.py", line 1')


def test_an_exception_at_the_top_level_is_shown_with_its_line(serve, project):
    server = serve(project(files=worker("import json\n\nraise RuntimeError('too early')\n")))
    answer = server.fetch()
    assert answer.status == 500
    assert "RuntimeError: too early" in answer.text
    server.output.wait_for(r'index\.py", line 3')


def worker(source):
    """The files of a project with this main module."""
    return {"wrangler.toml": 'main = "src/index.py"\n', "src/index.py": source}

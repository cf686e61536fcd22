"""Python in handlers behaves as Python: it may block, wait, use threads and context, print, raise, and go on after the
answer; one request never disturbs another."""

import contextlib
import random
import shutil
import threading

import pytest
from conftest import WORKERS
from harness import Gates, Server


@pytest.fixture(scope="module")
def gates():
    with contextlib.closing(Gates()) as gates:
        yield gates


@pytest.fixture(scope="module")
def server(tmp_path_factory, gates):
    """One server for all tests of this file: none may disturb the others."""
    folder = tmp_path_factory.mktemp("python") / "python"
    shutil.copytree(WORKERS / "python", folder)
    variable = f"GATES:http://127.0.0.1:{gates.server_port}"
    with contextlib.closing(Server(["dev", str(folder), "--port", "0", "--var", variable], folder)) as server:
        yield server


@pytest.fixture
def output(server):
    """What the server prints from now on: a function like `Output.wait_for`."""
    start = len(server.output.text)
    return lambda pattern: server.output.wait_for(pattern, start)


def begin(server, path, **options):
    """Sends a request and gives the connection, whose response comes later."""
    connection = server.connect()
    connection.request("GET", path, **options)
    return connection


def finish(connection):
    with contextlib.closing(connection):
        return connection.getresponse().read().decode()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/top_level", "waited"),
        ("/sync_handler", "stored and read"),
        ("/deep", "RecursionError"),
        ("/gathered", "[0, 2, 4, 6, 8]"),
        ("/timed_out", "TimeoutError"),
        ("/grouped", "[0, 1, 2]"),
        ("/threads", "[(False, 'asked'), (False, 'nobody')]"),
        ("/from_thread", "from a thread"),
        ("/asyncio_run", "ran"),
        ("/asyncio_run_in_async", "ran"),
        ("/environment", "['hello', 'hello', 'hello']"),
        ("/user", "web_user"),
        ("/no_module", "Failed to import 'internal:anything': Error: No such module \"internal:anything\"."),
        ("/timing", "True"),
    ],
)
def test_python_works_as_written(server, path, text):
    answer = server.fetch(path)
    assert (answer.status, answer.text) == (200, text)


def test_module_globals_last_over_requests(server):
    assert [server.fetch("/count").text for _ in range(3)] == ["1", "2", "3"]


def test_run_sync_above_a_javascript_frame_is_refused(server):
    assert server.fetch("/above_javascript").text.startswith("Cannot stack switch")


def test_threads_use_javascript_and_bindings(server, output):
    answer = server.fetch("/javascript_in_thread/x").text
    assert answer == "('x', '/javascript_in_thread/x', 'hello')"
    output("stored x\n")
    assert server.fetch("/loop_in_thread/y").text == "y"


def test_a_handler_may_block_on_threads_that_need_the_loop(server):
    answers = [begin(server, "/blocked_by_threads") for _ in range(4)]
    assert [finish(answer) for answer in answers] == [str(sum(range(20)))] * 4


def test_blocked_handlers_finish_in_any_order_with_their_own_state(server, output, gates):
    names = [f"request-{number}" for number in range(40)]
    waiting = {}
    for name in names:
        waiting[name] = begin(server, f"/blocked/{name}")
        output(f"{name} waits")
    random.shuffle(names)
    for name in names:
        gates.open(name)
        assert finish(waiting[name]) == f"{name} KeyError('{name}') True shared by all, as it is one thread"


def test_a_thread_that_blocks_does_not_hold_the_others(server, gates):
    sleeping = begin(server, "/sleeps_in_thread/thread")
    assert server.fetch("/hello").text == "hello"
    gates.open("thread")
    assert finish(sleeping) == "True"


@pytest.mark.parametrize("path", ["/hangs", "/hangs_in_asyncio", "/hangs_in_run_sync"])
def test_a_handler_that_can_never_answer_is_ended(server, output, path):
    answer = server.fetch(path)
    assert answer.status == 500
    assert "your Worker's code had hung" in answer.text
    output("your Worker's code had hung")


@pytest.mark.parametrize("what", ["coroutine", "task", "module"])
def test_wait_until_goes_on_after_the_answer(server, output, gates, what):
    assert server.fetch(f"/wait_{what}").text == "answered"
    gates.open(what)
    output(f"later: {what}\n")


def test_what_wait_until_keeps_may_keep_more(server, output, gates):
    assert server.fetch("/wait_many").text == "answered"
    gates.open("some")
    gates.open("more")
    output("later: more\n")


def test_wait_until_takes_promises(server, output):
    assert server.fetch("/wait_promise").text == "answered"
    output("later: promise\n")
    assert server.fetch("/kv/waited").text == "yes"


def test_a_failure_after_the_answer_is_shown_with_the_users_line(server, output):
    assert server.fetch("/wait_raises").text == "answered"
    shown = output(r"(?s)Traceback.*?ValueError: after the answer\n")
    assert 'index.py", line' in shown[0]
    assert "hognose:" not in shown[0]


def test_a_client_that_goes_aborts_the_requests_signal(server, output):
    connection = begin(server, "/cancelled")
    output("waits for the client to go")
    connection.close()
    output("the client has gone")
    assert server.fetch("/hello").text == "hello"


def test_a_body_streams_through_python_both_ways(server):
    with server.socket() as client:
        client.sendall(b"POST /echo_stream HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        received = client.makefile("rb")
        client.sendall(b"3\r\none\r\n")
        assert received.readline().startswith(b"HTTP/1.1 200")
        while received.readline() != b"\r\n":
            pass
        assert [received.readline() for _ in range(2)] == [b"3\r\n", b"ONE\r\n"]
        client.sendall(b"3\r\ntwo\r\n")
        assert [received.readline() for _ in range(2)] == [b"3\r\n", b"TWO\r\n"]
        client.sendall(b"0\r\n\r\n")
        assert received.readline() == b"0\r\n"


def test_a_body_is_passed_on_untouched(server):
    body = random.randbytes(3 << 20)
    assert server.fetch("/passed_on", "POST", body).body == body


def test_all_ways_to_say_something_are_shown(server, output):
    server.fetch("/says/this")
    shown = output(r"(?s).*GET /says/this 200")[0]
    lines = ["printed this", "error this", "warned this { a: [ 1 ] }", "logging this", "no newline this"]
    assert [line for line in lines if f"{line}\n" not in shown] == []
    assert "UserWarning: a warning of this" in shown


def test_what_threads_print_is_shown(server, output):
    assert server.fetch("/print_in_thread").text == "printed"
    output("printed in a thread\n")


def test_a_line_that_was_sent_in_parts_has_one_end(server, output):
    assert server.fetch("/prints_in_parts").text == "printed"
    output(r"(?m)^begun\n(long)+\n\nspaced\n")


def test_a_traceback_shows_causes_notes_and_the_users_own_lines(server):
    answer = server.fetch("/chained")
    assert answer.status == 500
    message, _, traceback = answer.text.partition("\n\n")
    assert message == "ValueError: wrapped"
    assert "KeyError: 'missing'" in traceback
    assert "ValueError: wrapped\na note of the author's" in traceback
    assert "hognose" not in traceback


def test_a_javascript_error_is_shown_at_the_line_that_called(server):
    answer = server.fetch("/from_javascript")
    assert answer.text.startswith("pyodide.ffi.JsException: SyntaxError: ")
    assert 'return js.JSON.parse("{")' in answer.text


@pytest.mark.parametrize("path", ["/exits/this", "/exits_later/this"])
def test_sys_exit_ends_the_request_only(server, output, path):
    visits = int(server.fetch("/count").text)
    answer = server.fetch(path)
    assert (answer.status, answer.text.splitlines()[0]) == (500, "SystemExit: this")
    assert int(server.fetch("/count").text) == visits + 1
    assert "never retrieved" not in output(f"(?s).*GET {path} 500")[0]


def test_a_background_task_that_fails_is_told_and_ends_nothing(server, output):
    visits = int(server.fetch("/count").text)
    assert server.fetch("/background").text == "answered"
    assert int(server.fetch("/count").text) == visits + 1

"""Cloudflare's SDK, unmodified, over the objects of this runtime: its requests, responses and forms, and the gateways to
ASGI and WSGI applications."""

import contextlib
import shutil

import pytest
from conftest import WORKERS
from harness import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdk") / "sdk_objects"
    shutil.copytree(WORKERS / "sdk_objects", folder)
    with contextlib.closing(Server(["dev", str(folder), "--port", "0"], folder)) as server:
        yield server


def test_an_asgi_application_answers(server):
    answer = server.fetch("/asgi/a%20b?q=1", "POST", "body", {"X-Asked": "it"})
    assert (answer.status, answer.headers["x-told"]) == (202, "yes")
    assert answer.json == {
        "method": "POST",
        "path": "/asgi/a b",
        "query": "q=1",
        "header": "it",
        "env": "hello",
        "body": "body",
    }


def test_an_asgi_application_streams(server):
    answer = server.fetch("/asgi/stream")
    assert (answer.text, answer.headers["transfer-encoding"]) == ("0 1 2 3 4 ", "chunked")


def test_a_wsgi_application_answers(server):
    answer = server.fetch("/wsgi/a%20b?q=1", "POST", "body", {"X-Asked": "it"})
    assert (answer.status, answer.headers["x-told"]) == (203, "yes")
    assert answer.text == "POST /wsgi/a b q=1 it body"


def test_a_response_has_status_text_and_headers(server):
    with contextlib.closing(server.connect()) as connection:
        connection.request("GET", "/text")
        response = connection.getresponse()
        assert (response.status, response.reason, response.headers["x-one"]) == (201, "Made", "1")
        assert response.headers["content-type"] == "text/plain;charset=UTF-8"
        assert response.read() == b"text"


def test_a_response_of_bytes_keeps_repeated_headers(server):
    answer = server.fetch("/bytes")
    assert (answer.body, answer.headers.get_all("set-cookie")) == (b"\x00\xff", ["a=1", "b=2"])


def test_a_response_without_content(server):
    answer = server.fetch("/nothing")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (204, b"", None)


def test_a_redirect(server):
    answer = server.fetch("/redirect")
    assert (answer.status, answer.headers["location"]) == (307, "http://example.com/")


FORM = (
    b'--x\r\ncontent-disposition: form-data; name="name"\r\n\r\nvalue\r\n'
    b'--x\r\ncontent-disposition: form-data; name="many"\r\n\r\n1\r\n'
    b'--x\r\ncontent-disposition: form-data; name="many"\r\n\r\n2\r\n'
    b'--x\r\ncontent-disposition: form-data; name="file"; filename="f.txt"\r\ncontent-type: text/plain\r\n\r\n'
    b"content\r\n--x--\r\n"
)


def test_a_form_is_read(server):
    answer = server.fetch("/form", "POST", FORM, {"content-type": "multipart/form-data; boundary=x"})
    assert answer.json == ["value", ["1", "2"], "f.txt", "text/plain", "content"]


def test_a_form_is_made(server):
    assert 'name="file"; filename="file.txt"' in server.fetch("/make_form").text


def test_a_body_is_read_once(server):
    assert server.fetch("/body_twice", "POST", "body").text == "body, then Body already used"


def test_an_unsupported_body_is_told(server):
    answer = server.fetch("/unsupported")
    assert answer.status == 500
    assert answer.text.startswith("TypeError: Unsupported type in Response: int")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/blob", [6, "text/plain", "onetwo", "net"]),
        ("/request_object", ["PUT", "1", "content", True]),
        ("/variables", ["hello", "patched", "hello", [1, 2]]),
    ],
)
def test_objects(server, path, value):
    assert server.fetch(path).json == value


def test_values_convert_both_ways(server):
    expected = "[[1, None], datetime.datetime(2026, 1, 2, 0, 0), b'x', {1}]"
    assert server.fetch("/conversions").text == expected


def test_repeated_request_headers_are_one(server):
    with contextlib.closing(server.connect()) as connection:
        connection.putrequest("GET", "/headers")
        connection.putheader("x-many", "1, 2")
        connection.putheader("x-many", "3")
        connection.endheaders()
        assert connection.getresponse().read() == b'[["1, 2, 3"], true]'

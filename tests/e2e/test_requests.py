"""A Worker answers: both handler styles, bodies in both directions, `env`."""

import hashlib
import json
import re
from pathlib import Path

PAIR = """\
from js import Response

async def on_fetch(request, env):
    await env.FOO.put("bar", "baz")
    bar = await env.FOO.get("bar")
    return Response.new(bar) # returns "baz"
"""


def test_the_example_pair_answers(serve):
    server = serve("pair")
    assert (server.folder / "src/index.py").read_text() == PAIR
    answer = server.fetch()
    assert (answer.status, answer.text) == (200, "baz")
    assert answer.headers["content-type"] == "text/plain;charset=UTF-8"


def test_the_example_pair_answers_in_class_style(serve):
    assert serve("pair_sdk").fetch().text == "baz"


def test_requests_are_shown_in_one_tidy_line(serve):
    server = serve("raw")
    server.fetch("/?query=1")
    server.output.wait_for(r"(?m)^GET / 200 \d+ms$")


def test_what_the_lock_refuses_is_not_tried_by_a_worker_that_only_answers(serve):
    server = serve("raw")
    server.fetch()
    server.output.wait_for(r"GET / 200")
    assert "is not allowed in a Worker" not in server.output.text


def test_the_worker_sees_method_and_url(serve):
    server = serve("raw")
    assert server.fetch("/method", "PATCH", b"").text == "PATCH"
    url = server.fetch("/url?a=b%20c", headers={"host": "example.com"}).text
    assert url == "http://example.com/url?a=b%20c"


def test_status_and_headers_reach_the_client(serve):
    answer = serve("raw").fetch("/teapot")
    assert (answer.status, answer.text) == (418, "short and stout")
    assert answer.headers["x-one"] == "1"
    assert answer.headers.get_all("set-cookie") == ["a=1", "b=2"]


def test_a_head_request_has_no_body(serve):
    answer = serve("raw").fetch("/", "HEAD")
    assert (answer.status, answer.body) == (200, b"")


def test_json_is_echoed(serve):
    document = {"text": "ünïcödé 🐍", "list": [1, 2.5, None, True], "nested": {"a": {"b": []}}}
    answer = serve("sdk").fetch("/echo", "POST", json.dumps(document))
    assert answer.json == document
    assert answer.headers["content-type"] == "application/json"


def test_the_sdk_gives_request_headers_as_a_mapping(serve):
    headers = serve("sdk").fetch("/headers", headers={"X-Mixed-Case": "Kept As Is"}).json
    assert headers["x-mixed-case"] == "Kept As Is"


def test_a_stream_made_in_python_arrives_whole(serve):
    answer = serve("sdk").fetch("/stream")
    assert answer.text == "".join(f"{number}\n" for number in range(10))


def test_a_chunk_is_sent_before_the_next_exists(serve):
    server = serve("raw")
    connection = server.connect()
    connection.request("GET", "/stream")
    response = connection.getresponse()
    assert response.read1() == b"first "
    assert server.fetch("/release").text == "released"
    assert response.read() == b"second"
    connection.close()


def test_an_upload_of_10_mib_is_hashed_whole(serve):
    upload = bytes(range(256)) * 4 * 10 * 1024
    answer = serve("sdk").fetch("/hash", "POST", upload)
    assert answer.text == hashlib.sha256(upload).hexdigest()


def test_an_upload_of_10_mib_is_hashed_as_it_arrives(serve):
    upload = bytes(range(256)) * 4 * 10 * 1024
    answer = serve("raw").fetch("/hash", "POST", upload)
    assert answer.text == hashlib.sha256(upload).hexdigest()


def test_a_chunked_upload_arrives_whole(serve):
    chunks = [b"one ", b"two ", b"three"]
    answer = serve("raw").fetch("/hash", "POST", iter(chunks))
    assert answer.text == hashlib.sha256(b"".join(chunks)).hexdigest()


def test_many_requests_on_one_connection(serve):
    connection = serve("raw").connect()
    for _ in range(200):
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"hello"
    connection.close()


def test_print_and_console_are_shown_as_they_happen(serve):
    server = serve("raw")
    server.fetch("/talk")
    server.output.wait_for("printed by the Worker")
    server.output.wait_for("logged by the Worker")


def test_a_worker_may_print_colours_but_not_command_the_terminal(serve):
    server = serve("raw")
    server.fetch("/escape")
    line = server.output.wait_for(r".*cleared")[0]
    assert line == "\x1b[31mred\x1b[0m \\u{1b}[2Jcleared"


def test_variables_come_from_the_configuration(serve, project):
    folder = project("raw")
    assert serve(folder).fetch("/variables").text == "hello 3 no secret"


def test_dev_vars_and_the_command_line_override_variables(serve, project):
    folder = project("raw")
    (folder / ".dev.vars").write_text('GREETING=overridden\nSECRET="from the file"\n')
    server = serve(folder)
    assert server.fetch("/variables").text == "overridden 3 from the file"
    server.output.wait_for_times("SECRET: (secret)", 1)
    assert "from the file" not in server.output.text
    server.close()
    options = ("--var", "GREETING:typed", "--persist-to", str(folder / "other"))
    assert serve(folder, *options).fetch("/variables").text == "typed 3 from the file"


def test_fetch_leaves_through_the_supervisor(serve, project):
    target = serve("raw")
    options = ("--connect-to", f"service.test:80:127.0.0.1:{target.port}")
    answer = serve("sdk", *options).fetch("/fetch", headers={"x-url": "http://service.test/teapot"})
    assert (answer.status, answer.text) == (418, "short and stout")


def test_kv_survives_a_kill_of_the_whole_tree(serve, project):
    folder = project("raw")
    first = serve(folder)
    assert first.fetch("/put", "POST", b"precious").text == "stored"
    first.kill_tree()
    assert serve(folder).fetch("/get").text == "precious"


def test_the_state_lies_beside_the_configuration(serve):
    server = serve("pair")
    server.fetch()
    assert (server.folder / ".hognose/lock").is_file()
    assert re.fullmatch(r"\d+\n", (server.folder / ".hognose/lock").read_text())


def test_persist_to_moves_the_state(serve, project, tmp_path):
    folder = project("pair")
    serve(folder, "--persist-to", str(tmp_path / "elsewhere")).fetch()
    assert (tmp_path / "elsewhere/lock").is_file()
    assert not Path(folder, ".hognose").exists()


def test_the_sdk_goes_by_its_first_name_too(serve, project):
    source = "from cloudflare.workers import Response\nfrom cloudflare import own\n\ndef on_fetch(request):\n"
    files = {
        "wrangler.toml": 'main = "index.py"\ncompatibility_date = "2024-11-01"\ncompatibility_flags = ["python_workers"]\n',
        "index.py": source + "    return Response(own.TEXT)\n",
        "cloudflare/own.py": 'TEXT = "of the Worker"\n',
    }
    assert serve(project(files=files)).fetch().text == "of the Worker"

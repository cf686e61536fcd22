"""The API of a running server: who is let in, what it shows of Workers and invocations, and the data of bindings."""

import contextlib
import http.client
import json
import os
import re
import socket
import stat

import pytest
from harness import TIMEOUT_S, run, start

API = "/cdn-cgi/explorer/api"
FILES = {
    "wrangler.toml": """\
name = "shop"
main = "src/index.py"
kv_namespaces = [{ binding = "KV", id = "things" }]
d1_databases = [{ binding = "DB", database_name = "orders", database_id = "orders-1" }]
r2_buckets = [{ binding = "FILES", bucket_name = "files" }]
[[queues.producers]]
binding = "JOBS"
queue = "jobs"
""",
    "src/index.py": """\
from js import Response

async def on_fetch(request, env):
    if "/broken" in request.url:
        raise ValueError("this is broken")
    await env.KV.put("seen", request.url)
    print("seen it")
    return Response.new(await env.KV.get("seen"))
""",
}


class UnixConnection(http.client.HTTPConnection):
    """HTTP through a socket in the file system, whose path may be longer than an address allows."""

    def __init__(self, path):
        super().__init__("localhost", timeout=TIMEOUT_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT_S)
        folder = os.open(self.path.parent, os.O_PATH)
        try:
            self.sock.connect(f"/proc/self/fd/{folder}/{self.path.name}")
        finally:
            os.close(folder)


def ask(folder, path, method="GET", body=None, headers=None):
    """An answer of the API through `control.sock`."""
    with contextlib.closing(UnixConnection(folder / ".hognose/control.sock")) as connection:
        connection.request(method, API + path, body=body, headers=headers or {})
        return json.loads(connection.getresponse().read())


@pytest.fixture
def shop(serve, project):
    return serve(project(files=FILES))


@pytest.fixture
def traces(shop):
    """The traces of invocations of the shop as they end."""
    with contextlib.closing(UnixConnection(shop.folder / ".hognose/control.sock")) as connection:
        connection.request("GET", API + "/invocations/stream")
        response = connection.getresponse()
        lines = iter(response.readline, b"")
        yield (json.loads(line[5:]) for line in lines if line.startswith(b"data:"))


def test_only_the_servers_user_can_open_the_socket(shop):
    socket_file = shop.folder / ".hognose/control.sock"
    assert stat.S_IMODE(socket_file.stat().st_mode) == 0o600
    about = ask(shop.folder, "/server")["result"]
    assert (about["mode"], about["pid"]) == ("dev", shop.process.pid)
    shop.close()
    assert not socket_file.exists()


def test_a_server_replaces_the_socket_of_one_that_was_killed(serve, project):
    folder = project(files=FILES)
    first = serve(folder)
    first.kill_tree()
    assert (folder / ".hognose/control.sock").exists()
    serve(folder)
    assert ask(folder, "/server")["success"]


def test_an_invocation_is_shown_with_its_calls_and_logs(shop, traces):
    assert shop.fetch("/a?b=c", headers={"x-mine": "1"}).status == 200
    trace = next(traces)
    assert trace["worker"] == "shop"
    assert trace["outcome"] == "ok"
    event = trace["event"]
    assert (event["type"], event["method"], event["status"]) == ("fetch", "GET", 200)
    assert event["url"].endswith("/a?b=c")
    assert ["x-mine", "1"] in event["headers"]
    assert [(call["binding"], call["error"]) for call in trace["calls"]] == [("KV", None), ("KV", None)]
    assert all(call["begun_us"] <= call["ended_us"] <= trace["settled_us"] for call in trace["calls"])
    assert [log["text"].strip() for log in trace["logs"]] == ["seen it"]
    assert trace["cpu_us"] > 0


def test_an_exception_is_shown_with_its_traceback(shop, traces):
    assert shop.fetch("/broken").status == 500
    trace = next(traces)
    assert trace["outcome"] == "exception"
    assert "this is broken" in trace["exception"]["message"]
    assert "index.py" in trace["exception"]["stack"]


def test_recent_invocations_need_nobody_who_followed(shop):
    for number in range(3):
        shop.fetch(f"/{number}")
    recent = ask(shop.folder, "/invocations")["result"]["recent"]
    assert [trace["event"]["url"][-2:] for trace in recent] == ["/2", "/1", "/0"]
    assert recent[0]["event"]["headers"] == []


def test_workers_are_shown_with_their_isolates(shop):
    shop.fetch("/")
    (worker,) = ask(shop.folder, "/local/workers")["result"]
    assert worker["name"] == "shop"
    assert worker["version"]["exports"][0]["methods"] == ["fetch"]
    assert len(worker["version"]["isolates"]) == len(worker["memory_bytes"]) == 1
    assert worker["memory_bytes"][0] > 1 << 20
    assert worker["counts"]["ok"] == worker["counts"]["statuses"][1] == 1


def test_keys_and_values_are_those_of_the_worker(shop):
    shop.fetch("/from-the-worker")
    values = "/storage/kv/namespaces/things/values"
    assert ask(shop.folder, "/storage/kv/namespaces")["result"][0]["binding"] == "KV"
    assert [key["name"] for key in ask(shop.folder, "/storage/kv/namespaces/things/keys")["result"]] == ["seen"]
    assert ask(shop.folder, f"{values}/a/b", "PUT", "text", {"x-kv-metadata": '{"n": 1}'})["success"]
    listed = ask(shop.folder, "/storage/kv/namespaces/things/keys?limit=1")
    assert listed["result"][0] == {"name": "a/b", "expiration": None, "metadata": {"n": 1}}
    assert listed["result_info"]["cursor"] == "a/b"
    assert ask(shop.folder, f"{values}/seen", "DELETE")["success"]
    assert not ask(shop.folder, f"{values}/seen")["success"]


@pytest.mark.parametrize(("size", "taken"), [(512, True), (513, False)])
def test_keys_are_taken_up_to_their_limit(shop, size, taken):
    answer = ask(shop.folder, "/storage/kv/namespaces/things/values/" + "k" * size, "PUT", "x")
    assert answer["success"] is taken


def test_sql_is_run(shop):
    def query(sql, *params):
        body = json.dumps({"sql": sql, "params": params})
        return ask(shop.folder, "/d1/database/orders-1/raw", "POST", body, {"content-type": "application/json"})

    assert query("CREATE TABLE t (a, b)")["success"]
    query("INSERT INTO t VALUES (?, ?)", 1, "x")
    result = query("SELECT a, b, a AS b FROM t")["result"][0]["results"]
    assert result == {"columns": ["a", "b", "b"], "rows": [[1, "x", 1]]}
    refused = query("SELECT * FROM absent")
    assert "no such table" in refused["errors"][0]["message"]


def test_objects_are_stored_and_never_run_by_a_browser(shop):
    objects = "/r2/buckets/files/objects"
    assert ask(shop.folder, f"{objects}/a/page.html", "PUT", "<script>", {"content-type": "text/html"})["success"]
    listed = ask(shop.folder, objects)["result"]["objects"]
    assert [(item["key"], item["size"], item["content_type"]) for item in listed] == [("a/page.html", 8, "text/html")]
    answer = shop.fetch(f"{API}{objects}/a/page.html")
    assert answer.body == b"<script>"
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert answer.headers["content-disposition"] == "attachment"


def test_a_message_is_sent_to_a_queue(shop):
    body = json.dumps({"body": {"n": 1}})
    sent = ask(shop.folder, "/queues/jobs/messages", "POST", body, {"content-type": "application/json"})
    assert sent["success"]
    (queue,) = ask(shop.folder, "/queues")["result"]
    assert queue["backlog"]["backlogCount"] == 1
    (message,) = ask(shop.folder, "/queues/jobs/messages?limit=5")["result"]
    assert (message["body"], message["content_type"], message["attempts"]) == ('{"n":1}', "json", 0)
    assert not message["in_delivery"]
    assert ask(shop.folder, f"/queues/jobs/messages/{message['id']}/retry", "POST")["success"]
    assert ask(shop.folder, f"/queues/jobs/messages/{message['id']}", "DELETE")["success"]
    gone = ask(shop.folder, f"/queues/jobs/messages/{message['id']}", "DELETE")
    assert gone["errors"][0]["code"] == 404
    assert ask(shop.folder, "/queues/jobs/messages", "POST", body, {"content-type": "application/json"})["success"]
    assert ask(shop.folder, "/queues/jobs/messages", "DELETE")["result"] == {"purged": 1}
    assert ask(shop.folder, "/queues/jobs/messages")["result"] == []


@pytest.mark.parametrize(
    "path", ["/storage/kv/namespaces/other/keys", "/r2/buckets/other/objects", "/queues/other/messages", "/nothing"]
)
def test_what_no_worker_has_is_not_reached(shop, path):
    method, body = ("POST", '{"body": 1}') if "queues" in path else ("GET", None)
    answer = ask(shop.folder, path, method, body, {"content-type": "application/json"})
    assert not answer["success"]
    assert answer["errors"][0]["code"] == 404


SITES = [
    ({}, 200),
    ({"host": "127.0.0.1:1"}, 200),
    ({"host": "[::1]:1"}, 200),
    ({"host": "my.localhost"}, 200),
    ({"host": "evil.example"}, 403),
    ({"host": "localhost.evil.example"}, 403),
    ({"host": "localhost", "origin": "http://localhost"}, 200),
    ({"host": "localhost", "origin": "http://evil.example"}, 403),
    ({"host": "localhost", "origin": "null"}, 403),
    ({"host": "localhost", "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}, 403),
    ({"host": "localhost", "sec-fetch-site": "same-origin"}, 200),
]


def test_pages_of_other_sites_are_refused(shop):
    statuses = [shop.fetch(f"{API}/server", headers=headers).status for headers, _ in SITES]
    assert statuses == [status for _, status in SITES]


def test_the_admin_port_wants_its_token(serve, project):
    folder = project(files=FILES)
    server = serve(folder, "--admin-port", "0", command="serve")
    port, token = re.search(r"http://127\.0\.0\.1:(\d+)/cdn-cgi/explorer/\?token=(\w{64})", server.output.text).groups()
    token_file = folder / ".hognose/admin-token"
    assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
    assert token_file.read_text() == token

    def get(path, **headers):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", int(port), timeout=TIMEOUT_S)) as connection:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response.status, response.headers, response.read().decode()

    assert get("/metrics")[0] == get("/")[0] == 401
    assert get("/metrics", authorization="Bearer " + "0" * 64)[0] == 401
    assert get(f"/?token={'0' * 64}")[0] == 401
    status, headers, _ = get(f"/?token={token}")
    assert (status, headers["location"]) == (303, "/cdn-cgi/explorer/")
    assert "HttpOnly; SameSite=Strict" in headers["set-cookie"]
    assert get(f"{API}/server", cookie=headers["set-cookie"].split(";")[0])[0] == 200
    server.fetch("/")
    status, headers, text = get("/metrics", authorization=f"Bearer {token}")
    assert status == 200
    assert 'hognose_invocations_total{worker="shop",outcome="ok"} 1\n' in text
    assert 'hognose_invocation_duration_seconds_bucket{worker="shop",le="+Inf"} 1\n' in text
    # The Workers' own port does not show any of it in production.
    assert "hognose" not in server.fetch(f"{API}/server").text


def test_tail_shows_invocations_as_wrangler_does(shop):
    process = start(["tail", "--format", "json", "--search", "broken"], shop.folder)
    assert "Following" in process.stdout.readline()
    shop.fetch("/")
    shop.fetch("/broken", headers={"authorization": "secret"})
    shown = json.loads(process.stdout.readline())
    assert (shown["scriptName"], shown["outcome"]) == ("shop", "exception")
    assert shown["event"]["request"]["headers"]["authorization"] == "REDACTED"
    assert shown["exceptions"][0]["name"] == "PythonError"
    shop.close()
    assert process.wait(TIMEOUT_S) == 0


@pytest.mark.parametrize("command", [["tail"], ["versions", "list"], ["rollback"], ["delete"], ["deploy"]])
def test_without_a_server_one_is_told_to_start_it(project, command):
    folder = project(files=FILES)
    code, output = run(*command, folder=folder)
    assert code == 1
    assert f"error: No `hognose serve` or `hognose dev` runs on `{folder}/.hognose`" in output
    assert "hint: Start one, or name the state folder" in output

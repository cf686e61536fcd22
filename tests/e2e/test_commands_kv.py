"""`hognose kv`: namespaces and keys from the command line, beside a server and without one."""

import base64
import json

import pytest
from harness import run

CONFIGURATION = """\
main = "index.py"
compatibility_date = "2025-08-01"
compatibility_flags = ["python_workers"]

[[kv_namespaces]]
binding = "KV"
id = "main"
"""
WORKER = """\
from js import Response

async def on_fetch(request, env):
    key = request.url.rpartition("/")[2]
    if request.method == "PUT":
        await env.KV.put(key, await request.text())
        return Response.new("stored")
    return Response.new(await env.KV.get(key) or "nothing")
"""


@pytest.fixture
def folder(project):
    return project(files={"wrangler.toml": CONFIGURATION, "index.py": WORKER})


def kv(folder, *arguments, fails=False, input=None):
    """What a command prints."""
    code, output = run("kv", *arguments, folder=folder, input=input)
    assert code == fails, output
    return output


def test_keys_are_put_got_listed_and_deleted(folder):
    kv(folder, "key", "put", "a/1", "one", "--binding", "KV", "--metadata", '{"n": 1}', "--ttl", "3600")
    kv(folder, "key", "put", "a/2", "--namespace-id", "main", input="two\n")
    (folder / "value").write_bytes(b"\xff\x00")
    kv(folder, "key", "put", "b", "--binding", "KV", "--path", "value")
    assert kv(folder, "key", "get", "a/1", "--binding", "KV") == "one"
    assert kv(folder, "key", "get", "a/2", "--binding", "KV") == "two\n"
    assert kv(folder, "key", "get", "b", "--binding", "KV", "--text") == "�\0\n"
    listed = json.loads(kv(folder, "key", "list", "--binding", "KV", "--prefix", "a/"))
    assert [key["name"] for key in listed] == ["a/1", "a/2"]
    assert listed[0]["metadata"] == {"n": 1}
    assert listed[0].keys() == {"name", "metadata", "expiration"}
    assert listed[1].keys() == {"name"}
    kv(folder, "key", "delete", "a/1", "--binding", "KV")
    assert "has no key `a/1`" in kv(folder, "key", "get", "a/1", "--binding", "KV", fails=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x" * 513, "v"], "exceeds key length limit of 512"),
        (["k", "v", "--ttl", "59"], "Expiration TTL must be at least 60"),
        (["k", "v", "--metadata", "{"], "Metadata must be valid JSON"),
    ],
)
def test_the_limits_are_those_of_workers(folder, arguments, message):
    assert message in kv(folder, "key", "put", *arguments, "--binding", "KV", fails=True)


def test_a_binding_that_is_not_there_is_named(folder):
    assert "no KV namespace with the binding `NO`" in kv(folder, "key", "list", "--binding", "NO", fails=True)


def test_namespaces_are_made_renamed_and_deleted(folder):
    assert '"id": "other"' in kv(folder, "namespace", "create", "other")
    assert "already" in kv(folder, "namespace", "create", "other", fails=True)
    kv(folder, "key", "put", "k", "v", "--namespace-id", "other")
    kv(folder, "namespace", "rename", "other", "--new-name", "between")
    kv(folder, "namespace", "rename", "--namespace-id", "between", "--new-name", "new")
    assert kv(folder, "key", "get", "k", "--namespace-id", "new") == "v"
    assert json.loads(kv(folder, "namespace", "list")) == [{"id": "new", "title": "new"}]
    assert "Give `-y`" in kv(folder, "namespace", "delete", "--namespace-id", "new", fails=True)
    kv(folder, "namespace", "delete", "--namespace-id", "new", "-y")
    assert json.loads(kv(folder, "namespace", "list")) == []
    assert "There is no KV namespace `new`" in kv(
        folder, "namespace", "delete", "--namespace-id", "new", "-y", fails=True
    )


def test_many_keys_at_a_time(folder):
    pairs = [{"key": f"k{number:04}", "value": str(number)} for number in range(2500)]
    pairs[1] |= {"metadata": {"x": 1}, "expiration_ttl": 60}
    pairs[2] |= {"value": base64.b64encode(b"raw").decode(), "base64": True}
    pairs[3] |= {"value": "large" * 20_000}
    (folder / "pairs.json").write_text(json.dumps(pairs))
    assert "Stored 2500 keys" in kv(folder, "bulk", "put", "pairs.json", "--binding", "KV")
    assert len(json.loads(kv(folder, "key", "list", "--binding", "KV"))) == 2500
    (folder / "names.json").write_text(json.dumps(["k0001", {"name": "k0002"}, "k0003", "missing"]))
    found = json.loads(kv(folder, "bulk", "get", "names.json", "--binding", "KV"))
    assert found["k0001"] == {"value": "1", "metadata": {"x": 1}}
    assert (found["k0002"], found["missing"]) == ({"value": "raw"}, None)
    assert len(found["k0003"]["value"]) == 100_000
    assert "Give `-y`" in kv(folder, "bulk", "delete", "names.json", "--binding", "KV", fails=True)
    kv(folder, "bulk", "delete", "names.json", "--binding", "KV", "--force")
    assert len(json.loads(kv(folder, "key", "list", "--binding", "KV"))) == 2497


def test_nothing_is_stored_where_one_pair_is_wrong(folder):
    (folder / "pairs.json").write_text(json.dumps([{"key": "a", "value": "1"}, {"key": "", "value": "2"}]))
    assert "Key names must not be empty" in kv(folder, "bulk", "put", "pairs.json", "--binding", "KV", fails=True)
    assert json.loads(kv(folder, "key", "list", "--binding", "KV")) == []
    (folder / "pairs.json").write_text('{"key": "a"}')
    assert "`pairs.json` should hold an array" in kv(folder, "bulk", "put", "pairs.json", "-b", "KV", fails=True)


def test_a_running_server_and_commands_see_each_others_keys(folder, serve):
    server = serve(folder)
    kv(folder, "key", "put", "k", "from the command", "--binding", "KV")
    assert server.fetch("/k").text == "from the command"
    server.fetch("/l", "PUT", b"from the Worker")
    assert kv(folder, "key", "get", "l", "--binding", "KV") == "from the Worker"

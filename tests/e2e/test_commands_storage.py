"""`hognose r2`, `queues`, `secret` and the commands on D1 databases as a whole."""

import json
import os
import stat

import pytest
from harness import run

CONFIGURATION = """\
name = "app"
main = "index.py"
compatibility_date = "2025-08-01"
compatibility_flags = ["python_workers"]

[[kv_namespaces]]
binding = "SEEN"
id = "seen"

[[r2_buckets]]
binding = "R2"
bucket_name = "files"

[[d1_databases]]
binding = "DB"
database_name = "data"
database_id = "1"

[[secrets_store_secrets]]
binding = "STORED"
store_id = "shared"
secret_name = "token"

[[queues.producers]]
binding = "JOBS"
queue = "jobs"

[[queues.consumers]]
queue = "jobs"
max_batch_timeout = 0
"""
WORKER = """\
from js import Response

async def on_fetch(request, env):
    path = request.url.rpartition("/")[2]
    if path == "secret":
        return Response.new(getattr(env, "PASSWORD", "none"))
    if path == "stored":
        try:
            return Response.new(await env.STORED.get())
        except Exception as error:
            return Response.new(str(error))
    if path == "send":
        await env.JOBS.send("x")
    if path == "object":
        return Response.new((await env.R2.get("a/b.txt")).body)
    # Not a list of the module's: the batch may be handled by another isolate than the one that answers.
    return Response.new(str(len((await env.SEEN.list()).keys)))

async def on_queue(batch, env):
    for message in batch.messages:
        await env.SEEN.put(message.id, "")
"""


@pytest.fixture
def folder(project):
    return project(files={"wrangler.toml": CONFIGURATION, "index.py": WORKER})


def hognose(folder, *arguments, fails=False, input=None):
    """What a command prints."""
    code, output = run(*arguments, folder=folder, input=input)
    assert code == fails, output
    return output


def test_objects_go_in_and_come_out(folder, serve):
    assert '"bucket_name": "files"' in hognose(folder, "r2", "bucket", "create", "files")
    assert "already" in hognose(folder, "r2", "bucket", "create", "files", fails=True)
    assert "3 to 63" in hognose(folder, "r2", "bucket", "create", "No", fails=True)
    hognose(folder, "r2", "bucket", "create", "far-away", "--location", "weur", "-J", "eu")
    hognose(folder, "r2", "bucket", "delete", "far-away")
    assert "no storage class" in hognose(folder, "r2", "bucket", "update", "storage-class", "files", "-s", "x", fails=True)
    content = os.urandom(3 << 20)
    (folder / "large").write_bytes(content)
    hognose(folder, "r2", "object", "put", "files/a/large", "--file", "large")
    hognose(folder, "r2", "object", "put", "files/a/b.txt", "--pipe", "--ct", "text/plain", input="hello")
    hognose(folder, "r2", "object", "get", "files/a/large", "--file", "back")
    assert (folder / "back").read_bytes() == content
    assert hognose(folder, "r2", "object", "get", "files/a/b.txt", "--pipe") == "hello"
    listed = json.loads(hognose(folder, "r2", "object", "list", "files", "--prefix", "a/"))
    assert [(each["key"], each["size"]) for each in listed] == [("a/b.txt", 5), ("a/large", 3 << 20)]
    assert listed[0]["content_type"] == "text/plain"
    assert serve(folder).fetch("/object").text == "hello"
    info = json.loads(hognose(folder, "r2", "bucket", "info", "files"))
    assert info == [{"name": "files", "object_count": 2, "bucket_size": 5 + (3 << 20)}]
    assert "not empty" in hognose(folder, "r2", "bucket", "delete", "files", fails=True)
    for key in ["a/b.txt", "a/large"]:
        hognose(folder, "r2", "object", "delete", f"files/{key}")
    hognose(folder, "r2", "bucket", "delete", "files")
    assert json.loads(hognose(folder, "r2", "bucket", "list")) == []
    assert "There is no R2 bucket" in hognose(folder, "r2", "object", "get", "others/x", fails=True)


def test_a_bucket_that_the_configuration_names_is_there(folder):
    assert "There is no object `files/x`" in hognose(folder, "r2", "object", "get", "files/x", fails=True)
    hognose(folder, "r2", "object", "put", "files/x", "--pipe", input="1")
    assert json.loads(hognose(folder, "r2", "bucket", "info", "files"))[0]["object_count"] == 1
    # Where there is no configuration, only those that were made are.
    elsewhere = ["--persist-to", str(folder / ".hognose")]
    (folder / "elsewhere").mkdir()
    assert "There is no R2 bucket" in hognose(folder / "elsewhere", "r2", "object", "list", "others", *elsewhere, fails=True)
    assert hognose(folder / "elsewhere", "r2", "object", "get", "files/x", "--pipe", *elsewhere) == "1"


def test_an_object_gets_all_that_is_told_of_it(folder, serve):
    worker = """from js import Response, JSON

async def on_fetch(request, env):
    found = await env.R2.head("x")
    return Response.new(JSON.stringify([found.httpMetadata, found.storageClass]))
"""
    (folder / "index.py").write_text(worker)
    metadata = {
        "contentType": "text/plain", "contentLanguage": "en", "contentDisposition": "inline",
        "contentEncoding": "identity", "cacheControl": "no-store", "cacheExpiry": "2030-01-02T03:04:05.000Z",
    }  # fmt: skip
    long = ["--content-type", "text/plain", "--content-language", "en", "--content-disposition", "inline",
            "--content-encoding", "identity", "--cache-control", "no-store", "--expires", "2030-01-02T03:04:05Z",
            "--storage-class", "InfrequentAccess", "--local"]  # fmt: skip
    short = ["--ct", "text/plain", "--cl", "en", "--cd", "inline", "--ce", "identity", "--cc", "no-store",
             "--expires", "Wed, 02 Jan 2030 03:04:05 GMT", "-s", "InfrequentAccess"]  # fmt: skip
    server = serve(folder)
    for options in (long, short):
        hognose(folder, "r2", "object", "put", "files/x", "--pipe", *options, input="")
        assert server.fetch("/").json == [metadata, "InfrequentAccess"]
    assert "no date" in hognose(folder, "r2", "object", "put", "files/x", "--pipe", "--expires", "soon", fails=True, input="")
    assert "(10062)" in hognose(folder, "r2", "object", "put", "files/x", "--pipe", "-s", "Cold", fails=True, input="")


@pytest.mark.parametrize(
    "command",
    [
        ["kv", "key", "get", "x", "--binding", "SEEN"],
        ["r2", "object", "get", "files/x"],
        ["d1", "execute", "data", "--command", "SELECT 1"],
        ["queues", "list"],
    ],
)
def test_nothing_is_remote(folder, command):
    assert "All data is on this machine" in hognose(folder, *command, "--remote", fails=True)


def test_queues_are_paused_and_purged(folder, serve):
    server = serve(folder)
    hognose(folder, "queues", "pause-delivery", "jobs")
    assert server.fetch("/send").text == "0"
    [about] = json.loads(hognose(folder, "queues", "list"))
    assert (about["name"], about["backlog_count"], about["delivery_paused"]) == ("jobs", 1, True)
    (message,) = json.loads(hognose(folder, "queues", "peek", "jobs"))
    assert (message["attempts"], message["in_delivery"]) == (0, False)
    assert "Give `-y`" in hognose(folder, "queues", "purge", "jobs", fails=True)
    assert "Deleted 1 messages" in hognose(folder, "queues", "purge", "jobs", "--force")
    server.fetch("/send")
    hognose(folder, "queues", "resume-delivery", "jobs")
    while server.fetch("/").text != "1":
        pass
    assert json.loads(hognose(folder, "queues", "info", "jobs"))[0]["backlog_count"] == 0


def test_a_queue_holds_back_what_it_was_told_to(folder, serve):
    server = serve(folder)
    hognose(folder, "queues", "update", "jobs", "--delivery-delay-secs", "3600")
    server.fetch("/send")
    hognose(folder, "queues", "update", "jobs", "--delivery-delay-secs", "0")
    server.fetch("/send")
    while server.fetch("/").text != "1":
        pass
    assert json.loads(hognose(folder, "queues", "info", "jobs"))[0]["backlog_count"] == 1


@pytest.mark.parametrize("queue", ["jobs", "dead", "pulled", "dead-pulled"])
def test_a_queue_that_the_configuration_names_is_there(folder, queue):
    consumers = """dead_letter_queue = "dead"

[[queues.consumers]]
queue = "pulled"
type = "http_pull"
dead_letter_queue = "dead-pulled"
"""
    (folder / "wrangler.toml").write_text(CONFIGURATION + consumers)
    assert "Deleted 0 messages" in hognose(folder, "queues", "purge", queue, "-y")
    assert json.loads(hognose(folder, "queues", "info", queue))[0]["backlog_count"] == 0
    assert "There is no queue `others`" in hognose(folder, "queues", "info", "others", fails=True)


def test_queues_are_made_told_and_deleted(folder):
    options = ["--delivery-delay-secs", "5", "--message-retention-period-secs", "60"]
    hognose(folder, "queues", "create", "own", *options)
    [about] = json.loads(hognose(folder, "queues", "list"))
    assert (about["delivery_delay"], about["message_retention_period"]) == (5, 60)
    hognose(folder, "queues", "update", "own", "--message-retention-period-secs", "1209600")
    [about] = json.loads(hognose(folder, "queues", "list"))
    assert (about["delivery_delay"], about["message_retention_period"]) == (5, 1209600)
    for wrong in ["59", "1209601"]:
        code, _ = run("queues", "update", "own", "--message-retention-period-secs", wrong, folder=folder)
        assert code == 2
    hognose(folder, "queues", "delete", "own", "-y")
    assert "There is no queue `own`" in hognose(folder, "queues", "info", "own", fails=True)


def test_secrets_reach_env_and_lie_encrypted(folder, serve):
    assert "Stored" in hognose(folder, "secret", "put", "PASSWORD", input="correct horse\n")
    server = serve(folder)
    assert server.fetch("/secret").text == "correct horse"
    output = hognose(folder, "secret", "list")
    assert json.loads(output) == [{"name": "PASSWORD", "type": "secret_text"}]
    vault = folder / ".hognose/secrets"
    for path in vault.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 or path.name == "changed", path
        assert b"correct horse" not in path.read_bytes(), path
    loaded = len(server.output.text)
    hognose(folder, "secret", "put", "PASSWORD", input="battery staple")
    server.output.wait_for("(?i)reloaded|loaded", loaded)
    assert server.fetch("/secret").text == "battery staple"
    assert "battery" not in server.output.text
    (folder / ".dev.vars").write_text("PASSWORD=from the file\n")
    hognose(folder, "secret", "delete", "PASSWORD", "-y")
    assert "There is no secret" in hognose(folder, "secret", "delete", "PASSWORD", "-y", fails=True)


def test_many_secrets_are_stored_or_none(folder):
    hognose(folder, "secret", "put", "OLD", input="x")
    hognose(folder, "secret", "bulk", input=json.dumps({"A": "1", "B": "2", "OLD": None}))
    (folder / "more").write_text("C='3'\nexport D=4\n")
    hognose(folder, "secret", "bulk", "more")
    names = [each["name"] for each in json.loads(hognose(folder, "secret", "list"))]
    assert names == ["A", "B", "C", "D"]
    fits = {f"S{number}": "x" for number in range(124)}
    hognose(folder, "secret", "bulk", input=json.dumps(fits))
    refusal = hognose(folder, "secret", "bulk", input=json.dumps({"A": "new", "ONE_MORE": "x"}), fails=True)
    assert "can have 128 secrets" in refusal
    hognose(folder, "secret", "put", "A", input="v" * 5120)
    assert "has 5121 bytes" in hognose(folder, "secret", "put", "A", input="v" * 5121, fails=True)


def test_a_key_that_others_can_read_or_that_is_gone_is_refused(folder):
    hognose(folder, "secret", "put", "A", input="x")
    key = folder / ".hognose/secrets/key"
    key.chmod(0o644)
    assert "chmod 600" in hognose(folder, "secret", "list", fails=True)
    key.unlink()
    assert "does not hold the key" in hognose(folder, "secret", "list", fails=True)
    key.write_bytes(bytes(32))
    key.chmod(0o600)
    assert "the secret `A` cannot be decrypted" in run("dev", "--port", "0", folder=folder)[1]


def test_a_store_has_secrets_for_several_workers(folder, serve):
    server = serve(folder)
    assert server.fetch("/stored").text == 'Error: Secret "token" not found'
    hognose(folder, "secrets-store", "secret", "create", "shared", "--name", "token", input="hush")
    assert server.fetch("/stored").text == "hush"
    assert json.loads(hognose(folder, "secrets-store", "secret", "list", "shared"))[0]["name"] == "token"
    hognose(folder, "secrets-store", "secret", "delete", "shared", "--name", "token", "-y")
    assert server.fetch("/stored").text == 'Error: Secret "token" not found'


SCHEMA = """
CREATE TABLE people (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, photo BLOB, weight REAL);
CREATE INDEX by_name ON people (name);
CREATE VIEW names AS SELECT name FROM people;
INSERT INTO people (name, photo, weight) VALUES ('O''Hara
second line', X'00ff', 1.5), (NULL, NULL, 1e300), ('a\\nb', X'', -2.0);
"""


def test_a_database_is_exported_and_read_again(folder):
    (folder / "schema.sql").write_text(SCHEMA)
    hognose(folder, "d1", "execute", "DB", "--file", "schema.sql")
    hognose(folder, "d1", "export", "data", "--output", "dump.sql")
    dump = (folder / "dump.sql").read_text()
    assert dump.startswith("PRAGMA defer_foreign_keys=TRUE;\nCREATE TABLE people")
    assert "INSERT INTO \"people\" (\"id\",\"name\",\"photo\",\"weight\") VALUES(1,replace(" in dump
    hognose(folder, "d1", "create", "copy")
    code, output = run("d1", "execute", "DB", "--file", "dump.sql", "--persist-to", "other", folder=folder)
    assert code == 0, output
    query = ["--json", "--command", "SELECT * FROM people", "--persist-to"]
    rows = [json.loads(hognose(folder, "d1", "execute", "DB", *query, place))[0]["results"] for place in [".hognose", "other"]]
    assert rows[0] == rows[1]
    assert len(rows[0]) == 3
    hognose(folder, "d1", "export", "DB", "--output", "rows.sql", "--no-schema", "--table", "people")
    assert "CREATE" not in (folder / "rows.sql").read_text()
    assert "no table `none`" in hognose(folder, "d1", "export", "DB", "--output", "x", "--table", "none", fails=True)
    hognose(folder, "d1", "execute", "DB", "--command", "CREATE VIRTUAL TABLE words USING fts5(x)")
    assert "Virtual Tables (fts5)" in hognose(folder, "d1", "export", "DB", "--output", "x", fails=True)
    assert not (folder / "x").exists()


def test_databases_are_listed_and_deleted_unless_in_use(folder, serve):
    hognose(folder, "d1", "execute", "DB", "--command", "CREATE TABLE t (x)")
    hognose(folder, "d1", "create", "own")
    listed = json.loads(hognose(folder, "d1", "list"))
    assert [(each["uuid"], each["name"]) for each in listed] == [("1", "data"), ("own", "own")]
    assert json.loads(hognose(folder, "d1", "info", "data"))[0]["num_tables"] == 1
    assert "Give `-y`" in hognose(folder, "d1", "delete", "own", fails=True)
    hognose(folder, "d1", "delete", "own", "-y")
    assert "There is no D1 database `own`" in hognose(folder, "d1", "delete", "own", "-y", fails=True)
    hognose(folder, "d1", "delete", "data", "-y")
    assert not list((folder / ".hognose/d1").glob("1.sqlite*"))


def test_consumers_are_listed_and_changed_in_the_configuration(folder):
    [consumer] = json.loads(hognose(folder, "queues", "consumer", "list", "jobs"))
    assert (consumer["queue"], consumer["type"], consumer["script"]) == ("jobs", "worker", "app")
    assert json.loads(hognose(folder, "queues", "consumer", "list", "other")) == []
    for words in [("add", "jobs", "app", "--batch-size", "5"), ("worker", "add", "jobs", "app")]:
        assert 'queues.consumers = [{ queue = "jobs" }]' in hognose(folder, "queues", "consumer", *words, fails=True)
    assert '"jobs", type = "http_pull"' in hognose(folder, "queues", "consumer", "http", "add", "jobs", fails=True)
    assert "remove `jobs` from" in hognose(folder, "queues", "consumer", "remove", "jobs", "app", fails=True)


def test_lifecycle_rules_are_kept_and_hold(folder):
    rules = ("r2", "bucket", "lifecycle")
    hognose(folder, "r2", "bucket", "create", "files")
    assert "Added" in hognose(folder, *rules, "add", "files", "logs", "logs/", "--expire-date", "2020-01-01")
    hognose(folder, *rules, "add", "files", "--name", "parts", "--abort-multipart-days", "2")
    assert json.loads(hognose(folder, *rules, "list", "files")) == [
        {"name": "logs", "enabled": True, "prefix": "logs/", "expire": "on 2020-01-01"},
        {"name": "parts", "enabled": True, "prefix": "", "abort_multipart": "after 2 days"},
    ]
    assert "two rules have the id" in hognose(folder, *rules, "add", "files", "parts", "--expire-days", "1", fails=True)
    assert "does nothing" in hognose(folder, *rules, "add", "files", "more", fails=True)
    assert "no date like" in hognose(folder, *rules, "add", "files", "x", "--expire-date", "soon", fails=True)
    hognose(folder, *rules, "remove", "files", "--name", "parts")
    assert "no lifecycle rule" in hognose(folder, *rules, "remove", "files", "--name", "parts", fails=True)
    rule = {"id": "all", "enabled": True, "deleteObjectsTransition": {"condition": {"type": "Age", "maxAge": 86400}}}
    (folder / "rules.json").write_text(json.dumps({"rules": [rule]}))
    assert "Give `-y`" in hognose(folder, *rules, "set", "files", "--file", "rules.json", fails=True)
    hognose(folder, *rules, "set", "files", "--file", "rules.json", "-y")
    assert [rule["name"] for rule in json.loads(hognose(folder, *rules, "list", "files"))] == ["all"]
    (folder / "rules.json").write_text('{"rules": [{"id": "x", "storageClassTransitions": []}]}')
    assert "unknown field" in hognose(folder, *rules, "set", "files", "--file", "rules.json", "-y", fails=True)
    for setting in ["cors", "lock", "notification"]:
        assert "has nothing to set" in hognose(folder, "r2", "bucket", setting, "list", "files", fails=True)

"""Durable Objects: ids, stubs, storage, transactions, alarms, and how objects end; in Python and JavaScript, each calling
the other's."""

import json
import re

import pytest

OTHER = "objects_js"


@pytest.fixture
def objects(serve, project):
    """Both Workers; the JavaScript one by a name of its own."""
    (other := project(OTHER))
    config = other / "wrangler.toml"
    config.write_text(config.read_text().replace("\n[[", '\nroutes = [{ pattern = "js.example", custom_domain = true }]\n\n[[', 1))
    return serve("objects", str(other))


def run(server, name, code):
    """What code gives in an object."""
    answer = server.fetch(f"/object/{name}", "POST", code.encode())
    return answer.text


def ask(server, code):
    """What code gives in the Worker."""
    return server.fetch("/worker", "POST", code.encode()).text


def javascript(server, path):
    return server.fetch(path, headers={"host": "js.example"})


IDS = [
    ("env.ROOMS._binding.constructor.name", "'DurableObjectNamespace'"),
    ("len(env.ROOMS.newUniqueId().toString())", "64"),
    ("env.ROOMS.idFromName('a').toString() == env.ROOMS.idFromName('a').toString()", "True"),
    ("env.ROOMS.idFromName('a').equals(env.ROOMS.idFromName('b'))", "False"),
    ("env.ROOMS.idFromName('a').name", "'a'"),
    ("env.ROOMS.idFromString(env.ROOMS.idFromName('a').toString()).name", "None"),
    ("env.ROOMS.idFromString('xyz')", "TypeError: Invalid Durable Object ID: must be 64 hex digits"),
    ("env.ROOMS.idFromString('0' * 64)", "TypeError: Durable Object ID is not valid for this namespace."),
    (
        "env.ROOMS.get(env.OLD.idFromName('a'))",
        "TypeError: Durable Object ID is not valid for this namespace.",
    ),
    ("env.ROOMS._binding.jurisdiction('eu').newUniqueId().jurisdiction", "'eu'"),
    (
        "env.ROOMS._binding.jurisdiction('eu').get(env.ROOMS.idFromName('a'))",
        "TypeError: get called on jurisdictional subnamespace with an ID from a different jurisdiction",
    ),
    ("env.ROOMS.getByName('a')._binding.constructor.name", "'DurableObject'"),
    ("env.ROOMS.getByName('a')._binding.name", "'a'"),
    ("await env.ROOMS.getByName('ids').run('self.ctx.id.name')", "\"'ids'\""),
    ("(await (await env.ROOMS.getByName('f').fetch('http://x/', method='POST', body='b')).text())", "'f got POST b'"),
    ("await env.COUNTERS.getByName('c').add(2)", "2"),
    ("await env.ROOMS.getByName('e').nothing()", None),
]


def test_ids_and_stubs(objects):
    for code, value in IDS:
        answer = ask(objects, code)
        assert value is None or answer == value, code


KEYS = [
    ("await storage.get('none')", "None"),
    ("await storage.put('a', {'x': [1, None, b'y']})\n(await storage.get('a'))['x'][0]", "1"),
    ("await storage.put({'k1': 1, 'k2': 2, 'k3': 3})\ndict(await storage.get(['k3', 'k1', 'no']))", "{'k1': 1, 'k3': 3}"),
    ("dict(await storage.list({'prefix': 'k', 'reverse': True, 'limit': 2}))", "{'k3': 3, 'k2': 2}"),
    ("dict(await storage.list({'startAfter': 'k1', 'end': 'k3'}))", "{'k2': 2}"),
    (
        "await storage.list({'start': 'a', 'startAfter': 'b'})",
        "TypeError: list() cannot be called with both start and startAfter values.",
    ),
    ("await storage.list({'limit': 0})", "TypeError: List limit must be positive."),
    ("[await storage.delete('k1'), await storage.delete('k1'), await storage.delete(['k2', 'k3', 'no'])]", "[True, False, 2]"),
    ("[storage.kv.put('s', [1]), list(storage.kv.get('s')), storage.kv.delete('s')][1:]", "[[1], True]"),
    ("ctx.storage._binding.put('u', js.undefined)", None),
    ("storage._binding.constructor.name", "'DurableObjectStorage'"),
    ("await storage.deleteAll()\ndict(await storage.list())", "{}"),
]


def test_keys_and_values(objects):
    for code, value in KEYS:
        answer = run(objects, "keys", code)
        assert value is None or answer == value, code


SQL = [
    ("sql.exec('CREATE TABLE t (a, b)')\nsql.exec('INSERT INTO t VALUES (?, ?), (?, ?)', 1, 'x', None, 2.5).rowsWritten", "2"),
    ("[dict(row) for row in sql.exec('SELECT * FROM t ORDER BY b').toArray()]", "[{'a': None, 'b': 2.5}, {'a': 1, 'b': 'x'}]"),
    ("sql.exec('SELECT a FROM t WHERE a = ?', 1).one()['a']", "1"),
    ("list(sql.exec('SELECT a, b FROM t').columnNames)", "['a', 'b']"),
    ("[list(row) for row in sql.exec('SELECT a, b FROM t WHERE a = 1').raw()]", "[[1, 'x']]"),
    ("sql.exec('SELECT 1 WHERE 0').one()", "Error: Expected exactly one result from SQL query, but got no results."),
    ("sql.exec('SELECT * FROM t').one()", "Error: Expected exactly one result from SQL query, but got multiple results."),
    ("sql.exec('SELECT ?')", "Error: Wrong number of parameter bindings for SQL query."),
    ("sql.exec('SELEC 1')", "Error: near \"SELEC\": syntax error at offset 0: SQLITE_ERROR"),
    ("sql.exec('SELECT typeof(?) AS t', True).one()['t']", "'text'"),
    ("bytes(sql.exec('SELECT ? AS b', b'ab').one()['b'])", "b'ab'"),
    ("sql.databaseSize > 0", "True"),
    ("sql._binding.constructor.name", "'SqlStorage'"),
    ("sql.exec('SELECT 1')._binding.constructor.name", "'Cursor'"),
    ("cursor = sql.exec('SELECT 1')\n[len(cursor.toArray()), len(cursor.toArray())]", "[1, 0]"),
    (
        "def fail():\n  sql.exec('DELETE FROM t')\n  raise ValueError('back')\n"
        "try: storage.transactionSync(fail)\nexcept Exception: pass\nsql.exec('SELECT count(*) AS c FROM t').one()['c']",
        "2",
    ),
    ("storage.transactionSync(lambda: sql.exec('DELETE FROM t').rowsWritten) and sql.exec('SELECT count(*) AS c FROM t').one()['c']", "0"),
    (
        "async def work(txn):\n  await txn.put('inside', 1)\n  txn.rollback()\n"
        "await storage.transaction(work)\nawait storage.get('inside')",
        "None",
    ),
    ("async def work(txn):\n  await txn.put('inside', 1)\n  return 7\n[await storage.transaction(work), await storage.get('inside')]", "[7, 1]"),
    ("await storage.getCurrentBookmark() < await storage.getCurrentBookmark()", "True"),
]


def test_sql_and_transactions(objects):
    for code, value in SQL:
        assert run(objects, "sql", code) == value, code


def test_the_older_storage(objects):
    assert run(objects, "old", "await storage.put('a', 1)\nawait storage.get('a')") == "1"
    assert run(objects, "old", "storage.sql").startswith("Error: SQL is not enabled for this Durable Object class.")
    assert run(objects, "old", "storage.kv").startswith("Error: The storage.kv (synchronous KV) API is only available")
    assert run(objects, "old", "storage.transactionSync(print)") == "Error: Durable Object is not backed by SQL."
    assert run(objects, "old", "await storage.put('a', 'x' * 200_000)").startswith("RangeError: Values cannot be larger")


def test_objects_of_both_languages_call_each_other(objects):
    assert javascript(objects, "/COUNTERS/a/add/5").json == 5
    assert javascript(objects, "/ROOMS/r/add/2").json == 2
    assert javascript(objects, '/COUNTERS/a/addThrough/"r"/3').json == 5
    assert ask(objects, "await env.COUNTERS.getByName('a').add(1)") == "6"
    assert javascript(objects, "/COUNTERS/a/fetch").text == "a got PUT"
    failed = javascript(objects, "/COUNTERS/a/fail").json
    assert failed == {"name": "RangeError", "message": "no", "remote": True}
    assert len(javascript(objects, "/PLAIN/p/fetch").text) == 64
    assert javascript(objects, "/PLAIN/p/add/1").json["message"].startswith("The receiving Durable Object does not support RPC")


def test_events_wait_while_an_object_blocks(objects):
    code = """counter = env.COUNTERS.getByName('b')
first, second = asyncio.ensure_future(counter.slowly(1)), asyncio.ensure_future(counter.slowly(2))
[list(await first), list(await second)]"""
    assert ask(objects, code) == "[[1], [1, 2]]"


NESTED = """
async def nested(depth):
    async def work():
        return await nested(depth - 1)
    if depth > 0:
        return await ctx.blockConcurrencyWhile(work)
    async def inmost():
        return "reached"
    try:
        return await ctx.blockConcurrencyWhile(inmost)
    except JsException as error:
        return error.message
self.nested = True
await nested({})
"""


def test_blocks_are_nested_up_to_a_limit_past_which_the_object_lives_on(objects):
    assert run(objects, "nested", NESTED.format(63)) == "'reached'"
    assert run(objects, "nested", NESTED.format(64)) == "'blockConcurrencyWhile() calls are nested too deeply.'"
    assert run(objects, "nested", "self.nested") == "True"


def test_calls_on_one_stub_arrive_in_order(objects):
    code = """room = env.ROOMS.getByName('order')
await asyncio.gather(*[room.add(1) for _ in range(50)])"""
    assert ask(objects, code) == repr(list(range(1, 51)))


def test_an_instance_lives_on_until_it_is_aborted(objects):
    assert run(objects, "abort", "self.mark = 1\nself.made") == "1"
    assert run(objects, "abort", "self.mark") == "1"
    assert run(objects, "abort", "await storage.put('lost', 1)\nctx.abort('enough')") == "Error: enough"
    assert run(objects, "abort", "[hasattr(self, 'mark'), await storage.get('lost')]") == "[False, None]"


def test_a_constructor_that_fails_is_tried_again(objects):
    code = """async def fail():
    raise ValueError('cannot begin')
await ctx.blockConcurrencyWhile(fail)"""
    assert "cannot begin" in run(objects, "failing", code)
    assert run(objects, "failing", "self.made") == "1"


def test_what_was_answered_survives_a_kill(objects, serve):
    assert run(objects, "kept", "await storage.put('a', 1)\nsql.exec('CREATE TABLE t (x)')\n'stored'") == "'stored'"
    run(objects, "dead", "self.mark = 1")
    assert "ended before it answered" in run(objects, "dead", "await storage.put('b', 1)\nos._exit(1)")
    assert run(objects, "dead", "hasattr(self, 'mark')") == "False"
    folder = objects.folder
    objects.kill_tree()
    again = serve(folder, str(folder.parent / OTHER))
    assert run(again, "kept", "[await storage.get('a'), sql.exec('SELECT count(*) AS c FROM t').one()['c']]") == "[1, 0]"


def test_alarms_ring_and_are_tried_again(objects):
    assert run(objects, "alarm", "await storage.getAlarm()") == "None"
    assert run(objects, "alarm", "await storage.setAlarm(0)") == "TypeError: setAlarm() cannot be called with an alarm time <= 0"
    set_and_read = "await storage.setAlarm(9e12)\nawait storage.getAlarm()"
    assert run(objects, "alarm", set_and_read) == "9000000000000"
    assert run(objects, "alarm", "await storage.deleteAlarm()\nawait storage.getAlarm()") == "None"
    run(objects, "alarm", "self.failures = 1\nawait storage.setAlarm(1)")
    waiting = "while not await storage.get('rung'): await asyncio.sleep(0.05)\nawait storage.get('rung')"
    assert run(objects, "alarm", waiting) == "[[0, False], [1, True]]"
    assert run(objects, "alarm", "await storage.getAlarm()") == "None"


SILENT = """
import { DurableObject } from "cloudflare:workers";

export class Silent extends DurableObject {
  async fetch() {
    return new Response(await this.ctx.storage.setAlarm(9e12).then(() => "set", String));
  }
}

export default { fetch: (request, env) => env.SILENT.getByName("a").fetch(request) };
"""
SILENT_CONFIGURATION = """
name = "silent"
main = "index.mjs"
compatibility_date = "2026-01-01"
durable_objects.bindings = [{ name = "SILENT", class_name = "Silent" }]
migrations = [{ tag = "v1", new_sqlite_classes = ["Silent"] }]
"""


def test_a_class_in_javascript_needs_a_handler_for_alarms(serve, project):
    server = serve(project(files={"wrangler.toml": SILENT_CONFIGURATION, "index.mjs": SILENT}))
    assert server.fetch().text.endswith("must have an alarm() handler in order to call setAlarm()")


def test_what_is_stored_is_data(objects):
    said = run(objects, "data", "await storage.put('a', js.Blob.new())")
    assert said.startswith('DataCloneError: Could not serialize object of type "Blob".')


def test_a_class_in_python_is_taken_for_able_to_handle_alarms(objects):
    code = "del type(self).alarm\nawait storage.setAlarm(9e12)\nint(await storage.getAlarm())"
    assert run(objects, "silent", code) == "9000000000000"


def test_a_write_that_fails_resets_the_object_and_is_not_acknowledged(objects):
    run(objects, "other", "await storage.put('a', 1)")
    (kept,) = objects.folder.glob(".hognose/**/do/*/*.sqlite")
    digits = ask(objects, "env.ROOMS.idFromName('blocked').toString()").strip("'")
    run(objects, "blocked", "self.mark = 1")
    # Where the object's file is to be, nothing can be stored.
    (kept.parent / f"{digits}.sqlite").mkdir()
    assert "cannot be opened" in run(objects, "blocked", "await storage.put('a', 1)\n'stored'")
    assert "cannot be opened" in run(objects, "blocked", "storage.kv.put('a', 1)\n'stored'")
    (kept.parent / f"{digits}.sqlite").rmdir()
    assert run(objects, "blocked", "storage.kv.put('a', 1)\n[hasattr(self, 'mark'), await storage.get('a')]") == "[False, 1]"


def test_an_alarm_rings_after_a_kill(objects, serve):
    run(objects, "late", "await storage.setAlarm(time.time() * 1000 + 60_000)")
    run(objects, "late", "await storage.setAlarm(time.time() * 1000 + 700)")
    folder = objects.folder
    objects.kill_tree()
    again = serve(folder, str(folder.parent / OTHER))
    waiting = "while not await storage.get('rung'): await asyncio.sleep(0.05)\nawait storage.get('rung')"
    assert run(again, "late", waiting) == "[[0, False]]"


def test_a_new_version_resets_objects_and_keeps_what_they_stored(objects):
    run(objects, "v", "self.mark = 1\nawait storage.put('a', 1)")
    main = objects.folder / "src" / "index.py"
    printed = len(objects.output.text)
    main.write_text(main.read_text() + "\n# another version\n")
    objects.output.wait_for("Reloaded", printed)
    assert run(objects, "v", "[hasattr(self, 'mark'), await storage.get('a')]") == "[False, 1]"


def test_migrations_rename_and_delete_classes(serve, project):
    worker = project("objects")
    config = worker / "wrangler.toml"
    text = config.read_text()
    text = re.sub(r'\[\[durable_objects.bindings\]\]\nname = "COUNTERS".*?\n\n', "", text, flags=re.S)
    config.write_text(text)
    first = serve(worker)
    assert run(first, "m", "await storage.put('a', 1)\n1") == "1"
    first.close()
    main = worker / "src" / "index.py"
    main.write_text(main.read_text().replace("class Room(", "class Hall(").replace("class Old(Room)", "class Old(Hall)"))
    config.write_text(
        text.replace('class_name = "Room"', 'class_name = "Hall"')
        + '\n[[migrations]]\ntag = "v2"\nrenamed_classes = [{ from = "Room", to = "Hall" }]\n'
    )
    second = serve(worker)
    assert run(second, "m", "await storage.get('a')") == "1"
    second.close()
    config.write_text(text.replace('tag = "v1"', 'tag = "v0"'))
    with pytest.raises(AssertionError, match="do not have the tag"):
        serve(worker)


def test_a_bank_always_balances_whatever_is_killed(objects):
    """Accounts are objects; a transfer is made by a ledger object, one transaction each, while isolates are killed."""
    run(objects, "bank", "sql.exec('CREATE TABLE accounts (name PRIMARY KEY, balance)')\n"
        "sql.exec(\"INSERT INTO accounts VALUES ('a', 100), ('b', 100)\")\n0")
    transfer = """sql.exec("UPDATE accounts SET balance = balance - 1 WHERE name = 'a'")
if {die}: os._exit(1)
sql.exec("UPDATE accounts SET balance = balance + 1 WHERE name = 'b'")
'done'"""
    done = sum(run(objects, "bank", transfer.format(die=turn % 4 == 3)) == "'done'" for turn in range(20))
    state = run(objects, "bank", "[row['balance'] for row in sql.exec('SELECT balance FROM accounts ORDER BY name').toArray()]")
    assert json.loads(state) == [100 - done, 100 + done] and done == 15

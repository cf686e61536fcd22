"""What Durable Objects say and give, row by row: JavaScript expressions in a Worker and in objects of each kind of storage."""

import contextlib
import json

import pytest
from harness import Server

SOURCE = """\
import { DurableObject } from "cloudflare:workers";

const told = async (work) => {
  try {
    return await work();
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
};

const rows = [
ROWS
];

class Base extends DurableObject {
  made = true;
  #handler;

  row(index) {
    return told(() => rows[index]({ self: this, ctx: this.ctx, storage: this.ctx.storage }));
  }

  rings(handler, due = Date.now()) {
    return new Promise((resolve, reject) => {
      this.#handler = async (info) => {
        try {
          resolve((await handler(info)) ?? null);
        } catch (error) {
          reject(error);
          throw error;
        }
      };
      this.ctx.storage.setAlarm(due);
    });
  }

  async alarm(info) {
    await this.#handler?.(info);
  }

  fail() {
    throw new RangeError("no");
  }

  add(a, b) {
    return a + b;
  }

  abort(reason) {
    this.ctx.abort(reason);
  }

  never() {
    return new Promise((resolve) => setTimeout(resolve, 60_000));
  }

  fetch(request) {
    return new Response(`${request.method} ${request.url}`);
  }
}

export class Room extends Base {}
export class Old extends Base {}
export class Failing extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    throw new Error("cannot be made");
  }
}

const properties = ({ name, message, remote, retryable, overloaded, durableObjectReset }) =>
  [`${name}: ${message}`, remote, retryable, overloaded, durableObjectReset].map((value) => value ?? null);

export default {
  async fetch(request, env) {
    const { where, index } = await request.json();
    const answer = where === "worker"
      ? await told(() => rows[index]({ env, failed: (promise) => promise.then(() => "it did not fail", properties) }))
      : await told(() => env[where].getByName("rows").row(index));
    return Response.json(answer ?? null);
  },
};
"""
CONFIGURATION = """
name = "rows"
main = "index.mjs"
compatibility_date = "2026-03-01"
durable_objects.bindings = [
  { name = "ROOM", class_name = "Room" }, { name = "OLD", class_name = "Old" }, { name = "FAILING", class_name = "Failing" },
]
migrations = [{ tag = "v1", new_sqlite_classes = ["Room", "Failing"], new_classes = ["Old"] }]
"""

WORKER = [
    ("/^[0-9a-f]{64}$/.test(`${env.ROOM.newUniqueId()}`)", True),
    ("[env.ROOM.idFromName('a').jurisdiction, env.ROOM.newUniqueId().name]", [None, None]),
    ("`${env.ROOM.idFromString(`${env.ROOM.idFromName('a')}`.toUpperCase())}` === `${env.ROOM.idFromName('a')}`", True),
    ("env.ROOM.idFromString('x'.repeat(64))", "TypeError: Invalid Durable Object ID: must be 64 hex digits"),
    ("env.ROOM.idFromString(`${env.OLD.newUniqueId()}`)", "TypeError: Durable Object ID is not valid for this namespace."),
    ("env.ROOM.get(env.ROOM.idFromName('a'), { locationHint: 'weur', routingMode: 'primary-only' }).add(1, 2)", 3),
    ("env.ROOM.getByName('a', { locationHint: 'weur' }).add(1, 2)", 3),
    ("env.ROOM.jurisdiction('us').newUniqueId().jurisdiction", "us"),
    ("`${env.ROOM.jurisdiction('eu').idFromName('a')}` === `${env.ROOM.idFromName('a')}`", False),
    ("env.ROOM.jurisdiction(null).newUniqueId().jurisdiction", None),
    ("env.ROOM.getByName('a').then", None),
    ("(await env.ROOM.getByName('a').fetch('https://any.host/path', { method: 'PUT' })).text()", "PUT https://any.host/path"),
    ("env.ROOM.getByName('a').fetch('/path')", "TypeError: Invalid URL: /path"),
    ("env.ROOM.getByName('a').missing()", 'TypeError: The RPC receiver does not implement the method "missing".'),
    ("env.ROOM.getByName('a').made", 'TypeError: The RPC receiver does not implement the method "made".'),
    ("env.ROOM.getByName('a').alarm()", "TypeError: 'alarm' is a reserved method and cannot be called over RPC."),
    ("env.ROOM.getByName('a').webSocketMessage()",
     "TypeError: 'webSocketMessage' is a reserved method and cannot be called over RPC."),
    ("env.ROOM.getByName('a').webSocketClose()",
     "TypeError: 'webSocketClose' is a reserved method and cannot be called over RPC."),
    ("env.ROOM.getByName('a').webSocketError()",
     "TypeError: 'webSocketError' is a reserved method and cannot be called over RPC."),
    # A stub leads to the next instance where one was reset.
    ("(async (stub) => [await failed(stub.fail()), await stub.add(1, 2)])(env.ROOM.getByName('a'))",
     [["RangeError: no", True, None, None, None], 3]),
    ("(async (stub) => [await failed(stub.abort('enough')), await stub.add(1, 2), await env.ROOM.getByName('b').add(1, 2)])"
     "(env.ROOM.getByName('b'))",
     [["Error: enough", True, None, None, True], 3, 3]),
    ("(async (stub) => [await failed(stub.abort()), await env.ROOM.getByName('b').add(1, 2)])(env.ROOM.getByName('b'))",
     [["Error: Application called abort() to reset Durable Object.", True, None, None, True], 3]),
    ("(async (waiting) => [await failed(env.ROOM.getByName('c').abort('all')), await waiting])(failed(env.ROOM.getByName('c').never()))",
     2 * [["Error: all", True, None, None, True]]),
    ("failed(env.FAILING.getByName('a').add(1, 2))", ["Error: cannot be made", True, None, None, None]),
]

BAD_PUT = (
    "TypeError: put() may only be called with a single key-value pair and optional options as put(key, value, options) "
    "or with multiple key-value pairs and optional options as put(entries, options)"
)
BOTH = [
    ("storage.get('none')", None),
    ("typeof await storage.get('none')", "undefined"),
    ("typeof await storage.put('a', 1)", "undefined"),
    ("await storage.put({ b: 2, c: undefined, d: [4] }), [...(await storage.get(['d', 'c', 'b', 'a']))]",
     [["a", 1], ["b", 2], ["d", [4]]]),
    ("storage.put('a')", "TypeError: put() called with undefined value."),
    ("storage.put('a', undefined)", "TypeError: put() called with undefined value."),
    ("storage.put(null)", BAD_PUT),
    ("storage.put()", BAD_PUT),
    ("storage.put('a', () => 1)", "DataCloneError: () => 1 could not be cloned."),
    ("storage.put('\\u00e9', 1), storage.put('z', 2), storage.put('\\u{10000}', 3), storage.put('\\uffee', 4), "
     "[...(await storage.list({ start: 'e' })).keys()]", ["z", "\u00e9", "\uffee", "\U00010000"]),
    ("[...(await storage.list({ reverse: true, limit: 2 })).values()]", [3, 4]),
    ("[...(await storage.list({ prefix: 'z', start: 'zz' })).keys()]", []),
    ("[...(await storage.list({ startAfter: 'a', end: 'd' })).keys()]", ["b"]),
    ("storage.list({ limit: -1 })", "TypeError: List limit must be positive."),
    ("[await storage.delete('a'), await storage.delete('a'), await storage.delete(['b', 'none', 'd'])]", [True, False, 2]),
    ("storage.put('date', new Date(5)), (await storage.get('date', { allowConcurrency: true, noCache: true })).getTime()", 5),
    ("storage.put('u', 1, { allowConcurrency: true, allowUnconfirmed: true, noCache: true }), storage.delete('u', { noCache: true })",
     True),
    ("typeof await storage.sync()", "undefined"),
    ("await storage.setAlarm(new Date(9e12)), storage.getAlarm()", 9e12),
    ("typeof await storage.deleteAlarm()", "undefined"),
    ("storage.getAlarm()", None),
    ("storage.setAlarm(-1)", "TypeError: setAlarm() cannot be called with an alarm time <= 0"),
    ("await storage.put('k', 1), await storage.transaction(async (txn) => { await txn.put('k', 2); throw new Error('back'); })",
     "Error: back"),
    ("storage.get('k')", 1),
    ("storage.transaction(async (txn) => [await txn.get('k'), await txn.delete('k'), [...(await txn.list())].length, "
     "await txn.setAlarm(9e12), await txn.getAlarm(), await txn.deleteAlarm(), await txn.getAlarm()])",
     [1, True, 5, None, 9e12, None, None]),
    ("storage.transaction((txn) => txn.deleteAll())", "Error: Cannot call deleteAll() within a transaction"),
    ("storage.transaction(async (txn) => { txn.rollback(); await txn.put('k', 1); })",
     "Error: Cannot put() on rolled back transaction"),
    ("(await storage.transaction(async (txn) => ({ txn }))).txn.put('k', 1)",
     "Error: Cannot call put() on transaction that has already committed: did you move `txn` outside of the closure?"),
    ("storage.transaction(async (txn) => { await storage.put('k', 5); txn.rollback(); })", None),
    ("storage.get('k')", None),
    ("ctx.blockConcurrencyWhile(async () => 7)", 7),
    ("[ctx.id.name, ctx.props, typeof ctx.exports, typeof ctx.waitUntil(Promise.resolve())]", ["rows", {}, "object", "undefined"]),
    # Of alarms.
    ("self.rings(async ({ retryCount, isRetry, scheduledTime }) => "
     "[retryCount, isRetry, typeof scheduledTime, await storage.getAlarm()])", [0, False, "number", None]),
    ("self.rings(async () => { await storage.setAlarm(9e12); return storage.getAlarm(); })", 9e12),
    ("storage.getAlarm()", 9e12),
    ("self.rings(async () => storage.getAlarm(), 1)", None),
    ("self.rings(async () => { await storage.setAlarm(9e12); throw new Error('failed'); })", "Error: failed"),
    ("storage.getAlarm()", 9e12),
    ("self.rings(async () => { await storage.deleteAlarm(); throw new Error('failed'); })", "Error: failed"),
    ("storage.getAlarm()", None),
    ("self.rings(() => ctx.abort('dropped', { retryAlarm: false }))", "Error: dropped"),
    ("storage.getAlarm()", None),
    ("(now => { storage.setAlarm(5); return storage.getAlarm().then((due) => due >= now); })(Date.now())", True),
    ("await storage.deleteAll(), [[...await storage.list()], await storage.getAlarm()]", [[], None]),
]

SQL = [
    ("sql.exec('CREATE TABLE t (a, b)').toArray()", []),
    ("sql.exec('INSERT INTO t VALUES (?, ?)', undefined, null).rowsWritten", 1),
    ("sql.exec('SELECT a, b FROM t').toArray()", [{"a": None, "b": None}]),
    ("sql.exec('SELECT ? AS x, typeof(?) AS y', {}, 1).one()", {"x": "[object Object]", "y": "real"}),
    ("sql.exec('SELECT ? AS x', true).one()", {"x": "true"}),
    ("sql.exec('SELECT ?', 1n)", "TypeError: Cannot convert a BigInt value to a number"),
    ("sql.exec('SELECT x\\'0102\\' AS x').one().x instanceof ArrayBuffer", True),
    ("[...new Uint8Array(sql.exec('SELECT ? AS x', new Uint8Array([1, 2, 3]).subarray(1)).one().x)]", [2, 3]),
    ("sql.exec('SELECT 1 AS a, 2 AS a').one()", {"a": 2}),
    ("[...sql.exec('SELECT 1 AS a, 2 AS a').raw()]", [[1, 2]]),
    ("(cursor => [cursor.next(), cursor.next()])(sql.exec('SELECT 1 AS x'))", [{"done": False, "value": {"x": 1}}, {"done": True}]),
    ("(cursor => [cursor.toArray(), cursor.toArray()])(sql.exec('SELECT 1 AS x'))", [[{"x": 1}], []]),
    ("sql.exec('SELECT 1').raw().toArray()", [[1]]),
    ("sql.exec('INSERT INTO t VALUES (1, 2); SELECT a FROM t WHERE a = ?', 1).one()", {"a": 1}),
    ("sql.exec('INSERT INTO t VALUES (?, 2); SELECT 1', 1)",
     "Error: When executing multiple SQL statements in a single call, only the last statement can have parameters."),
    ("sql.exec('')", "Error: SQL code did not contain a statement."),
    ("sql.exec('SELECT 1; -- more')", "Error: SQL code did not contain a statement."),
    ("sql.exec('SELECT ?2', 1)", "Error: Wrong number of parameter bindings for SQL query."),
    ("sql.exec('SELECT * FROM _cf_KV')", "Error: no such table: _cf_KV: SQLITE_ERROR"),
    ("storage.kv.put('a', 1), sql.exec('SELECT * FROM _cf_KV')", "Error: access to _cf_KV.key is prohibited: SQLITE_AUTH"),
    ("sql.exec('CREATE TABLE _cf_mine (x)')", "Error: not authorized: SQLITE_AUTH"),
    ("(await told(() => sql.exec('BEGIN'))).startsWith('Error: To execute a transaction, please use the state.storage.transaction()')",
     True),
    ("sql.exec('SELECT zeroblob(3000000)')", "Error: string or blob too big: SQLITE_TOOBIG"),
    ("sql.exec('INSERT INTO none VALUES (1)')", "Error: no such table: none: SQLITE_ERROR"),
    ("storage.kv.put('u', undefined)", "TypeError: put() called with undefined value."),
    ("(storage.kv.put('a', new Date(5)), storage.kv.get('a').getTime())", 5),
    ("[storage.kv.put('b', 1), storage.kv.get('none'), storage.kv.delete('b'), storage.kv.delete('b')]", [None, None, True, False]),
    ("storage.get('a').then((date) => date.getTime())", 5),
    ("storage.kv.put('c', 1), [...storage.kv.list({ prefix: 'c' }), [...storage.kv.list({ reverse: true, limit: 1 })].length]",
     [["c", 1], 1]),
    ("(list => [storage.kv.list().next().done, list.next()])(storage.kv.list())",
     "Error: kv.list() iterator was invalidated because a new call to kv.list() was started. Only one kv.list() iterator "
     "can exist at a time."),
    ("storage.kv.list({ start: 'a', startAfter: 'a' })",
     "TypeError: list() cannot be called with both start and startAfter values."),
    ("storage.transactionSync(() => 7)", 7),
    ("storage.transactionSync(() => { sql.exec('DELETE FROM t'); "
     "try { storage.transactionSync(() => { sql.exec('INSERT INTO t VALUES (9, 9)'); throw 1; }); } catch {} "
     "return sql.exec('SELECT count(*) AS n FROM t').one().n; })", 0),
    ("storage.transaction(async (txn) => { sql.exec('INSERT INTO t VALUES (8, 8)'); storage.kv.put('t', 1); txn.rollback(); })", None),
    ("[sql.exec('SELECT count(*) AS n FROM t').one().n, storage.kv.get('t')]", [0, None]),
    ("[typeof sql.databaseSize, sql.databaseSize % 4096]", ["number", 0]),
    ("await storage.deleteAll(), sql.exec('SELECT count(*) AS n FROM sqlite_schema').one().n", 0),
    # What a commit finds wrong at the end of the turn is too late to be caught.
    ("sql.exec('CREATE TABLE p (x PRIMARY KEY); CREATE TABLE c (x REFERENCES p DEFERRABLE INITIALLY DEFERRED)'), self.mark = 1", 1),
    ("sql.exec('INSERT INTO c VALUES (1)').rowsWritten",
     "Error: FOREIGN KEY constraint failed: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_FOREIGNKEY)"),
    ("[typeof self.mark, sql.exec('SELECT count(*) AS n FROM c').one().n]", ["undefined", 0]),
]

OLDER = [
    ("storage.put('x'.repeat(2048), 1)", None),
    ("storage.put('x'.repeat(2049), 1)", "RangeError: Keys cannot be larger than 2048 bytes. A key of size 2049 was provided."),
    ("storage.get('x'.repeat(2049))", "RangeError: Keys cannot be larger than 2048 bytes. A key of size 2049 was provided."),
    ("storage.put(Object.fromEntries(Array.from({ length: 128 }, (_, n) => [`k${n}`, n])))", None),
    ("storage.put(Object.fromEntries(Array.from({ length: 129 }, (_, n) => [`k${n}`, n])))",
     "RangeError: Maximum number of key value pairs is 128."),
    ("storage.get(Array.from({ length: 129 }, (_, n) => `k${n}`))", "RangeError: Maximum number of key value pairs is 128."),
    ("storage.delete(Array.from({ length: 129 }, (_, n) => `k${n}`))", "RangeError: Maximum number of key value pairs is 128."),
    ("storage.sql",
     "Error: SQL is not enabled for this Durable Object class. To enable it, change `new_classes` to `new_sqlite_classes` in the "
     "migrations of your configuration."),
    ("storage.kv", "Error: The storage.kv (synchronous KV) API is only available for SQLite-backed Durable Objects, but this "
     "object's class is not. To use it, change `new_classes` to `new_sqlite_classes` in the migrations of your configuration."),
    ("storage.transactionSync(() => 1)", "Error: Durable Object is not backed by SQL."),
    ("storage.getCurrentBookmark()",
     "Error: This Durable Object's storage back-end does not implement point-in-time recovery."),
]

ROWS = [
    *[("worker", *row) for row in WORKER],
    *[("ROOM", *row) for row in BOTH],
    *[("OLD", *row) for row in BOTH],
    *[("ROOM", *row) for row in SQL],
    *[("OLD", *row) for row in OLDER],
]


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    names = {"worker": "env, failed", "ROOM": "self, ctx, storage, storage: { sql }", "OLD": "self, ctx, storage"}
    expressions = [f"  async ({{ {names[where]} }}) => ({code})," for where, code, _ in ROWS]
    source = SOURCE.replace("ROWS", "\n".join(expressions))
    (folder / "index.mjs").write_text(source)
    (folder / "wrangler.toml").write_text(CONFIGURATION)
    with contextlib.closing(Server(["dev", str(folder), "--port", "0"], folder)) as server:
        yield server


def test_each_row_gives_what_it_should(rows):
    for index, (where, code, expected) in enumerate(ROWS):
        answer = rows.fetch("/", "POST", json.dumps({"where": where, "index": index}))
        assert (answer.status, answer.json) == (200, expected), code

"""D1 as Python sees it, as the JavaScript object itself and through Cloudflare's SDK: every method, shape, type, limit
and error text."""

import pytest

WORKER = "d1"
OWN = "MINE"
TABLE = "await db.exec('CREATE TABLE MINE (id INTEGER PRIMARY KEY, name TEXT, x, n INTEGER)')\n"
NAMES = "await db.prepare(\"INSERT INTO MINE (name) VALUES ('a'), ('b')\").run()\n"

# Pragmas that D1 allows, and how many rows each gives for the table with one index.
PRAGMAS = {
    "table_info(MINE)": 4, "table_xinfo(MINE)": 4, "data_version": 1, "page_size": 1, "case_sensitive_like": 0,
    "case_sensitive_like = on": 0, "foreign_keys": 1, "defer_foreign_keys": 1, "ignore_check_constraints": 1,
    "legacy_alter_table": 1, "recursive_triggers": 1, "reverse_unordered_selects": 1, "foreign_key_check": 0,
    "foreign_key_check(MINE)": 0, "foreign_key_list(MINE)": 0, "index_info(iMINE)": 1, "index_list(MINE)": 1,
    "index_xinfo(iMINE)": 2, "quick_check": 1, "optimize": 0,
}  # fmt: skip
OTHER_PRAGMAS = [
    "integrity_check", "user_version", "schema_version", "cache_size", "synchronous", "compile_options", "database_list",
    "encoding", "busy_timeout", "page_size = 1024", "function_list", "collation_list",
]  # fmt: skip

# Code for both styles, and what it gives.
COMMON = [
    ("other.constructor.name", "'D1Database'"),
    ("other.prepare('SELECT 1').constructor.name", "'D1PreparedStatement'"),
    ("await db.prepare('SELECT 7 AS x').first('x')", "7"),
    ("await db.prepare('SELECT ? || ?2').bind('a', 'b').first('?')", None),
    ("await db.prepare('SELECT ?1 || ?2 || ?1 AS s').bind('a', 'b').first('s')", "'aba'"),
    ("await db.prepare('SELECT typeof(?) AS t').bind(1).first('t')", "'real'"),
    ("await db.prepare('SELECT typeof(?) AS t').bind(True).first('t')", "'real'"),
    ("await db.prepare('SELECT ? AS x').bind(True).first('x')", "1"),
    (TABLE + "await db.prepare('INSERT INTO MINE (name, n) VALUES (?, ?)').bind(1, 1).run()\n"
     "await db.prepare(\"SELECT typeof(n) || name AS s FROM MINE\").first('s')", "'integer1.0'"),
    ("await db.prepare('SELECT 1.5 AS x').first('x')", "1.5"),
    # As SQLite has it by default: a name in double quotes that nothing bears is a string.
    ("await db.prepare('SELECT \"y\" AS x').first('x')", "'y'"),
    ("await db.prepare('SELECT 9007199254740993 AS x').first('x') == 2**53", "True"),
    ("await db.prepare('SELECT 1e999 AS x').first('x') in (None, jsnull)", "True"),
    ("await db.prepare('SELECT NULL AS x').first('x') in (None, jsnull)", "True"),
    ("await db.prepare('SELECT 1 WHERE 0').first() in (None, jsnull)", "True"),
    ("await db.prepare('SELECT 1 AS x WHERE 0').first('y') in (None, jsnull)", "True"),
    ("(await db.exec('SELECT 1; SELECT 2\\n\\n  SELECT 3')).count", "2"),
    ("(await db.exec('SELECT 1')).duration >= 0", "True"),
    (TABLE + NAMES + "(await db.prepare('SELECT * FROM MINE').all()).meta.rows_read", "2"),
    (TABLE + NAMES + "(await db.prepare('SELECT * FROM MINE WHERE id = 2').all()).meta.rows_read", "1"),
    (TABLE + "(await db.prepare(\"INSERT INTO MINE (name) VALUES ('a'), ('b')\").run()).meta.rows_written", "2"),
    (TABLE + "await db.exec('CREATE INDEX i_MINE ON MINE (name)')\n"
     "(await db.prepare(\"INSERT INTO MINE (name) VALUES ('a'), ('b')\").run()).meta.rows_written", "4"),
    (TABLE + NAMES + "await db.exec('CREATE INDEX i_MINE ON MINE (id)')\n"
     "(await db.prepare('UPDATE MINE SET name = id WHERE id = 1').run()).meta.rows_written", "1"),
    ("await db.exec('PRAGMA foreign_keys = off')\nawait db.prepare('PRAGMA foreign_keys').first('foreign_keys')", "1"),
    ("await db.prepare('SELECT json_extract(?, \\'$.a\\') AS x').bind('{\"a\": 5}').first('x')", "5"),
    ("await db.prepare('SELECT round(sin(0) + sqrt(4)) AS x').first('x')", "2"),
    ("await db.exec('CREATE VIRTUAL TABLE MINE USING fts5(body)')\n"
     "await db.exec(\"INSERT INTO MINE VALUES ('a snake plays dead')\")\n"
     "await db.prepare(\"SELECT body FROM MINE WHERE MINE MATCH 'snake'\").first('body')", "'a snake plays dead'"),
    (TABLE + "await db.exec('ALTER TABLE MINE RENAME COLUMN name TO title')\n"
     "await db.prepare(\"INSERT INTO MINE (title) VALUES ('a') RETURNING title\").first('title')", "'a'"),
    (TABLE + "await db.exec('CREATE TRIGGER tr_MINE AFTER INSERT ON MINE BEGIN UPDATE MINE SET n = 1; END')\n"
     "(await db.prepare(\"INSERT INTO MINE (name) VALUES ('a')\").run()).meta.changes", "2"),
    ("await db.prepare('SELECT 1; SELECT ? AS x').bind(2).first('x')", "2"),
    ("[await db.exec('CREATE TABLE MINE (x)'), await other.prepare(\"SELECT count(*) AS c FROM sqlite_schema\").first('c')][1]",
     "0"),
    *[(TABLE + "await db.exec('CREATE INDEX iMINE ON MINE (name)')\n"
       f"len((await db.prepare('PRAGMA {pragma}').all()).results)", str(rows)) for pragma, rows in PRAGMAS.items()],
    ("[await db.prepare('SELECT ? AS x').bind(value).first('x') in (None, jsnull) for value in (js.NaN, js.Infinity)]",
     "[True, True]"),
    *[(f"await db.prepare('SELECT {sql} AS x').bind(1, 2, 3).first('x')", value) for sql, value in [
        ("?3", "3"), (":a + :b + :c + :a", "7"), ("@a + $b + :c", "6"),
    ]],
    *[(f"len(await db.prepare('{sql}').raw())", "1") for sql in ("SELECT 1; SELECT 2", "SELECT 1; ", "SELECT 1 -- one")],
    (TABLE + "meta = (await db.prepare('SELECT 1; INSERT INTO MINE (id) VALUES (5); SELECT 2').all()).meta\n"
     "[meta.changes, meta.last_row_id]", "[0, 5]"),
    (TABLE + NAMES + "meta = (await db.prepare('SELECT 1').all()).meta\n[meta.changes, meta.last_row_id, meta.changed_db]",
     "[0, 2, False]"),
    *[(TABLE + NAMES + f"(await db.prepare('UPDATE MINE SET n = 1 WHERE {where}').run()).meta.changed_db", changed)
      for where, changed in [("1", "True"), ("0", "False")]],
    *[(f"(await db.exec('CREATE {what}')).count", "1") for what in [
        "VIRTUAL TABLE MINE USING rtree(id, low, high)", "TABLE MINE (a INTEGER) STRICT",
        "TABLE MINE (a PRIMARY KEY) WITHOUT ROWID", "TABLE MINE (a, b AS (a * 2) STORED, c AS (a * 3))",
    ]],
    ("statement = db.prepare('SELECT ? AS x')\n[await statement.bind(x).first('x') for x in (1, 2)]", "[1, 2]"),
    ("[db.withSession(x).getBookmark() in (None, jsnull) for x in ('', '  ', 'first-primary', 'first-unconstrained')]",
     "[True, True, True, True]"),
    ("session = db.withSession('ffffffff-00000000-00000000-00000000000000000000000000000000')\n"
     "await session.prepare('SELECT 1').run()\nsession.getBookmark()[:8]", "'ffffffff'"),
    ("[hasattr(other.withSession(), name) for name in ('exec', 'dump')]", "[False, False]"),
    ("run_sync(db.prepare('SELECT 1 AS x').first('x'))", "1"),
    ("session = other.withSession()\n[session.constructor.name, session.getBookmark() in (None, jsnull)]",
     "['D1DatabaseSession', True]"),
    ("session = db.withSession('first-primary')\nawait session.prepare('SELECT 1').run()\nlen(session.getBookmark())", "59"),
    ("db.withSession('00000001-00000000-00000000-00000000000000000000000000000000').getBookmark()[:8]", "'00000001'"),
    ("session = db.withSession()\n" + TABLE + "await session.prepare('SELECT 1').run()\nfirst = session.getBookmark()\n"
     "await session.batch(to_js([session.prepare('INSERT INTO MINE (n) VALUES (1)')]))\nfirst < session.getBookmark()", None),
]


@pytest.mark.parametrize("style", ["raw", "sdk"])
@pytest.mark.parametrize(("code", "value"), COMMON)
def test_both_styles(request, style, code, value):
    if value is None:
        request.getfixturevalue(style)(code)
    else:
        assert request.getfixturevalue(style)(code) == value


@pytest.mark.parametrize(
    ("code", "value"),
    [
        (TABLE + NAMES + "[row.name for row in (await db.prepare('SELECT name FROM MINE').all()).results]", "['a', 'b']"),
        ("(await db.prepare('SELECT 1 AS a, 2 AS a, 3 AS b').run()).results.to_py()", "[{'a': 2, 'b': 3}]"),
        ("(await db.prepare('SELECT 1 AS a, 2 AS a').raw()).to_py()", "[[1, 2]]"),
        ("(await db.prepare('SELECT 1 AS a WHERE 0').raw(columnNames=True)).to_py()", "[['a']]"),
        ("await db.prepare('SELECT ? IS NULL AS x').bind(jsnull).first('x')", "1"),
        ("(await db.prepare('SELECT ? AS x').bind(to_js(b'\\x00\\xff')).first('x')).to_py()", "[0, 255]"),
        ("(await db.prepare('SELECT ? AS x').bind(js.Float64Array.new(to_js([1.5, 2]))).first('x')).to_py()", "[1, 2]"),
        (TABLE + NAMES + "sorted((await db.prepare('SELECT * FROM MINE').all()).meta.to_py())",
         "['changed_db', 'changes', 'duration', 'last_row_id', 'rows_read', 'rows_written', 'served_by', "
         "'served_by_primary', 'size_after', 'timings', 'total_attempts']"),
        (TABLE + "meta = (await db.prepare(\"INSERT INTO MINE VALUES (17, 'a', 1, 1)\").run()).meta\n"
         "[meta.changes, meta.last_row_id, meta.changed_db, meta.size_after % 4096]", "[1, 17, True, 0]"),
        (TABLE + NAMES + "batch = await db.batch(to_js([db.prepare('DELETE FROM MINE'), db.prepare('SELECT 1 AS x')]))\n"
         "[batch.length, batch[0].meta.changes, batch[0].results.to_py(), batch[1].results[0].x]", "[2, 2, [], 1]"),
    ],
)
def test_raw(raw, code, value):
    assert raw(code) == value


@pytest.mark.parametrize(
    ("code", "value"),
    [
        (TABLE + "await db.prepare('INSERT INTO MINE (name, n) VALUES (?, ?)').bind('a', None).run()\n"
         "(await db.prepare('SELECT * FROM MINE WHERE n IS ?').bind(None).all())['results']",
         "[{'id': 1, 'name': 'a', 'x': None, 'n': None}]"),
        (TABLE + NAMES + "[row.name for row in (await db.prepare('SELECT name FROM MINE').all()).results]", "['a', 'b']"),
        ("bytes(await db.prepare('SELECT ? AS x').bind(b'\\x00\\xff').first('x'))", r"b'\x00\xff'"),
        ("await db.prepare('SELECT hex(?) AS x').bind([]).first('x')", "''"),
        ("await db.prepare('SELECT 1 AS a, 2 AS b').raw(columnNames=True)", "[['a', 'b'], [1, 2]]"),
        (TABLE + NAMES + "out = await db.batch([db.prepare('DELETE FROM MINE'), db.prepare('SELECT 1 AS x')])\n"
         "out[1]['results'][0]['x']", "1"),
        ("(await db.prepare('SELECT 1').all())['success']", "True"),
    ],
)
def test_sdk(sdk, code, value):
    assert sdk(code) == value


AUTH = "Error: D1_ERROR: not authorized: SQLITE_AUTH"

# What goes wrong, and how it is told.
ERRORS = [
    ("await db.prepare('INVALID').run()", 'Error: D1_ERROR: near "INVALID": syntax error at offset 0: SQLITE_ERROR'),
    ("await db.prepare('SELECT * FROM missing').run()", "Error: D1_ERROR: no such table: missing: SQLITE_ERROR"),
    (TABLE + NAMES + "await db.prepare('INSERT INTO MINE (id) VALUES (1)').run()",
     "Error: D1_ERROR: UNIQUE constraint failed: MINE.id: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_PRIMARYKEY)"),
    ("await db.exec('CREATE TABLE MINE (x NOT NULL)')\nawait db.prepare('INSERT INTO MINE VALUES (NULL)').run()",
     "Error: D1_ERROR: NOT NULL constraint failed: MINE.x: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_NOTNULL)"),
    (TABLE + "await db.exec('CREATE TABLE child_MINE (x REFERENCES MINE)')\n"
     "await db.prepare('INSERT INTO child_MINE VALUES (5)').run()",
     "Error: D1_ERROR: FOREIGN KEY constraint failed: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_FOREIGNKEY)"),
    ("await db.prepare('SELECT ?').run()", "Error: D1_ERROR: Wrong number of parameter bindings for SQL query."),
    ("await db.prepare('SELECT 1').bind(1).run()", "Error: D1_ERROR: Wrong number of parameter bindings for SQL query."),
    ("await db.prepare('').run()", "Error: D1_ERROR: No SQL statements detected."),
    ("await db.batch(to_js([]))", "Error: D1_ERROR: No SQL statements detected."),
    ("await db.prepare('-- nothing').run()", "Error: D1_ERROR: SQL code did not contain a statement."),
    ("await db.prepare('SELECT 1; -- one').run()", "Error: D1_ERROR: SQL code did not contain a statement."),
    ("await db.prepare('SELECT ?; SELECT 1').bind(1).run()", "Error: D1_ERROR: When executing multiple SQL statements"),
    ("db.prepare('SELECT ?').bind(js.Object.new())",
     "Error: D1_TYPE_ERROR: Type 'object' not supported for value '[object Object]'"),
    ("db.prepare('SELECT ?').bind(2**60)",
     "Error: D1_TYPE_ERROR: Type 'bigint' not supported for value '1152921504606846976'"),
    ("db.prepare('SELECT ?').bind(to_js([1, 256]))", "Error: D1_TYPE_ERROR: Type 'object' not supported for value '1,256'"),
    ("await db.prepare('SELECT 1 AS a').first('b')", "Error: D1_COLUMN_NOTFOUND: Column not found (b)"),
    ("await db.exec('')", "Error: D1_EXEC_ERROR: Error in line 1: : No SQL statements detected."),
    ("await db.exec('SELECT 1\\nSELECT FROM')",
     'Error: D1_EXEC_ERROR: Error in line 1: SELECT 1: near "FROM": syntax error at offset 7: SQLITE_ERROR'),
    ("await db.exec('SELECT ?')", "Error: D1_EXEC_ERROR: Error in line 1: SELECT ?: Wrong number of parameter bindings"),
    ("await db.dump()", "Error: D1_DUMP_ERROR: Status + 404"),
    ("await db.query(js.Object.new())",
     "Error: D1_ERROR: D1Database.query() requires the d1_binding_jsrpc compatibility flag."),
    *[(f"await db.prepare('{sql}').run()", "Error: D1_ERROR: To execute a transaction, please use the state.storage")
      for sql in ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT s", "RELEASE s")],
    ("await db.prepare('ATTACH ? AS x').bind('/etc/passwd').run()", AUTH),
    ("await db.prepare('CREATE TEMP TABLE x (y)').run()", AUTH),
    ("await db.prepare('PRAGMA journal_mode = delete').run()", AUTH),
    ("await db.prepare('PRAGMA page_size = 512').run()", AUTH),
    ("await db.prepare('PRAGMA writable_schema = 1').run()", AUTH),
    ("await db.prepare('CREATE TABLE _CF_x (y)').run()", AUTH),
    ("await db.prepare('CREATE VIRTUAL TABLE x USING dbstat').run()", AUTH),
    ("await db.prepare('VACUUM').run()", "Error: D1_ERROR: cannot VACUUM from within a transaction: SQLITE_ERROR"),
    ("await db.prepare('SELECT sqlite_version()').run()",
     "Error: D1_ERROR: not authorized to use function: sqlite_version at offset 7: SQLITE_ERROR"),
    ("await db.prepare(\"SELECT load_extension('x')\").run()", "Error: D1_ERROR: not authorized to use function: load_extension"),
    *[(f"await db.prepare('PRAGMA {pragma}').run()", AUTH) for pragma in OTHER_PRAGMAS],
    *[(f"await db.prepare('{sql}').run()", AUTH) for sql in [
        "DETACH x", "CREATE TEMP VIEW x AS SELECT 1", "CREATE VIRTUAL TABLE x USING fts4(y)",
    ]],
    ("await db.prepare(\"VACUUM INTO 'x'\").run()", "Error: D1_ERROR: cannot VACUUM from within a transaction: SQLITE_ERROR"),
    ("await db.prepare('SELECT ?1').bind(1, 2).run()", "Error: D1_ERROR: Wrong number of parameter bindings for SQL query."),
    ("await db.prepare('  ').run()", "Error: D1_ERROR: No SQL statements detected."),
    ("await db.prepare('SELECT 1;;').run()", "Error: D1_ERROR: SQL code did not contain a statement."),
    ("await db.exec('-- nothing')", "Error: D1_EXEC_ERROR: Error in line 1: -- nothing: SQL code did not contain a statement."),
    ("await db.exec('SELECT 1; -- one')",
     "Error: D1_EXEC_ERROR: Error in line 1: SELECT 1; -- one: SQL code did not contain a statement."),
    ("await db.exec('SELECT\\n1')", "Error: D1_EXEC_ERROR: Error in line 1: SELECT: incomplete input: SQLITE_ERROR"),
    ("await db.batch()", "TypeError: batch() takes an array of D1PreparedStatement objects."),
    ("await db.batch(to_js([1]))", "TypeError: batch() takes an array of D1PreparedStatement objects."),
    ("await db.exec('CREATE TABLE MINE (x CHECK (x > 0), y UNIQUE)')\nawait db.prepare('INSERT INTO MINE VALUES (0, 1)').run()",
     "Error: D1_ERROR: CHECK constraint failed: x > 0: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_CHECK)"),
    ("await db.exec('CREATE TABLE MINE (y UNIQUE)')\nawait db.prepare('INSERT INTO MINE VALUES (1), (1)').run()",
     "Error: D1_ERROR: UNIQUE constraint failed: MINE.y: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_UNIQUE)"),
    ("await db.exec('CREATE TABLE MINE (x INTEGER) STRICT')\nawait db.prepare(\"INSERT INTO MINE VALUES ('x')\").run()",
     "Error: D1_ERROR: cannot store TEXT value in INTEGER column MINE.x: SQLITE_CONSTRAINT"),
    (TABLE + "await db.exec('CREATE TABLE MINE (x)')",
     "Error: D1_EXEC_ERROR: Error in line 1: CREATE TABLE MINE (x): table MINE already exists"),
    ("await db.prepare('SELECT x FROM (SELECT 1)').run()", "Error: D1_ERROR: no such column: x at offset 7: SQLITE_ERROR"),
    # Limits, and what just passes.
    ("await db.prepare('SELECT ' + '+'.join('1' * 100)).run()", None),
    ("await db.prepare('SELECT ' + '+'.join('1' * 101)).run()",
     "Error: D1_ERROR: Expression tree is too large (maximum depth 100): SQLITE_ERROR"),
    ("await db.prepare('SELECT ' + ','.join('1' * 101)).run()", "Error: D1_ERROR: too many columns in result set: SQLITE_ERROR"),
    ("await db.prepare('SELECT 1 GLOB ?').bind('x' * 51).run()", "Error: D1_ERROR: LIKE or GLOB pattern too complex: SQLITE_ERROR"),
    ("await db.prepare('SELECT zeroblob(2000001)').run()", "Error: D1_ERROR: string or blob too big: SQLITE_TOOBIG"),
    ("await db.prepare('SELECT ' + ','.join('?' * 100)).bind(*range(100)).run()", None),
    ("await db.prepare('SELECT ' + ','.join('?' * 101)).bind(*range(101)).run()",
     "Error: D1_ERROR: too many SQL variables at offset "),
    ("await db.prepare(f'CREATE TABLE MINE ({\", \".join(f\"c{i}\" for i in range(100))})').run()", None),
    ("await db.prepare(f'CREATE TABLE MINE ({\", \".join(f\"c{i}\" for i in range(101))})').run()",
     "Error: D1_ERROR: too many columns on MINE"),
    ("await db.prepare('SELECT 1' + ' UNION SELECT 1' * 4).run()", None),
    ("await db.prepare('SELECT 1' + ' UNION SELECT 1' * 5).run()", "Error: D1_ERROR: too many terms in compound SELECT"),
    ("await db.prepare('SELECT max(' + ','.join('1' * 32) + ')').run()", None),
    ("await db.prepare('SELECT max(' + ','.join('1' * 33) + ')').run()", "Error: D1_ERROR: too many arguments on function max"),
    ("await db.prepare('SELECT 1 LIKE ?').bind('x' * 50).run()", None),
    ("await db.prepare('SELECT 1 LIKE ?').bind('x' * 51).run()", "Error: D1_ERROR: LIKE or GLOB pattern too complex"),
    ("await db.prepare('SELECT length(?)').bind('x' * 2_000_000).run()", None),
    ("await db.prepare('SELECT length(?)').bind('x' * 2_000_001).run()", "Error: D1_ERROR: string or blob too big: SQLITE_TOOBIG"),
    ("await db.prepare('SELECT 1'.ljust(100_000)).run()", None),
    ("await db.prepare('SELECT 1 --'.ljust(100_001, '-')).run()", "Error: D1_ERROR: statement too long: SQLITE_TOOBIG"),
    ("await db.prepare('WITH RECURSIVE n(x) AS (SELECT randomblob(1000000) UNION ALL SELECT x FROM n) SELECT x FROM n').run()",
     "Error: D1_ERROR: D1 DB's isolate exceeded its memory limit and was reset."),
    ("for _ in range(999):\n    await db.prepare('SELECT 1').run()\nawait db.prepare('SELECT 1').run()", None),
    ("for _ in range(1000):\n    await db.prepare('SELECT 1').run()\nawait db.prepare('SELECT 1').run()",
     "Error: D1_ERROR: Too many API requests by single worker invocation."),
]


@pytest.mark.parametrize("style", ["raw", "sdk"])
@pytest.mark.parametrize(("code", "error"), ERRORS)
def test_errors_and_what_just_passes(request, style, code, error):
    told = request.getfixturevalue(style)(code)
    if error is None:
        assert "rror: " not in told
    else:
        # The SDK turns some into Python's own exceptions.
        assert told.removeprefix("Python's ").startswith(error)


def test_none_is_undefined_without_the_sdk(raw):
    error = "Error: D1_TYPE_ERROR: Type 'undefined' not supported for value 'undefined'"
    assert raw("db.prepare('SELECT ?').bind(None)") == error


def test_an_error_has_a_cause_without_the_prefix(raw):
    code = "try:\n    await db.prepare('x').run()\nexcept JsException as error:\n    cause = error.cause.message\ncause"
    assert raw(code) == """'near "x": syntax error at offset 0: SQLITE_ERROR'"""


@pytest.mark.parametrize("failing", ["INSERT INTO MINE (id) VALUES (1)", "SELECT * FROM missing", "not SQL"])
def test_a_batch_is_all_or_nothing(raw, failing):
    code = (
        f"{TABLE}{NAMES}try:\n    await db.batch(to_js([db.prepare('DELETE FROM MINE WHERE id = 2'), "
        f"db.prepare('{failing}')]))\nexcept JsException:\n    pass\n"
        "await db.prepare('SELECT count(*) AS c FROM MINE').first('c')"
    )
    assert raw(code) == "2"


def test_foreign_keys_can_be_deferred_to_the_end_of_a_batch(raw):
    code = (
        f"{TABLE}await db.exec('CREATE TABLE child_MINE (x REFERENCES MINE)')\n"
        "statements = ['PRAGMA defer_foreign_keys = on', 'INSERT INTO child_MINE VALUES (5)', 'INSERT INTO MINE (id) VALUES (5)']\n"
        "await db.batch(to_js([db.prepare(sql) for sql in statements]))\n"
        "await db.prepare('SELECT x FROM child_MINE').first('x')"
    )
    assert raw(code) == "5"


def test_a_large_batch_arrives(raw):
    code = (
        f"{TABLE}insert = db.prepare('INSERT INTO MINE (name) VALUES (?)')\n"
        "await db.batch(to_js([insert.bind('x' * 100_000) for _ in range(30)]))\n"
        "rows = (await db.prepare('SELECT name FROM MINE').all()).results\n[rows.length, len(rows[29].name)]"
    )
    assert raw(code) == "[30, 100000]"

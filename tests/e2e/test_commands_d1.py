"""`hognose d1`: SQL and migrations from the command line, beside a server and without one."""

import json
import re

import pytest
from harness import run

CONFIGURATION = """\
main = "src/index.py"
compatibility_date = "2025-08-01"
compatibility_flags = ["python_workers"]

[[d1_databases]]
binding = "DB"
database_name = "app"
database_id = "1"
migrations_dir = "steps"
"""
WORKER = """\
from js import Response

async def on_fetch(request, env):
    return Response.new(str(await env.DB.prepare("SELECT sum(x) AS s FROM t").first("s")))
"""


@pytest.fixture
def folder(project):
    return project(files={"wrangler.toml": CONFIGURATION, "src/index.py": WORKER})


def d1(folder, *arguments, fails=False):
    """What a command prints."""
    code, output = run("d1", *arguments, folder=folder)
    assert code == fails, output
    return output


def test_sql_runs_on_a_database_by_its_name_its_binding_and_its_id(folder):
    d1(folder, "execute", "app", "--command", "CREATE TABLE t (x); INSERT INTO t VALUES (1), (\"text\")")
    assert d1(folder, "execute", "DB", "--command", "SELECT x, NULL AS other FROM t") == (
        "┌──────┬───────┐\n"
        "│ x    │ other │\n"
        "├──────┼───────┤\n"
        "│ 1    │ null  │\n"
        "│ text │ null  │\n"
        "└──────┴───────┘\n"
    )
    results = json.loads(d1(folder, "execute", "1", "--json", "--command", "SELECT x FROM t; DELETE FROM t"))
    assert [result["results"] for result in results] == [[{"x": 1}, {"x": "text"}], []]
    assert [result["meta"]["changes"] for result in results] == [0, 2]


def test_a_file_is_imported_whole_or_not_at_all(folder):
    trigger = "CREATE TRIGGER tr AFTER INSERT ON t BEGIN UPDATE t SET x = x + 1; END;"
    (folder / "dump.sql").write_text(
        f"BEGIN TRANSACTION;\nCREATE TABLE t (x); -- ';'\n{trigger}\nINSERT INTO t VALUES (1);\nCOMMIT;\n"
    )
    d1(folder, "execute", "app", "--file", "dump.sql")
    (folder / "wrong.sql").write_text("INSERT INTO t VALUES (5); INSERT INTO missing VALUES (1);")
    output = d1(folder, "execute", "app", "--file", "wrong.sql", fails=True)
    assert "error: The SQL of `DB` failed and changed nothing" in output and "no such table: missing" in output
    assert "│ 2 " in d1(folder, "execute", "app", "--command", "SELECT max(x) AS m FROM t")


def test_json_has_the_error_too(folder):
    output = d1(folder, "execute", "app", "--json", "--command", "INVALID", fails=True)
    error = 'near "INVALID": syntax error at offset 0: SQLITE_ERROR'
    assert json.JSONDecoder().raw_decode(output[output.index("{") :])[0] == {"error": {"text": error}}


def test_a_database_is_no_sql(folder):
    d1(folder, "execute", "app", "--command", "CREATE TABLE t (x)")
    file = next((folder / ".hognose" / "d1").glob("*.sqlite"))
    output = d1(folder, "execute", "app", "--file", str(file), fails=True)
    assert "is an SQLite database, and not SQL: write it as SQL with `sqlite3" in output


def test_migrations_are_made_listed_and_applied_once(folder):
    for message in ("make t", "fill"):
        d1(folder, "migrations", "create", "app", *message.split())
    first, second = sorted((folder / "steps").iterdir())
    assert (first.name, second.name) == ("0001_make_t.sql", "0002_fill.sql")
    assert re.fullmatch(r"-- Migration number: 0001 \t \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\n", first.read_text())
    first.write_text(first.read_text() + "CREATE TABLE t (x); -- that is all\n")
    second.write_text("INSERT INTO t VALUES (1); INSERT INTO missing VALUES (1);")
    assert d1(folder, "migrations", "list", "app") == "0001_make_t.sql\n0002_fill.sql\n"
    output = d1(folder, "migrations", "apply", "app", fails=True)
    assert output.startswith("Applied 0001_make_t.sql\n") and "The SQL of `0002_fill.sql` failed" in output
    second.write_text("INSERT INTO t VALUES (1);")
    assert d1(folder, "migrations", "apply", "app") == "Applied 0002_fill.sql\n"
    assert d1(folder, "migrations", "apply", "app") == d1(folder, "migrations", "list", "app") == "No migrations to apply\n"
    count = d1(folder, "execute", "app", "--json", "--command", "SELECT count(*) AS c FROM t, d1_migrations")
    assert json.loads(count)[0]["results"] == [{"c": 2}]


def test_commands_work_beside_a_server(folder, serve):
    d1(folder, "execute", "app", "--command", "CREATE TABLE t (x); INSERT INTO t VALUES (1)")
    server = serve(folder)
    assert server.fetch().text == "1"
    d1(folder, "execute", "app", "--command", "INSERT INTO t VALUES (5)")
    assert server.fetch().text == "6"


def test_a_database_that_is_not_there_is_told(folder):
    output = d1(folder, "execute", "other", "--command", "SELECT 1", fails=True)
    assert "error: `wrangler.toml` has no D1 database `other`" in output


def shown(folder):
    [result] = json.loads(d1(folder, "execute", "app", "--json", "--command", "SELECT x FROM t ORDER BY x"))
    return [row["x"] for row in result["results"]]


def test_a_database_travels_back_and_forth_while_a_server_works_with_it(folder, serve):
    d1(folder, "execute", "app", "--command", "CREATE TABLE t (x); INSERT INTO t VALUES (1)")
    server = serve(folder)
    assert server.fetch("/").text == "1"
    one = json.loads(d1(folder, "time-travel", "info", "app", "--json"))["bookmark"]
    assert re.fullmatch("[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}", one)
    assert one in d1(folder, "time-travel", "info", "DB")
    d1(folder, "execute", "app", "--command", "INSERT INTO t VALUES (2); CREATE TABLE more (y)")
    assert server.fetch("/").text == "3"
    assert "Give `-y`" in d1(folder, "time-travel", "restore", "app", "--bookmark", one, fails=True)
    restored = json.loads(d1(folder, "time-travel", "restore", "app", "--bookmark", one, "-y", "--json"))
    assert restored["bookmark"] == one
    assert server.fetch("/").text == "1"
    assert "no such table: more" in d1(folder, "execute", "app", "--command", "SELECT * FROM more", fails=True)
    previous = restored["previous_bookmark"]
    # It is in that state once more, which is a later moment.
    assert one.rpartition("-")[2] in d1(folder, "time-travel", "restore", "app", "--bookmark", previous, "-y")
    assert server.fetch("/").text == "3"


def test_points_in_time_that_are_not_known_are_refused(folder):
    d1(folder, "execute", "app", "--command", "CREATE TABLE t (x); INSERT INTO t VALUES (1)")
    travel = ("time-travel", "restore", "app", "-y")
    assert "history, which begins at 20" in d1(folder, *travel, "--timestamp", "2020-01-01T00:00:00Z", fails=True)
    assert "is in the future" in d1(folder, *travel, "--timestamp", "9000000000", fails=True)
    assert "is no time" in d1(folder, *travel, "--timestamp", "yesterday", fails=True)
    assert "no state with the bookmark `x`" in d1(folder, *travel, "--bookmark", "x", fails=True)
    assert "There is no D1 database `other`" in d1(folder, "time-travel", "info", "other", fails=True)
    assert shown(folder) == [1]


def test_a_database_is_deleted_with_its_history(folder):
    d1(folder, "execute", "app", "--command", "CREATE TABLE t (x)")
    d1(folder, "time-travel", "info", "app")
    assert (folder / ".hognose/d1/1.history.sqlite").exists()
    d1(folder, "delete", "app", "-y")
    assert [file.name for file in (folder / ".hognose/d1").iterdir() if file.suffix == ".sqlite"] == []
    assert json.loads(d1(folder, "list")) == []


def test_a_server_says_what_statements_have_cost(folder, serve):
    d1(folder, "execute", "app", "--command", "CREATE TABLE t (x); INSERT INTO t VALUES (1), (2), (3)")
    assert "dev` runs on" in d1(folder, "insights", "app", fails=True)
    worker = """
async def on_fetch(request, env):
    for number in range(4):
        await env.DB.prepare("INSERT INTO t VALUES (?)").bind(number).run()
    await env.DB.prepare("SELECT max(x) FROM t").first()
    await env.DB.prepare("SELECT x FROM t").all()
    return Response.new("done")
"""
    (folder / "src/index.py").write_text("from js import Response\n" + worker)
    assert serve(folder).fetch("/").text == "done"

    def insights(*options):
        return json.loads(d1(folder, "insights", "app", *options))

    inserted, read, most = "INSERT INTO t VALUES (?)", "SELECT x FROM t", "SELECT max(x) FROM t"
    costly = insights("--sort-by", "count", "--limit", "1", "--json")
    assert [(each["query"], each["numberOfTimesRun"], each["totalRowsWritten"]) for each in costly] == [(inserted, 4, 4)]
    assert costly[0]["avgRowsWritten"] == 1 and costly[0]["totalDurationMs"] >= costly[0]["avgDurationMs"] > 0
    ordered = [each["query"] for each in insights("--sort-by", "reads", "--sort-type", "avg", "--sort-direction", "ASC")]
    assert ordered[0] == inserted and set(ordered[1:]) == {read, most}
    efficiency = {each["query"]: each["queryEfficiency"] for each in insights("--timePeriod", "7d")}
    assert efficiency == {inserted: 0, read: 1, most: pytest.approx(1 / 7)}

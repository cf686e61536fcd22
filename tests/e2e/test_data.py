"""What becomes of data when the server ends, and of the server when data is damaged."""

from harness import run


def posted(server):
    """What code gives that is posted to one of the Workers that run it."""

    def ask(code):
        answer = server.fetch("/raw", "POST", code.encode())
        assert answer.status == 200, answer.text
        return answer.text

    return ask


def test_a_database_outlives_the_server_and_is_named_where_it_is_damaged(serve, project):
    folder = project("d1")
    server = serve(folder)
    assert posted(server)("await db.exec('CREATE TABLE t (x)')\n1") == "1"
    server.close()
    database = folder / ".hognose/d1/app%2f%2e%2e%2f1.sqlite"
    assert database.stat().st_mode & 0o777 == 0o600
    server = serve(folder)
    tables = "await db.prepare('SELECT count(*) AS c FROM sqlite_schema').first('c')"
    assert posted(server)(tables) == "1"
    server.close()
    database.write_bytes(b"no database at all" * 1000)
    server = serve(folder)
    assert "D1 DB cannot be read" in posted(server)(tables)
    server.output.wait_for("app%2f%2e%2e%2f1.sqlite cannot be opened: file is not a database")
    assert posted(server)("await other.prepare('SELECT 1 AS x').first('x')") == "1"


def test_messages_outlive_a_server_that_was_killed(serve, project):
    folder = project("queues")
    server = serve(folder)
    assert run("queues", "pause-delivery", "jobs", folder=folder)[0] == 0
    assert posted(server)("await delayed.send('x')\nawait jobs.send('kept')\n1") == "1"
    server.kill_tree()
    server = serve(folder)
    assert run("queues", "resume-delivery", "jobs", folder=folder)[0] == 0
    server.output.wait_for("GOT jobs 1 str kept of 1")
    assert posted(server)("(await delayed.metrics()).backlogCount") == "1"

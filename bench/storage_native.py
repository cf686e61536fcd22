"""The operations of `workers/storage`, done by Python itself: with `sqlite3`, as durable as hognose's, and with files.
Prints the CPU time of one operation of each kind in microseconds, as JSON."""

import json
import os
import pathlib
import sqlite3
import sys
import tempfile
import time

KEPT = "x" * 100
SMALL = b"x" * 4096
LARGE = b"x" * (8 << 20)


def database(folder):
    connection = sqlite3.connect(folder / "native.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute("PRAGMA synchronous = full")
    connection.execute("CREATE TABLE kv (key TEXT PRIMARY KEY, value BLOB)")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)")
    connection.execute("CREATE TABLE jobs (id INTEGER PRIMARY KEY, body TEXT)")
    connection.execute("INSERT INTO kv VALUES ('key', ?)", [KEPT])
    connection.executemany("INSERT INTO t VALUES (?, ?)", [(number, KEPT) for number in range(100)])
    return connection


def write_file(path, content):
    with open(path.with_suffix(".new"), "wb") as file:
        file.write(content)
        os.fsync(file.fileno())
    path.with_suffix(".new").rename(path)


def batch(connection):
    connection.execute("BEGIN")
    for _ in range(100):
        connection.execute("INSERT INTO t (text) VALUES (?)", [KEPT])
    connection.execute("COMMIT")


def consume(connection):
    rows = connection.execute("SELECT id, body FROM jobs LIMIT 1").fetchall()
    connection.executemany("DELETE FROM jobs WHERE id = ?", [row[:1] for row in rows])


def operations(connection, folder):
    run = connection.execute
    small, large = folder / "small", folder / "large"
    write_file(small, SMALL)
    write_file(large, LARGE)
    return {
        "kv_get": lambda n: run("SELECT value FROM kv WHERE key = 'key'").fetchone(),
        "kv_put": lambda n: run("INSERT OR REPLACE INTO kv VALUES (?, ?)", [f"key{n}", KEPT]),
        "d1_first": lambda n: run("SELECT text FROM t WHERE id = ?", [n % 100]).fetchone(),
        "d1_batch": lambda n: batch(connection),
        "r2_put": lambda n: write_file(folder / f"small{n}", SMALL),
        "r2_get": lambda n: small.read_bytes(),
        "r2_put_large": lambda n: write_file(large, LARGE),
        "r2_get_large": lambda n: large.read_bytes(),
        "queue_send": lambda n: (run("INSERT INTO jobs (body) VALUES ('x')"), consume(connection)),
    }


def main():
    counts = json.loads(sys.argv[1])
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name, operation in operations(database(folder), folder).items():
            begun = time.process_time()
            for number in range(counts[name]):
                operation(number)
            figures[name] = (time.process_time() - begun) / counts[name] * 1e6
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

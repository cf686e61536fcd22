"""Asks a database in memory."""

REQUIRES = ["duckdb"]


def main(port):
    import duckdb

    connection = duckdb.connect()
    rows = connection.execute("select i % 3 as k, sum(i) from range(10) t(i) group by k order by k").fetchall()
    assert rows == [(0, 18), (1, 12), (2, 15)]

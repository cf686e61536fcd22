"""Speaks to a server that is no database, from C."""

REQUIRES = ["psycopg[binary]"]


def main(port):
    import psycopg

    assert psycopg.pq.version() > 0
    try:
        psycopg.connect(f"host=127.0.0.1 port={port} user=nobody connect_timeout=5")
    except psycopg.OperationalError as error:
        # A server of another kind answered: the library's own socket came through.
        assert "response" in str(error) or "closed the connection" in str(error), error
    else:
        raise AssertionError("that was no database")

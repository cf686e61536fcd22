"""Asks PostgreSQL by libpq, whose sockets are C's: parameters, a transaction that is undone, and COPY."""

REQUIRES = ["psycopg[binary]"]


def main(ports):
    import psycopg

    address = f"host=127.0.0.1 port={ports['postgres']} user=hognose password=secret dbname=postgres"
    with psycopg.connect(address) as connection:
        connection.execute("CREATE TEMP TABLE notes (id serial PRIMARY KEY, text text)")
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO notes (text) VALUES (%s)", [("one",), ("two",)])
            with cursor.copy("COPY notes (text) FROM STDIN") as copy:
                copy.write_row(("three",))
        try:
            with connection.transaction():
                connection.execute("DELETE FROM notes")
                raise LookupError
        except LookupError:
            pass
        rows = connection.execute("SELECT text FROM notes WHERE id > %s ORDER BY id", (1,)).fetchall()
    assert rows == [("two",), ("three",)], rows

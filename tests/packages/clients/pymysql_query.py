"""Asks MariaDB: parameters, a transaction that is undone, bytes that are no text."""

REQUIRES = ["pymysql"]


def main(ports):
    import pymysql

    address = {"host": "127.0.0.1", "port": ports["mariadb"], "user": "hognose", "password": "secret"}
    with pymysql.connect(**address, database="test", charset="utf8mb4") as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE notes (id INT AUTO_INCREMENT PRIMARY KEY, text TEXT, raw BLOB)")
        cursor.execute("INSERT INTO notes (text, raw) VALUES (%s, %s)", ("schön 🐍", bytes(range(256))))
        connection.commit()
        cursor.execute("DELETE FROM notes")
        connection.rollback()
        cursor.execute("SELECT text, raw FROM notes")
        assert cursor.fetchall() == (("schön 🐍", bytes(range(256))),)

"""Hashes a password."""

REQUIRES = ["bcrypt"]


def main(port):
    import bcrypt

    hashed = bcrypt.hashpw(b"password", bcrypt.gensalt(4))
    assert bcrypt.checkpw(b"password", hashed) and not bcrypt.checkpw(b"another", hashed)

"""Packs and unpacks."""

REQUIRES = ["msgpack"]


def main(port):
    import msgpack

    value = {"a": [1, 2.5, b"bytes", None]}
    assert msgpack.unpackb(msgpack.packb(value)) == value

"""Compresses."""

REQUIRES = ["brotli"]


def main(port):
    import brotli

    data = b"some text " * 1000
    assert brotli.decompress(brotli.compress(data)) == data

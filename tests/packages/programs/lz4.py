"""Compresses."""

REQUIRES = ["lz4"]


def main(port):
    import lz4.frame

    data = b"some text " * 1000
    assert lz4.frame.decompress(lz4.frame.compress(data)) == data

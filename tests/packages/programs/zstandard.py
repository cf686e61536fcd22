"""Compresses with two threads."""

REQUIRES = ["zstandard"]


def main(port):
    import zstandard

    data = b"some text " * 10000
    packed = zstandard.ZstdCompressor(level=3, threads=2).compress(data)
    assert len(packed) < 1000 and zstandard.ZstdDecompressor().decompress(packed) == data

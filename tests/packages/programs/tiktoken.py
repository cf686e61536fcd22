"""Encodes and decodes by its own small table."""

REQUIRES = ["tiktoken"]


def main(port):
    import tiktoken

    ranks = {bytes([byte]): byte for byte in range(256)} | {b"he": 256, b"ll": 257}
    encoding = tiktoken.Encoding("small", pat_str=r"\w+|\s+", mergeable_ranks=ranks, special_tokens={})
    assert encoding.encode("hello") == [256, 257, 111] and encoding.decode([256, 257, 111]) == "hello"

"""A dozen packages with native code do their work in a locked cell; `tests/packages` has the rest of them."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "packages"))
from corpus import echo, project, run

# Small downloads, and each of a kind: BLAS, Rust, C, C++, OpenSSL, sockets from C, stacks of their own.
NAMES = [
    "aiohttp",
    "bcrypt",
    "cffi",
    "cryptography",
    "greenlet",
    "httpx",
    "lxml",
    "msgpack",
    "numpy",
    "orjson",
    "psycopg",
    "pydantic",
    "requests",
    "regex",
    "uvloop",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from harness import Server

    folder = project(tmp_path_factory.mktemp("packages") / "corpus", NAMES)
    server = Server(["dev", str(folder), "--port", "0"], folder)
    yield server
    server.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_package_does_its_work(server, name):
    with echo() as port:
        assert run(server, name, port) == ""

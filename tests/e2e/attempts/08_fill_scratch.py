"""Takes all the space there is."""

import tempfile
from pathlib import Path

# In a container a file has a largest size; the sum of them has not.
ONLY_FULL = {"write_many_large_files", "write_very_many_files"}


def write_one_large_file(outside):
    path = Path(tempfile.mkdtemp()) / "large"
    try:
        path.write_bytes(bytes(outside["scratch_bytes"] + 1))
    finally:
        path.unlink()


def write_many_large_files(outside):
    folder = Path(tempfile.mkdtemp())
    half = outside["scratch_bytes"] // 2
    try:
        for number in range(3):
            (folder / str(number)).write_bytes(bytes(half))
    finally:
        for path in folder.iterdir():
            path.unlink()


def write_very_many_files(outside):
    folder = Path(tempfile.mkdtemp())
    try:
        for number in range(2000):
            (folder / str(number)).touch()
    finally:
        for path in folder.iterdir():
            path.unlink()


def open_very_many_files(outside):
    path = Path(tempfile.mkdtemp()) / "file"
    path.touch()
    opened = [path.open() for _ in range(1100)]
    for file in opened:
        file.close()

"""Makes files that are more than files."""

import os
import stat
import tempfile
from pathlib import Path

NEEDS_ROOT = {"make_a_device"}


def make_a_device(outside):
    os.mknod(Path(tempfile.mkdtemp()) / "zero", stat.S_IFCHR | 0o600, os.makedev(1, 5))


def set_user_id(outside):
    path = Path(tempfile.mkdtemp()) / "program"
    path.touch()
    path.chmod(0o4755)

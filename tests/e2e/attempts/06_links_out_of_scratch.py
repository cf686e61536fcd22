"""Reaches a file outside by another name in the scratch folder."""

import os
import tempfile
from pathlib import Path


def climb(outside):
    return open(os.path.relpath(outside["file"], tempfile.gettempdir())).read()


def link_symbolically(outside):
    link = Path(tempfile.mkdtemp()) / "link"
    link.symlink_to(outside["file"])
    return link.read_text()


def link_hard(outside):
    link = Path(tempfile.mkdtemp()) / "link"
    link.hardlink_to(outside["file"])
    return link.read_text()

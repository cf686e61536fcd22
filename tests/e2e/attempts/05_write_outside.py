"""Leaves something outside of the scratch folder."""

from pathlib import Path


def write_beside_the_project(outside):
    path = Path(outside["file"]).with_name("written.txt")
    path.write_text("x")
    path.unlink()


def write_for_all(outside):
    path = Path("/var/tmp/hognose-attempt.txt")
    path.write_text("x")
    path.unlink()

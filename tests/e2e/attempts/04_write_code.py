"""Changes the code that runs."""

import os
from pathlib import Path

import system


def write_own_code(outside):
    path = Path(system.__file__).with_name("more.py")
    path.write_text("x = 1")
    path.unlink()


def write_the_standard_library(outside):
    path = Path(os.__file__).with_name("hognose_attempt.txt")
    path.write_text("x")
    path.unlink()


def remove_own_code(outside):
    victim = Path(system.__file__).with_name("victim.txt")
    victim.write_text("x")
    victim.unlink()

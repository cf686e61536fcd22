"""Starts programs."""

import subprocess

import system


def run_a_program(outside):
    subprocess.run(["/bin/true"], check=True)


def execute(outside):
    return system.reach("execve", b"/nowhere", 0, 0)


def execute_a_descriptor(outside):
    return system.reach("execveat", -1, b"nowhere", 0, 0, 0)


def make_a_program_in_memory(outside):
    return system.call("memfd_create", b"program", 0)

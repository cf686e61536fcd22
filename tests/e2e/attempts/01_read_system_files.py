"""Reads what only belongs to the machine."""


def read_passwords(outside):
    return open("/etc/passwd").read(4)


def read_beside_the_project(outside):
    return open(outside["file"]).read()

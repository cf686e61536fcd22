"""Hashes a password, with two threads."""

REQUIRES = ["argon2-cffi"]


def main(port):
    from argon2 import PasswordHasher

    hasher = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=2)
    assert hasher.verify(hasher.hash("password"), "password")

"""Guards around entropy at import time, of which hognose needs none."""

from contextlib import contextmanager


@contextmanager
def allow_bad_entropy_calls(n):
    """Upstream lets ``n`` calls of getentropy through; here all pass."""
    yield


def in_request_context():
    """Whether entropy may be used: always."""
    return True


def should_allow_entropy_call():
    """Whether the next call may pass: always."""
    return True


def raise_unless_entropy_allowed():
    """Never raises."""


def is_bad_entropy_enabled():
    """Whether upstream's fixed seed is in use: never."""
    return False


def get_bad_entropy_flag():
    """Upstream's flag for the same."""
    return False

"""Noting what a Worker's own code does at its top level that Cloudflare refuses there: it draws random numbers, which
every isolate would share, or it uses the network."""

import os
import random
import socket
import sys
from pathlib import Path

_STDLIB = str(Path(os.__file__).parent)
_RANDOM = "draws random numbers at the top level, where all isolates get the same and Cloudflare refuses it"
_NETWORK = "uses the network at the top level, where Cloudflare refuses it"
_PATCHED = (
    (os, "urandom", _RANDOM),
    (random, "_urandom", _RANDOM),
    (socket.socket, "connect", _NETWORK),
    (socket.socket, "connect_ex", _NETWORK),
    (socket, "getaddrinfo", _NETWORK),
)

_root = ""
_originals = []
_state = None
_warnings = {}


def start(root: str) -> None:
    """Notes from now on what code below ``root`` does."""
    global _root, _state
    _root, _state = root, random.getstate()
    _warnings.clear()
    for owner, name, warning in _PATCHED:
        original = owner.__dict__.get(name)
        _originals.append((owner, name, original))
        setattr(owner, name, _noting(getattr(owner, name), warning))


def stop() -> list[str]:
    """Stops noting and gives what to tell the user."""
    for owner, name, original in _originals:
        if original is None:
            delattr(owner, name)
        else:
            setattr(owner, name, original)
    _originals.clear()
    if random.getstate() != _state and not any(_RANDOM in warning for warning in _warnings):
        _warnings[f"the Worker {_RANDOM}: do it in a handler"] = None
    return list(_warnings)


def _noting(function, warning):
    def noted(*args, **options):
        place = _place(sys._getframe(1))
        if place is not None:
            _warnings[f"{place} {warning}: do it in a handler"] = None
        return function(*args, **options)

    return noted


def _place(frame) -> str | None:
    """The Worker's line that asked for it, unless a package did, or an import of one."""
    while frame is not None and frame.f_code.co_filename.startswith(_STDLIB):
        frame = frame.f_back
    if frame is None or not _is_own(frame.f_code.co_filename):
        return None
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _is_own(file: str) -> bool:
    """Whether the file is the Worker's, and not of a package that lies in a folder within the Worker's."""
    folders = [folder for folder in sys.path if file.startswith(folder + os.sep)]
    return max(folders, key=len, default="") == _root

"""Cloudflare Python Workers on your own machines.

The command ``hognose`` is written in Rust and lives in the extension module ``hognose._hognose``; Python only starts it
(see ``hognose.__main__``). Nothing here is imported by a Worker.
"""


def __getattr__(name: str) -> str:
    # Looked up only when asked for: reading the metadata takes longer than all else that the command does at its start.
    if name == "__version__":
        from importlib.metadata import version

        return version("hognose")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Cloudflare Python Workers on your own machines.

The command ``hognose`` is written in Rust and lives in the extension module ``hognose._hognose``; Python only starts it
(see ``hognose.__main__``). Nothing here is imported by a Worker.
"""

from importlib.metadata import version

__version__ = version("hognose")

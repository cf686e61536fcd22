"""`pyodide.http.open_url` fetches by the `XMLHttpRequest` of browsers, which Workers lack. It is given one that waits on
the Python stack, so that nobody else waits.
"""

import importlib.machinery
import sys

_MODULE = "pyodide.http"


def install() -> None:
    """Has the module get it when it is imported."""
    sys.meta_path.insert(0, _Finder)


class _Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != _MODULE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None:
            spec.loader = _Loader(name, spec.origin)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module):
        super().exec_module(module)
        module.__dict__.setdefault("XMLHttpRequest", _Request)


class _Request:
    """What `open_url` uses of it."""

    response = ""

    @classmethod
    def new(cls):
        return cls()

    def open(self, method, url, asynchronous):
        self._method, self._url = method, url

    def send(self):
        from pyodide.ffi import run_sync

        self.response = run_sync(self._text())

    async def _text(self):
        from js import fetch

        response = await fetch(self._url, method=self._method)
        return await response.text()

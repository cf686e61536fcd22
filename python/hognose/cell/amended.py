"""Modules of others that get something of ours when they are imported. What they say and do stays theirs."""

import importlib.machinery
import sys

from . import rpc, urls

_AMENDMENTS = {"pyodide.http": urls.amend, "workers.rpc": rpc.amend}


def install() -> None:
    """Has these modules amended, whenever and from wherever they are imported."""
    sys.meta_path.insert(0, _Finder)


class _Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in _AMENDMENTS:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Loader(name, spec.origin)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module):
        super().exec_module(module)
        _AMENDMENTS[module.__name__](module)

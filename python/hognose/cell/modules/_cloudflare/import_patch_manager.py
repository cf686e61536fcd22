"""Patches that run around the import of a named module.

A patch is a function that takes the module and returns a context manager; the module is created or executed inside
it. Only ``anyio.to_thread`` is patched here: the SDK's other patches work around what WebAssembly lacks or guard
entropy, and both are at hand natively.
"""

import importlib.abc
import importlib.util
import sys

_PATCHED = frozenset({"anyio.to_thread"})
_exec_patches = {}


def _register(table, name, patch):
    if patch is None:
        return lambda function: _register(table, name, function)
    if name in _PATCHED:
        table[name] = patch
    return patch


def register_create_patch(name, cm=None):
    """Upstream wraps the creation of the module; no module that hognose patches needs that."""
    return _register({}, name, cm)


def register_exec_patch(name, cm=None):
    """Wraps the execution of the module ``name`` in ``cm(module)``."""
    return _register(_exec_patches, name, cm)


def register_after_snapshot(name, f=None):
    """Upstream calls this when a snapshot is restored; hognose has forks instead, and reseeds them itself."""
    return _register({}, name, f)


def register_before_first_request(name, f=None):
    """As :func:`register_after_snapshot`."""
    return _register({}, name, f)


def block_calls(module, *, allowlist=()):
    """Upstream forbids the module's functions until the first request; here they may be called."""


class _PatchingLoader(importlib.abc.Loader):
    def __init__(self, loader, patch):
        self._loader = loader
        self._patch = patch

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        with self._patch(module):
            self._loader.exec_module(module)


class _PatchingFinder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        patch = _exec_patches.get(name)
        if patch is None:
            return None
        for finder in sys.meta_path:
            if finder is not self and (spec := finder.find_spec(name, path, target)) is not None:
                spec.loader = _PatchingLoader(spec.loader, patch)
                return spec
        return None


_finder = _PatchingFinder()


def install_import_patch_manager():
    """Lets registered patches take effect from now on."""
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def remove_import_patch_manager():
    """Imports from now on are not patched."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)


install_import_patch_manager()

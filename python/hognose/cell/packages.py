"""Importing what a Worker's code imports of installed packages before it does anything else, once for all versions of
the code: what comes after the first other statement may depend on that statement, and is left to each version.
"""

import ast
import importlib.machinery
import os
import sys
from pathlib import Path

# Modules without files that a Worker may have beside the standard library's.
_OWN = frozenset({"js", "pyodide", "pyodide_js", "workers"})

# What this process imported, when it was made for that.
_imported: list[str] | None = None


def import_leading(main: str, module_root: str) -> None:
    """Imports them. Raises what an import raises."""
    global _imported
    imports = _leading_imports(main, module_root)
    for name, members in imports:
        __import__(name, fromlist=members)
    _imported = [name for name, _ in imports]


def are_outdated(main: str, module_root: str) -> bool:
    """Whether the code begins with other imports by now than those that were done for it."""
    if _imported is None:
        return False
    return _imported != [name for name, _ in _leading_imports(main, module_root)]


def _leading_imports(main: str, module_root: str) -> list[tuple[str, tuple[str, ...]]]:
    reader = _Reader(module_root)
    reader.follows_file(Path(module_root, main))
    return reader.imports


class _Reader:
    """Follows imports in the order in which Python would do them; each method says whether it could to the end."""

    def __init__(self, module_root: str):
        self.imports: list[tuple[str, tuple[str, ...]]] = []
        self._root = module_root
        self._packages = [folder for folder in sys.path if folder != module_root]
        self._files: set[Path] = set()

    def follows_file(self, file: Path) -> bool:
        if file in self._files:
            return True
        self._files.add(file)
        try:
            statements = ast.parse(file.read_bytes()).body
        except (OSError, RecursionError, SyntaxError, ValueError):
            return False
        return all(map(self._follows, statements))

    def _follows(self, statement: ast.stmt) -> bool:
        match statement:
            case ast.Expr(value=ast.Constant()):
                return True
            case ast.Import(names=names):
                return all(self._follows_module(name.name, ()) for name in names)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                return self._follows_module(module, tuple(name.name for name in names))
        return False

    def _follows_module(self, name: str, members: tuple[str, ...]) -> bool:
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or top in _OWN:
            return True
        if self._is_in(top, [self._root]):
            submodules = [f"{name}.{member}" for member in members if self._own_file(f"{name}.{member}")]
            return all(self._follows_own(module) for module in (name, *submodules))
        if not self._is_in(top, self._packages):
            return False
        self.imports.append((name, members))
        return True

    def _follows_own(self, name: str) -> bool:
        """Follows a module of the Worker's, after the packages of the Worker's that it is in."""
        parts = name.split(".")
        files = [self._own_file(".".join(parts[: end + 1])) for end in range(len(parts))]
        return all(file is not None and self.follows_file(file) for file in files)

    def _own_file(self, name: str) -> Path | None:
        path = Path(self._root, *name.split("."))
        files = path / "__init__.py", path.with_name(f"{path.name}.py")
        return next((file for file in files if file.is_file()), None)

    @staticmethod
    def _is_in(name: str, folders: list[str]) -> bool:
        return importlib.machinery.PathFinder.find_spec(name, folders) is not None

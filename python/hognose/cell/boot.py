"""Preparing the interpreter of a base: import paths, event loop, standard streams.

A base starts with ``-I -S``: nothing but the standard library is importable until this has run, and it runs inside
the lock, since the ``.pth`` lines of installed packages are code.
"""

import asyncio
import importlib.machinery
import importlib.util
import os
import site
import sys
from pathlib import Path

# What a Worker may import of hognose's own environment; the rest of it (and whatever the user installed beside
# hognose) stays out of sight.
_OWN_PACKAGES = frozenset(
    {
        "_pyodide",
        "_workers_sdk_entropy_import_context",
        "_workers_sdk_package_patches",
        "_workers_sdk_patch_loader",
        "asgi",
        "hognose",
        "pyodide",
        "workers",
    }
)


# How many entries of sys.path are the standard library's: all that the interpreter starts with.
_stdlib_entries = 0


class OwnPackageFinder:
    """Finds the packages that hognose brings, after everything that the Worker installed itself."""

    def __init__(self, folders: list[str]):
        self._folders = folders

    def find_spec(self, name, path=None, target=None):
        if path is not None or name not in _OWN_PACKAGES:
            return None
        return importlib.machinery.PathFinder.find_spec(name, self._folders, target)


def prepare_imports(runtime_dirs: list[str]) -> None:
    """Makes hognose's own packages importable: everything that needs no package of a Worker's comes from here."""
    global _stdlib_entries
    _stdlib_entries = len(sys.path)
    sys.dont_write_bytecode = True
    sys.path.append(str(Path(__file__).parent / "modules"))
    sys.meta_path.append(OwnPackageFinder(runtime_dirs))
    # `exit`, `help` and their like, which the interpreter started without `site` lacks.
    site.setquit()
    site.setcopyright()
    site.sethelper()


def add_packages(site_dirs: list[str]) -> None:
    """Makes installed packages importable and processes their ``.pth`` files."""
    for folder in site_dirs:
        site.addsitedir(folder)
    if importlib.util.find_spec("workers") is not None:
        # The SDK brings its patches by a .pth file, which only counts in a folder that was added as a whole.
        import _workers_sdk_patch_loader  # noqa: F401


def package_file(path: str) -> str | None:
    """Where a file of an installed package lies; the path begins with the package's name."""
    package, _, rest = path.partition("/")
    spec = importlib.util.find_spec(package)
    folders = (spec and spec.submodule_search_locations) or ()
    found = (Path(folder) / rest for folder in folders)
    return next((str(file) for file in found if file.is_file()), None)


def add_worker(module_root: str, python_modules: str | None) -> None:
    """Makes a Worker's own modules importable: after the standard library, before installed packages."""
    sys.path.insert(_stdlib_entries, module_root)
    if python_modules is not None:
        sys.path.insert(_stdlib_entries + 1, python_modules)
        site.addsitedir(python_modules)


def prepare_environment() -> None:
    """Says what libraries ask the environment for, in a cell."""
    os.environ.update(
        # Names come from the supervisor, over a stream: the only kind of socket that a cell can connect.
        RES_OPTIONS="use-vc",
        # A thread that numpy's library starts at import could not be shared by forks.
        OPENBLAS_NUM_THREADS="1",
        # As whom Pyodide runs. The machine's list of users is out of sight, and `getpass.getuser()` would fail.
        USER="web_user",
        LOGNAME="web_user",
    )


def use_scratch(folder: str) -> None:
    """Makes the private folder the home, the temporary folder and the current folder."""
    os.environ.update(HOME=folder, TMPDIR=folder, TMP=folder, TEMP=folder)
    os.chdir(folder)


def start_asyncio() -> None:
    """Replaces Pyodide's WebLoop by the native loop, and what it takes from browsers; ``pyodide`` must have been imported."""
    from . import amended, nested
    from .loop import HognoseLoop

    loop = HognoseLoop()
    nested.install(loop)
    amended.install()
    sys.set_asyncgen_hooks(firstiter=loop._asyncgen_firstiter_hook, finalizer=loop._asyncgen_finalizer_hook)


def after_fork() -> None:
    """Mends what asyncio resets in a forked child: the child goes on with its parent's loop."""
    asyncio._set_running_loop(asyncio.get_event_loop())


def threads() -> list[str]:
    """The names of threads that are running beside the first one."""
    import threading

    return [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]

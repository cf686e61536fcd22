"""Puts the bridge up in the interpreter that runs pytest, once, with small doubles of the web's globals.

The module `ffi_module` is the example of crates/ffi; `FFI_MODULE` names its folder if that is not on `sys.path`.
"""

import asyncio
import os
import weakref
import sys
from pathlib import Path

import pytest

GLOBALS = """
globalThis.fetch = async () => undefined;
globalThis.Request = class Request {};
globalThis.AbortController = class AbortController {};
globalThis.AbortSignal = class AbortSignal { static any(signals) { return signals[0]; } };
for (const name of ["setTimeout", "setInterval", "clearTimeout", "clearInterval"]) {
  globalThis[name] = () => 0;
}
"""


def import_module():
    folder = Path(__file__).resolve().parents[2] / "target" / "debug" / "examples"
    built = Path(os.environ.get("FFI_MODULE", folder / "libffi_module.so"))
    from importlib.machinery import ExtensionFileLoader
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("ffi_module", built, loader=ExtensionFileLoader("ffi_module", str(built)))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# The Pyodide that belongs to this Python: what is newer is skipped.
PYODIDE = {12: 26, 13: 28, 14: 314}[sys.version_info.minor]


def pytest_configure(config):
    config.addinivalue_line("markers", "since(pyodide): needs what that version of Pyodide brought")


def pytest_runtest_setup(item):
    for mark in item.iter_markers("since"):
        if mark.args[0] > PYODIDE:
            pytest.skip(f"new in Pyodide {mark.args[0]}")


ffi_module = import_module()
ffi_module.install(GLOBALS)


@pytest.fixture
def run():
    """Runs a coroutine on pyodide-py's own loop, which the event loop of the crate drives."""

    def run(coroutine):
        task = asyncio.ensure_future(coroutine)
        ffi_module.run_until(task.done)
        assert task.done(), "the event loop has nothing left to do, and the task waits"
        return task.result()

    return run


@pytest.fixture
def idle():
    """Lets the event loop wait for a timer until the object behind a weak reference is gone."""
    event_loop = ffi_module.event_loop

    def idle(until):
        weakref.finalize(until(), event_loop.call_soon_threadsafe, int)
        timer = event_loop.call_at(60, 60, int)
        ffi_module.run_until(lambda: until() is None)
        timer.cancel()

    return idle


@pytest.fixture(scope="session")
def counts():
    """Counts PyProxies that have their object, and JavaScript objects."""
    return ffi_module.counts


@pytest.fixture(scope="session")
def freeze():
    """Takes everything that exists out of the collectors' sight."""
    return ffi_module.freeze


@pytest.fixture(scope="session")
def run_js_gc():
    """Runs JavaScript's own collection of cycles."""
    return ffi_module.run_js_gc


@pytest.fixture(scope="session")
def run_js():
    from pyodide.code import run_js

    return run_js

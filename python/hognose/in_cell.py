"""The half of `hognose.pytest` that runs tests inside a Worker's cell.

A test that takes `env`, `ctx` or `js` runs there, not in pytest's process: it is sent to a server that was started for it
with a main module of ours (`hognose.cell.testing`) around the Worker's own. That module needs a folder in which the
Worker's modules, the helpers beside the tests, and pytest itself can be imported: `Modules`.
"""

import importlib.util
import inspect
import json
import pickle
import secrets
import shutil
import subprocess
import sys
import types
from functools import partial
from pathlib import Path

import pytest

from hognose.cell.testing import HEADER

# What a test may take in the cell.
OWN = ("ctx", "env", "js")

# The packages that `import pytest` needs.
PYTEST = ("_pytest", "iniconfig", "packaging", "pluggy", "py", "pygments", "pytest")

# The module that the server is told to serve.
MAIN = "hognose_tested.py"

# A test's output and its answer take different ways. The line that begins so, printed after the test, says that all of the
# output is there.
MARK = "hognose-test-ended-"

NOT_MODULES = shutil.ignore_patterns(".*", "node_modules", "python_modules", "__pycache__")


class Modules:
    """A folder with everything that tests import in the cell, but for installed packages."""

    def __init__(self, folder, project, tests):
        described = _describe(project)
        main = Path(described["main"])
        if main.suffix != ".py":
            pytest.fail(f"`env`, `ctx` and `js` are for Workers in Python, and `{main}` is none", pytrace=False)
        base = Path(described["base_dir"])
        self.main = folder / MAIN
        self.secret = secrets.token_hex()
        shutil.copytree(base, folder, ignore=NOT_MODULES, dirs_exist_ok=True)
        for helper in tests.glob("*.py"):
            if not helper.name.startswith(("test_", "conftest.")) and not (folder / helper.name).exists():
                shutil.copy2(helper, folder)
        for package in PYTEST:
            _copy_package(package, folder)
        name = ".".join(main.relative_to(base).with_suffix("").parts)
        self.main.write_text(f"from hognose.cell.testing import export\n\nexport({name!r}, globals(), {self.secret!r})\n")


def _describe(project):
    """What `hognose check` says of the project."""
    command = [sys.executable, "-m", "hognose", "check", "--json", str(project)]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        pytest.fail(f"The Worker is not served:\n{ended.stderr}", pytrace=False)
    return json.loads(ended.stdout)[0]


def _copy_package(name, folder):
    """Copies an installed package with its compiled files, which stay valid since times are copied too."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return
    source = Path(spec.origin)
    if source.name != "__init__.py":
        shutil.copy2(source, folder)
    elif not (folder / name).exists():
        shutil.copytree(source.parent, folder / name)


def call(item, worker):
    """Runs a test in the cell of a Worker that serves, and ends as it ended, when all that it prints has come."""
    mark, printed = MARK + secrets.token_hex(), len(worker.output)
    own = [name for name in item._fixtureinfo.argnames if name in OWN]
    arguments = {name: item.funcargs[name] for name in item._fixtureinfo.argnames if name not in OWN}
    function = item.obj
    body = {
        "file": str(item.path),
        "source": item.path.read_text(),
        "module": item.module.__name__,
        "path": inspect.unwrap(function).__qualname__.split("."),
        "own": own,
        "arguments": _pickled(arguments),
        "mark": mark,
    }
    answer = worker.fetch("/", "POST", pickle.dumps(body), {HEADER: worker.secret})
    if answer.status != 200:
        pytest.fail(f"The test could not be run in the Worker:\n{answer.text}", pytrace=False)
    worker._wait_for(mark, printed)
    ended = answer.json()
    if ended["outcome"] == "skipped":
        pytest.skip(ended["text"])
    if ended["outcome"] == "xfailed":
        pytest.xfail(ended["text"])
    if ended["outcome"] == "failed":
        pytest.fail(ended["text"], pytrace=False)


def without_marks(output):
    """What was printed, but for the lines that say that a test has ended."""
    return "".join(line for line in output.splitlines(keepends=True) if MARK not in line)


def _pickled(arguments):
    for name, value in arguments.items():
        try:
            pickle.dumps(value)
        except Exception:
            pytest.fail(
                f"`{name}` cannot go into the Worker's process, where a test that takes `env`, `ctx` or `js` runs: "
                f"it takes plain data, not a {type(value).__name__}",
                pytrace=False,
            )
    return pickle.dumps(arguments)


class Elsewhere:
    """Stands for what is in `js`, so that a module of tests can be imported here; it is of use in the cell only."""

    def __init__(self, name):
        self._name = name

    def __getattr__(self, name):
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return Elsewhere(f"{self._name}.{name}")

    def __call__(self, *_arguments, **_options):
        raise RuntimeError(f"`{self._name}` is in the Worker's process only: the test has to take `env` or `js`")


def offer_js():
    """Lets modules of tests import `js` and, with `workers`, the Worker's own modules, where pytest collects them."""
    for name in ("js", "_cloudflare_compat_flags", "_pyodide_entrypoint_helper"):
        if importlib.util.find_spec(name) is None:
            module = types.ModuleType(name)
            module.__getattr__ = partial(getattr, Elsewhere(name))
            sys.modules[name] = module

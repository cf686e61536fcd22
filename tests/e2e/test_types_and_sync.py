"""`hognose types` and `hognose sync`: what editors know of a project, and its packages beside it."""

import ast
import json

import pytest
from harness import run

CONFIGURATION = """\
main = "src/entry.py"
kv_namespaces = [{ binding = "NOTES", id = "notes" }, { binding = "not-a-name", id = "x" }]
d1_databases = [{ binding = "DB", database_name = "db", database_id = "db" }]
r2_buckets = [{ binding = "FILES", bucket_name = "files" }]
rate_limits = []

[[queues.producers]]
binding = "JOBS"
queue = "jobs"

[[vectorize]]
binding = "INDEX"
index_name = "index"

[vars]
GREETING = "say \\"hi\\""
LIMITS = { most = 3 }
"""

# Runs in a Worker: which members that the stubs promise are not there.
ENTRY = """\
import json

import js
from js import Response


async def on_fetch(request, env):
    classes, members = json.loads(await request.text())
    missing = []
    for name, promised in classes.items():
        kind = getattr(js, name, None)
        if kind is not None and hasattr(kind, "prototype"):
            missing += [f"{name}.{member}" for member in promised if not js.Reflect.has(kind.prototype, member)]
    for name, kind in members.items():
        missing += [f"env.{name}.{member}" for member in classes.get(kind, []) if not hasattr(getattr(env, name), member)]
    return Response.new(json.dumps(missing))
"""


@pytest.fixture
def typed(project):
    return project(files={"wrangler.toml": CONFIGURATION, "src/entry.py": ENTRY, ".dev.vars": "TOKEN=hush\n"})


def stubs(folder):
    return ast.parse((folder / "src/js-stubs/__init__.pyi").read_text())


def attributes(tree, name):
    found = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    return {node.target.id: ast.unparse(node.annotation) for node in found.body if isinstance(node, ast.AnnAssign)}


def test_types_writes_a_class_with_what_is_in_env(typed):
    code, output = run("types", folder=typed)
    assert code == 0, output
    assert attributes(stubs(typed), "Env") == {
        "DB": "D1Database",
        "FILES": "R2Bucket",
        "GREETING": "Literal['say \"hi\"']",
        "INDEX": "Vectorize",
        "JOBS": "Queue",
        "LIMITS": "Any",
        "NOTES": "KVNamespace",
        "TOKEN": "str",
    }
    assert "hush" not in (typed / "src/js-stubs/__init__.pyi").read_text()


def test_types_takes_wranglers_options(typed):
    options = ["types", "-o", "lib", "--env-interface", "Bindings", "--strict-vars", "false"]
    assert run(*options, folder=typed)[0] == 0
    tree = ast.parse((typed / "lib/js-stubs/__init__.pyi").read_text())
    assert attributes(tree, "Bindings")["GREETING"] == "str"
    code, output = run("types", "--env-interface", "not a name", folder=typed)
    assert code == 2 and "not a name that Python takes" in output


def test_types_check_tells_stubs_that_are_out_of_date(typed):
    code, output = run("types", "--check", folder=typed)
    assert code == 1 and "Run `hognose types`" in output
    assert run("types", folder=typed)[0] == 0
    assert run("types", "--check", folder=typed)[0] == 0
    (typed / "wrangler.toml").write_text(CONFIGURATION.replace("DB", "DATA"))
    assert run("types", "--check", folder=typed)[0] == 1


def test_the_stubs_promise_nothing_that_is_not_there(typed, serve):
    assert run("types", folder=typed)[0] == 0
    tree = stubs(typed)
    classes = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            static = ("new", "error", "json", "redirect", "object_values") if node.name in ("Response", "WebSocketPair") else ("new",)
            methods = [member.name for member in node.body if isinstance(member, ast.FunctionDef)]
            fields = [member.target.id for member in node.body if isinstance(member, ast.AnnAssign)]
            classes[node.name] = [name for name in methods + fields if name not in static and not name.startswith("__")]
    posted = json.dumps([classes, {name: kind for name, kind in attributes(tree, "Env").items() if kind in classes}])
    assert serve(typed).fetch("/", "POST", posted.encode()).json == []


def test_types_outside_a_project_says_what_to_add(tmp_path):
    code, output = run("types", folder=tmp_path)
    assert code == 1
    assert "No Wrangler configuration" in output and "hint: `hognose init NAME`" in output


PYPROJECT = """\
[project]
name = "synced"
version = "0"
dependencies = ["greeting"]

[tool.uv.sources]
greeting = { path = "greeting" }

[tool.pywrangler]
allow-build = true
"""

# A package that needs nothing to be built with: its backend writes the wheel.
BACKEND = """\
import zipfile

INFO = "greeting-1.dist-info"

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "greeting-1-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr("greeting.py", "def greet(): return 'synced'")
        wheel.writestr(f"{INFO}/METADATA", "Metadata-Version: 2.1\\nName: greeting\\nVersion: 1\\n")
        wheel.writestr(f"{INFO}/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{INFO}/RECORD", "")
    return name
"""


@pytest.fixture
def packaged(project):
    """A project that asks for a package which lies beside it."""
    files = {
        "wrangler.toml": 'main = "src/entry.py"\n',
        "src/entry.py": "import greeting\nfrom js import Response\n\ndef on_fetch(request):\n    return Response.new(greeting.greet())\n",
        "pyproject.toml": PYPROJECT,
        "greeting/backend.py": BACKEND,
        "greeting/pyproject.toml": '[project]\nname = "greeting"\nversion = "1"\n[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
    }
    return project(files=files)


def test_what_sync_installs_is_served_without_installing_again(packaged, serve):
    code, output = run("sync", folder=packaged)
    assert code == 0, output
    assert (packaged / "python_modules/greeting.py").is_file()
    server = serve(packaged)
    assert server.fetch("/").text == "synced"
    assert "Installing" not in server.output.text
    assert list((packaged / ".hognose/packages").iterdir()) == []


def test_sync_installs_when_something_has_changed(packaged):
    assert run("sync", folder=packaged)[0] == 0
    assert "up to date" in run("sync", folder=packaged)[1]
    assert "Installing 1 package" in run("sync", "--force", folder=packaged)[1]
    (packaged / "pyproject.toml").write_text(PYPROJECT + "\n# changed\n")
    assert "Installing 1 package" in run("sync", folder=packaged)[1]


def test_a_sync_that_fails_leaves_what_was_there(packaged):
    assert run("sync", folder=packaged)[0] == 0
    (packaged / "greeting/backend.py").write_text("broken")
    code, output = run("sync", "--force", folder=packaged)
    assert code == 1 and "could not be installed" in output
    assert (packaged / "python_modules/greeting.py").is_file()
    assert sorted(entry.name for entry in packaged.iterdir() if "partial" in entry.name) == []


def test_sync_does_not_build_where_it_may_not(packaged):
    code, output = run("sync", "--no-allow-build", folder=packaged)
    assert code == 1
    assert "`allow-build = true` under `[tool.pywrangler]`" in output


def test_sync_replaces_nothing_that_it_has_not_made(packaged):
    (packaged / "python_modules").mkdir()
    (packaged / "python_modules/mine.py").write_text("")
    code, output = run("sync", folder=packaged)
    assert code == 1 and "was not made by" in output
    assert run("sync", "--force", folder=packaged)[0] == 0
    assert not (packaged / "python_modules/mine.py").exists()


def test_sync_says_what_is_missing(packaged):
    (packaged / "requirements.txt").write_text("httpx\n")
    code, output = run("sync", folder=packaged)
    assert code == 1 and "List its packages in pyproject.toml" in output
    (packaged / "requirements.txt").unlink()
    (packaged / "pyproject.toml").unlink()
    code, output = run("sync", folder=packaged)
    assert code == 1 and "has no `pyproject.toml`" in output
    (packaged / "pyproject.toml").write_text("[project]\n")
    code, output = run("sync", folder=packaged)
    assert code == 0 and "asks for no packages" in output

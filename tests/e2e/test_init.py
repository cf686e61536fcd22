"""`hognose init`, `check`, `doctor` and `completions`: what a newcomer types first."""

import contextlib
import json
import re

import pytest
from harness import run
from model_server import ModelServer


@pytest.fixture
def made(tmp_path):
    """A function that makes a folder from a template."""

    def make(template):
        code, output = run("init", "My Worker", "--template", template, folder=tmp_path)
        assert code == 0, output
        assert "hognose dev" in output
        return tmp_path / "My Worker"

    return make


def test_hello_is_the_template(tmp_path, serve):
    assert run("init", "greeter", "-y", folder=tmp_path)[0] == 0
    assert serve(tmp_path / "greeter").fetch("/").text == "Hello from greeter!\n"


def test_a_worker_in_javascript(made, serve):
    assert serve(made("javascript")).fetch("/").text == "Hello from my-worker!\n"


def test_notes_in_kv(made, serve):
    server = serve(made("kv"))
    assert server.fetch("/shopping%20list", "PUT", b"milk").status == 201
    assert server.fetch("/shopping%20list").text == "milk"
    assert server.fetch("/").text == "shopping list\n"
    assert server.fetch("/shopping%20list", "DELETE").status == 200
    assert server.fetch("/shopping%20list").status == 404


def test_tasks_in_d1(made, serve):
    folder = made("d1")
    code, output = run("d1", "migrations", "apply", "tasks", folder=folder)
    assert code == 0, output
    server = serve(folder)
    assert "D1 database `tasks`" in server.output.text
    assert server.fetch("/", "POST", b"write").status == 201
    assert server.fetch("/").text == "1 write\n"


def test_jobs_through_a_queue(made, serve):
    folder = made("queue")
    source = folder / "src/entry.py"
    source.write_text(source.read_text().replace("            message.ack()", '            message.ack()\n            print("finished")'))
    server = serve(folder)
    assert server.fetch("/", "POST", b"wash up").status == 202
    server.output.wait_for("finished")
    assert server.fetch("/").text == "Did wash up\n"


def test_counters_in_durable_objects(made, serve):
    server = serve(made("durable-object"))
    assert [server.fetch(path).text for path in ("/a", "/a", "/b")] == [
        "Visit 1 of /a\n",
        "Visit 2 of /a\n",
        "Visit 1 of /b\n",
    ]


def test_questions_to_a_model(made, serve):
    folder = made("ai")
    settings = folder / "hognose.toml"
    with contextlib.closing(ModelServer()) as models:
        settings.write_text(settings.read_text().replace("http://127.0.0.1:11434", models.url))
        server = serve(folder)
        assert server.fetch("/").text.startswith("POST a question")
        assert server.fetch("/", "POST", b"hi").text == "you said hi\n"


def test_the_fastapi_template_is_sound(made):
    code, output = run("check", ".", folder=made("fastapi"))
    assert code == 0
    assert "my-worker: its configuration is sound" in output
    assert "package    fastapi" in output
    assert "warning" not in output


def test_a_folder_may_be_called_like_the_package_that_its_template_needs(tmp_path):
    """Whoever calls the project so is warned, for the package would not be installed."""
    assert run("init", "fastapi", "--template", "fastapi", folder=tmp_path)[0] == 0
    folder = tmp_path / "fastapi"
    assert "warning" not in run("check", ".", folder=folder)[1]
    project = folder / "pyproject.toml"
    project.write_text(project.read_text().replace("fastapi-worker", "FastAPI"))
    assert 'called "fastapi", so the package of that name is not installed' in run("check", ".", folder=folder)[1]


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/file").touch()
    code, output = run("init", "taken", folder=tmp_path)
    assert code == 1
    assert output == "error: `taken` is not empty\nhint: Name a folder that does not exist yet\n"


@pytest.mark.parametrize("name", ["___", "."])
def test_a_name_that_is_none_is_refused(tmp_path, name):
    folder = tmp_path / "___"
    folder.mkdir()
    code, output = run("init", name, folder=folder)
    assert code == 1
    assert "cannot be a Worker's name" in output


def test_check_says_what_is_in_a_project_and_what_cloudflare_refuses(project):
    configuration = 'name = "shop"\nmain = "a.py"\nkv_namespaces = [{ binding = "KV", id = "x" }]\n'
    folder = project(files={"wrangler.toml": configuration, "a.py": ""})
    code, output = run("check", folder=folder)
    assert code == 0
    assert "env        KV: KV namespace `x`" in output
    assert "Cloudflare refuses a Worker without `compatibility_date`" in output
    assert not (folder / ".hognose").exists()


OBJECTS = """
name = "rooms"
main = "a.py"
durable_objects.bindings = [
    { name = "A", class_name = "Made" },
    { name = "B", class_name = "Renamed" },
    { name = "C", class_name = "Elsewhere", script_name = "other" },
    { name = "D", class_name = "Forgotten" },
]
migrations = [
    { tag = "v1", new_sqlite_classes = ["Made"], new_classes = ["Old"] },
    { tag = "v2", renamed_classes = [{ from = "Old", to = "Renamed" }] },
]
"""


def test_check_names_the_classes_that_no_migration_makes(project):
    output = run("check", folder=project(files={"wrangler.toml": OBJECTS, "a.py": ""}))[1]
    told = [line for line in output.splitlines() if "makes no Durable Objects" in line]
    assert told == [
        "  Cloudflare makes no Durable Objects of `Forgotten` unless a step of `migrations` has it in `new_sqlite_classes`"
    ]


def test_check_fails_where_the_configuration_does(project):
    folder = project(files={"wrangler.toml": 'main = "none.py"\n'})
    code, output = run("check", folder=folder)
    assert code == 1
    assert "`none.py` does not exist" in output


def test_doctor_finds_what_the_tests_run_with(tmp_path):
    code, output = run("doctor", folder=tmp_path)
    assert code == 0
    assert re.search(r"^ok     Python 3\.\d+ \(", output)
    assert "ok     package `pyodide`" in output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands(tmp_path, shell):
    code, output = run("completions", shell, folder=tmp_path)
    assert code == 0
    assert "hognose" in output
    assert "rollback" in output


def test_help_names_the_exit_codes(tmp_path):
    code, output = run("--help", folder=tmp_path)
    assert code == 0
    assert "Exit codes: 0 done; 1 failed" in output
    assert run("deploi", folder=tmp_path)[0] == 2


def test_check_describes_a_project_for_programs(made):
    folder = made("kv")
    code, output = run("check", "--json", ".", folder=folder)
    assert code == 0, output
    [described] = json.loads(output)
    assert described["name"] == "my-worker"
    assert described["main"] == str(folder / "src/entry.py")
    assert described["base_dir"] == str(folder / "src")


def test_another_main_module_can_be_served(made, serve):
    folder = made("hello")
    (folder / "other").mkdir()
    (folder / "other/main.py").write_text((folder / "src/entry.py").read_text().replace("Hello", "Goodbye"))
    assert serve(folder, "--script", str(folder / "other/main.py")).fetch("/").text == "Goodbye from my-worker!\n"

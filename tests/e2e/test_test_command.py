"""`hognose test`: runs what Workers export as `test`."""

import json
import socket

from harness import run

JAVASCRIPT = """
export default {
  async test(controller, env, ctx) {
    console.log("testing", typeof controller, typeof ctx.waitUntil);
    await env.FOO.put("key", "value");
    if ((await env.FOO.get("key")) !== "value") throw new Error("lost");
  },
};

export const failing = {
  async test() {
    await null;
    throw new RangeError("one too many");
  },
};

export const untested = { fetch() {} };
"""
PYTHON = """
async def test(controller, env, ctx):
    await env.FOO.put("key", "value")
    assert await env.FOO.get("key") == "value"
"""
CLASSES = """
from workers import WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def test(self, controller):
        assert self.env.WORD == "yes"

class Other(WorkerEntrypoint):
    async def test(self, controller, env, ctx):
        assert self.env.WORD == "no", "the word is not no"
"""
CONFIGURATION = """
name = "{name}"
main = "{main}"
kv_namespaces = [ {{ binding = "FOO", id = "foo" }} ]
vars = {{ WORD = "yes" }}
"""


def worker(project, main, source):
    return project(files={"wrangler.toml": CONFIGURATION.format(name="unit", main=main), main: source})


def results(output):
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def test_each_exported_test_is_run_and_counted(project):
    folder = worker(project, "index.mjs", JAVASCRIPT)
    code, output = run("test", str(folder), folder=folder)
    assert code == 1
    assert "testing object function" in output
    assert "PASS unit:default\n" in output
    assert "FAIL unit:failing\nRangeError: one too many\n    at test (" in output
    assert output.endswith("1 passed, 1 failed\n")
    assert not (folder / ".hognose").exists()


def test_a_filter_chooses(project):
    folder = worker(project, "index.mjs", JAVASCRIPT)
    code, output = run("test", "--filter", "unit:default", folder=folder)
    assert code == 0
    assert output.endswith("1 passed, 0 failed\n")


def test_a_module_level_python_test(project):
    folder = worker(project, "main.py", PYTHON)
    code, output = run("test", folder=folder)
    assert (code, output.splitlines()[-2:]) == (0, ["PASS unit:default", "1 passed, 0 failed"])


VECTORIZE = """
from workers import import_from_javascript

vectorize = import_from_javascript("cloudflare:vectorize")

def test():
    assert vectorize.DistanceMetric.DOT_PRODUCT == "dot-product"
    assert vectorize.MetadataRetrievalLevel.INDEXED == "indexed"
    assert "@cf/baai/bge-base-en-v1.5" in dir(vectorize.KnownModel)
"""


def test_the_words_of_vectorize_are_a_module(project):
    code, output = run("test", folder=worker(project, "main.py", VECTORIZE))
    assert (code, output.splitlines()[-1]) == (0, "1 passed, 0 failed"), output


def test_a_worker_without_tests_is_told_so(project):
    code, output = run("test", folder=worker(project, "main.py", "def on_fetch(request):\n    pass\n"))
    assert code == 1
    assert "No Worker has a test: export" in output
    assert output.endswith("0 passed, 0 failed\n")


def test_python_classes_and_json(project):
    folder = worker(project, "main.py", CLASSES)
    code, output = run("test", "--json", "--config", "wrangler.toml", folder=folder)
    assert code == 1
    passed, failed = results(output)
    assert passed == {"service": "unit", "entrypoint": "default", "outcome": "pass", "message": ""}
    assert (failed["entrypoint"], failed["outcome"]) == ("Other", "fail")
    assert "AssertionError: the word is not no" in failed["message"]
    assert 'main.py", line 10' in failed["message"]


def test_a_worker_that_does_not_load_has_failed(project):
    folder = worker(project, "main.py", "import nowhere\n")
    code, output = run("test", folder=folder)
    assert code == 1
    assert "No module named 'nowhere'" in output
    assert output.endswith("0 passed, 1 failed\n")


def test_data_is_kept_where_a_folder_is_named(project, tmp_path):
    folder = worker(project, "main.py", PYTHON)
    assert run("test", "--persist-to", str(tmp_path / "kept"), folder=folder)[0] == 0
    assert (tmp_path / "kept" / "kv").is_dir()


def test_the_local_network_is_out_of_reach_unless_allowed(project):
    source = "import js\n\nasync def test(controller, env):\n    await js.fetch('http://127.0.0.1:{port}/')\n"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        folder = worker(project, "main.py", source.format(port=listener.getsockname()[1]))
        assert run("test", folder=folder)[0] == 1
    # Nobody listens any more, but the refusal is then the network's.
    _, output = run("test", "--allow-local-network", folder=folder)
    assert "refused" in output.lower()


def test_only_tests_can_collect_garbage(project, serve):
    source = (
        "export default {\n  async test() {\n    gc();\n  },\n"
        "  fetch() {\n    return new Response(typeof gc);\n  },\n};\n"
    )
    folder = worker(project, "index.mjs", source)
    code, output = run("test", str(folder), folder=folder)
    assert (code, output.splitlines()[-1]) == (0, "1 passed, 0 failed")
    assert serve(folder).fetch().text == "undefined"

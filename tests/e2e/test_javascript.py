"""Workers whose main module is JavaScript."""

import textwrap

import pytest
from harness import run


@pytest.fixture
def worker(serve):
    return serve("javascript")


def test_a_handler_reaches_bindings(worker):
    assert worker.fetch("/kv").text == "baz"


def test_imports_files_by_path_by_name_and_by_rule(worker):
    assert worker.fetch("/modules").json == ["QUIET", "a note", {"answer": 42}, 3, "late", "top-level await"]


def test_env_is_an_argument_and_an_import(worker):
    assert worker.fetch("/env").json == ["hello", "hello", "function"]


def test_bodies_stream_through(worker):
    answer = worker.fetch("/echo", method="POST", body=b"x" * 300_000)
    assert answer.headers["x-method"] == "POST"
    assert answer.body == b"x" * 300_000


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/throw", "RangeError: out of cheese"),
        ("/reject", "Error: rejected"),
        ("/nothing", "did not resolve to 'Response'"),
        ("/missing", 'No such module "nowhere.mjs"'),
    ],
)
def test_what_a_handler_throws_is_shown_with_its_line(worker, path, said):
    answer = worker.fetch(path)
    assert answer.status == 500
    assert said in answer.text
    worker.output.wait_for(said)
    if path in ("/throw", "/reject"):
        assert "src/index.mjs:" in answer.text
    assert worker.fetch("/kv").text == "baz"


def test_a_module_that_does_not_parse_is_shown(serve, project):
    folder = project(files={"wrangler.toml": 'main = "index.js"\n', "index.js": "export default {\n  fetch( {\n};\n"})
    server = serve(folder)
    server.output.wait_for(r"cannot be loaded: SyntaxError")
    server.output.wait_for(r"index\.js:")
    assert server.fetch().status == 500


def test_a_missing_handler_is_named(serve, project):
    folder = project(files={"wrangler.toml": 'main = "index.js"\n', "index.js": "export default {};\n"})
    server = serve(folder)
    assert "Handler does not export a fetch() function." in server.fetch().text


def test_a_class_is_an_entrypoint(serve, project):
    source = """
        import { WorkerEntrypoint } from "cloudflare:workers";
        export default class extends WorkerEntrypoint {
          async fetch(request) { return new Response(`${request.method} ${this.env.NAME} ${typeof this.ctx.waitUntil}`); }
        }
    """
    folder = project(files={"wrangler.toml": 'main = "index.js"\nvars = { NAME = "n" }\n', "index.js": source})
    assert serve(folder).fetch().text == "GET n function"


def test_modules_of_node(project):
    folder = project("node")
    code, output = run("test", folder=folder)
    assert code == 0, output
    assert output.endswith("9 passed, 0 failed\n")


def test_python_finds_the_globals_of_node(serve, project):
    source = """
        from js import Buffer, Response, process

        async def on_fetch(request, env):
            return Response.json([Buffer.from_("aGk=", "base64").toString(), process.env.WORD])
    """
    configuration = 'main = "index.py"\nvars = { WORD = "yes" }\n'
    folder = project(files={"wrangler.toml": configuration, "index.py": textwrap.dedent(source)})
    assert serve(folder).fetch().json == ["hi", "yes"]


def test_the_globals_of_node_can_be_declined(serve, project):
    source = "export default { fetch: () => Response.json([typeof process, typeof Buffer]) };"
    configuration = 'main = "index.js"\ncompatibility_flags = ["no_nodejs_compat"]\n'
    folder = project(files={"wrangler.toml": configuration, "index.js": source})
    assert serve(folder).fetch().json == ["undefined", "undefined"]

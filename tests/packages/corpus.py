"""Runs what well-known packages are used for in a locked cell: each program in `programs/` imports its package, does the
package's real work, and asserts the result.

    python tests/packages/corpus.py              # all of them, into a table
    python tests/packages/corpus.py numpy lxml   # these

A Worker is made that requires what the programs require, served by `hognose dev`, and posted one program after the
other. Packages come from the index that `uv` is configured with; all of them are about a gigabyte.
"""

import ast
import contextlib
import http.server
import json
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).parent
PROGRAMS = {path.stem: path for path in sorted((HERE / "programs").glob("*.py"))}
# What `databases.py` runs.
CLIENTS = {path.stem: path for path in sorted((HERE / "clients").glob("*.py"))}
sys.path.insert(0, str(HERE.parent / "e2e"))

WORKER = """\
import inspect
import json

from js import Response


async def on_fetch(request):
    posted = json.loads(await request.text())
    names = {}
    exec(compile(posted["text"], posted["name"], "exec"), names)
    came = names["main"](posted["port"])
    if inspect.isawaitable(came):
        await came
    return Response.new("ok")
"""


class Echo(http.server.BaseHTTPRequestHandler):
    """Gives back what is posted to it, and 404 for other paths."""

    protocol_version = "HTTP/1.1"
    # Clients of databases say something else, and wait for an answer: they get the end, after a second.
    timeout = 1

    def do_GET(self):
        self.answer(404 if self.path.startswith("/echo") else 200, b"")

    def do_POST(self):
        self.answer(200, self.rfile.read(int(self.headers.get("content-length", 0))))

    def do_PUT(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.answer(200, b"")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing."""


@contextlib.contextmanager
def echo():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


def text_of(name):
    return (PROGRAMS | CLIENTS)[name].read_text()


def requirements(names):
    """What the programs require, by their `REQUIRES`."""
    found = set()
    for name in names:
        for node in ast.parse(text_of(name)).body:
            if isinstance(node, ast.Assign) and node.targets[0].id == "REQUIRES":
                found.update(ast.literal_eval(node.value))
    return sorted(found)


def project(folder, names):
    """A Worker with the packages of the programs."""
    (folder / "src").mkdir(parents=True)
    (folder / "src/index.py").write_text(WORKER)
    (folder / "wrangler.toml").write_text('name = "corpus"\nmain = "src/index.py"\n')
    required = f'[project]\nname = "corpus"\nversion = "1"\nrequires-python = ">=3.12"\ndependencies = {json.dumps(requirements(names))}\n'
    (folder / "pyproject.toml").write_text(required)
    return folder


def run(server, name, port):
    """Runs one program; gives what is wrong, or nothing."""
    posted = {"name": f"{name}.py", "text": text_of(name), "port": port}
    answer = server.fetch("/", "POST", json.dumps(posted).encode())
    return "" if answer.text == "ok" else answer.text


def main(names):
    from harness import Server

    failed = 0
    with tempfile.TemporaryDirectory() as folder, echo() as port:
        folder = project(Path(folder) / "corpus", names)
        with contextlib.closing(Server(["dev", str(folder), "--port", "0"], folder)) as server:
            print(server.output.wait_for(r"lock +(.*)")[1])
            for name in names:
                begun = time.perf_counter()
                wrong = run(server, name, port)
                failed += bool(wrong)
                print(f"{name:16} {'failed' if wrong else 'ok':6} {time.perf_counter() - begun:6.2f} s", flush=True)
                if wrong:
                    print(wrong.strip()[-2000:], flush=True)
    print(f"{len(names) - failed} of {len(names)} packages work")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(PROGRAMS)))

"""What calls of models cost beyond the models themselves: `env.AI.run` of one behind a server, and of one in a folder
beside the same ONNX Runtime used directly."""

import contextlib
import http.server
import json
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator

import load
import servers

SERVER_CALLS = 300
FOLDER_CALLS = 3
PATIENCE_SECONDS = 600
TEXTS = 100
ANSWER = json.dumps({"choices": [{"message": {"content": "ho"}}], "usage": {}}).encode()


class _Model(http.server.BaseHTTPRequestHandler):
    """Says the same to everybody at once."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(ANSWER)}\r\n\r\n"
        self.wfile.write(head.encode() + ANSWER)


@contextlib.contextmanager
def _model_server() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Model)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


@contextlib.contextmanager
def _worker(model: pathlib.Path | None) -> Iterator[servers.Server]:
    """The Worker `ai`, with a model behind a server and perhaps one in a folder."""
    with tempfile.TemporaryDirectory() as place, _model_server() as url:
        folder = pathlib.Path(place) / "ai"
        shutil.copytree(servers.WORKERS / "ai", folder)
        tables = f'[ai.models.server]\nurl = "{url}"\ntask = "text-generation"\n'
        if model:
            tables += f'[ai.models.folder]\nfolder = "{model}"\ntask = "text-embeddings"\n'
        (folder / "hognose.toml").write_text(tables)
        with servers.hognose(folder) as server:
            server.wait_ready()
            load.get(server.port, "/server/1", servers.READY_SECONDS)
            yield server


def server_microseconds(runs: int) -> list[float]:
    """CPU time of all processes of hognose for a call of a model behind a server, which is not among them."""
    with _worker(None) as server:
        taken = []
        for _ in range(runs):
            before = server.tree_cpu_seconds()
            load.get(server.port, f"/server/{SERVER_CALLS}", servers.READY_SECONDS)
            taken.append((server.tree_cpu_seconds() - before) / SERVER_CALLS * 1e6)
        return taken


def texts_a_second(model: pathlib.Path, runs: int) -> tuple[list[float], list[float]]:
    """How many texts become vectors: by `env.AI.run`, and by the same libraries in a script, one after the other."""
    ours, peer = [], []
    python = servers.HOGNOSE.parent / "python"
    with _worker(model.resolve()) as server:
        load.get(server.port, "/folder/1", PATIENCE_SECONDS)
        for _ in range(runs):
            before = time.perf_counter()
            load.get(server.port, f"/folder/{FOLDER_CALLS}", PATIENCE_SECONDS)
            ours.append(FOLDER_CALLS * TEXTS / (time.perf_counter() - before))
            command = [python, servers.HERE / "embeddings.py", model, str(FOLDER_CALLS)]
            peer.append(float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
    return ours, peer

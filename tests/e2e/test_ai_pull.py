"""`hognose ai pull`: a model's files from URLs and folders, with their checksums."""

import hashlib
import http.server
import threading

import pytest
from harness import run

FILES = {"/x/model.onnx": b"a model", "/x/model_int8.onnx": b"a smaller one", "/labels.txt": b"cat\ndog\n"}


class Files(http.server.BaseHTTPRequestHandler):
    """Serves `FILES`; `/moved/...` leads to them, `/around` to itself, and `/cut/...` ends too early."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        path = self.path.removeprefix("/cut")
        if path.startswith("/moved") or path == "/around/model.onnx":
            self.send_response(302)
            self.send_header("location", path.removeprefix("/moved"))
            return self.end_headers()
        data = FILES.get(path)
        self.send_response(200 if data else 404)
        self.send_header("content-length", str(len(data or b"") + (path != self.path)))
        self.end_headers()
        self.wfile.write(data or b"")


@pytest.fixture(scope="module")
def url():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def sum_of(data):
    return hashlib.sha256(data).hexdigest()


def pull(folder, *urls):
    return run("ai", "pull", "models/m", *(word for url in urls for word in ("--url", url)), folder=folder)


def test_files_come_from_urls_and_their_checksums_are_said(project, url):
    folder = project(files={"readme": ""})
    code, output = pull(folder, f"{url}/moved/x/model.onnx", f"{url}/labels.txt#sha256={sum_of(FILES['/labels.txt']).upper()}")
    assert code == 0, output
    assert f"model.onnx  7 bytes, SHA-256 {sum_of(b'a model')}" in output
    assert (folder / "models/m/model.onnx").read_bytes() == b"a model"
    assert (folder / "models/m/labels.txt").read_bytes() == FILES["/labels.txt"]
    code, output = pull(folder, f"model.onnx={url}/x/model_int8.onnx")
    assert (code, (folder / "models/m/model.onnx").read_bytes()) == (0, b"a smaller one")


def test_what_goes_wrong_leaves_nothing_and_says_why(project, url):
    folder = project(files={"readme": ""})
    for wanted, told in [
        (f"{url}/none/model.onnx", "could not be fetched: the server answered with status 404"),
        (f"{url}/cut/x/model.onnx", "could not be fetched: "),
        (f"{url}/around/model.onnx", "could not be fetched: more than 5 redirections"),
        ("http://127.0.0.1:9/model.onnx", "could not be fetched: Connection refused"),
        (f"{url}/x/model.onnx#sha256={'0' * 64}", f"its SHA-256 is {sum_of(b'a model')}, not {'0' * 64}: it is not the file that was meant"),
        (f"{url}/labels.txt", "There is no `model.onnx`"),
    ]:
        code, output = pull(folder, wanted)
        assert code == 1 and told in output, output
        assert not list((folder / "models/m").glob("*")), wanted
    for wanted, told in [(f"{url}/x/model_int8.onnx", "say which it is"), ("model.onnx", "expected a URL")]:
        code, output = pull(folder, wanted)
        assert code == 2 and told in output, output

"""Client certificates: a server that asks for one gets that of the binding, and is out of reach without."""

import contextlib
import http.server
import shutil
import ssl
import threading
from pathlib import Path

import pytest

CERTIFICATES = Path(__file__).parent / "certificates"
CONFIGURATION = """\
main = "index.py"
compatibility_date = "2026-01-01"
compatibility_flags = ["python_workers"]
mtls_certificates = [{ binding = "CERT", certificate_id = "own" }]
"""
WORKER = """\
from workers import Response, WorkerEntrypoint, fetch

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        ask = fetch if request.url.endswith("/plain") else self.env.CERT.fetch
        try:
            answer = await ask("https://sockets.example:7777/path", method="POST", body="hello")
            return Response(f"{answer.status} {await answer.text()}")
        except Exception as error:
            return Response(f"{type(error).__name__}: {error}")
"""
# One file with the key and the certificate; the authority that has signed it is the only one the server trusts.
FILES = '[mtls_certificates.own]\ncertificate = "own.pem"\n'


class Greeter(http.server.BaseHTTPRequestHandler):
    """Says who asks, and what."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        subject = dict(entry[0] for entry in self.connection.getpeercert()["subject"])
        text = f"{subject['commonName']} {self.path} {body.decode()}".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def asking_server():
    """The port of a server that asks who is there."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "server.pem")
    context.load_verify_locations(CERTIFICATES / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Greeter) as server:
        server.handle_error = lambda *_: None
        # Each handshake is made on its connection's own thread.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def started(project, serve):
    """A function that serves the Worker with a `hognose.toml`, where `sockets.example` is the server that asks."""
    with asking_server() as port:

        def start(settings):
            folder = project(files={"wrangler.toml": CONFIGURATION, "index.py": WORKER, "hognose.toml": settings})
            shutil.copy(CERTIFICATES / "server.pem", folder / "own.pem")
            trust = ("--ca-file", str(CERTIFICATES / "ca.pem"))
            return serve(folder, *trust, "--connect-to", f"sockets.example:7777:127.0.0.1:{port}")

        yield start


def test_the_binding_presents_its_certificate_and_plain_fetches_none(started):
    server = started(FILES)
    assert server.fetch("/").text == "200 sockets.example /path hello"
    assert "Network connection lost" in server.fetch("/plain").text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("", '[mtls_certificates."own"]'),
        (FILES.replace("own.pem", "none.pem"), "none.pem cannot be read"),
        (FILES + 'key = "wrangler.toml"\n', "there is no private key in PEM"),
        (FILES.replace("own.pem", "wrangler.toml"), "there is no certificate in PEM"),
    ],
    ids=["unnamed", "missing", "no-key", "no-certificate"],
)
def test_without_usable_files_the_worker_runs_and_each_use_says_why(started, settings, words):
    server = started(settings)
    server.output.wait_for("env.CERT cannot present the certificate")
    told = server.fetch("/").text
    assert words in told, told
    assert "Network connection lost" in server.fetch("/plain").text

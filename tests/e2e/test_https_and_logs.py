"""HTTPS with certificates, the access log, logs in JSON, and the number of a request."""

import http.client
import json
import shutil
import ssl
from pathlib import Path

import pytest
from harness import TIMEOUT_S, run

SOURCE = """\
from js import Response

def on_fetch(request):
    print("asked")
    return Response.new(f"{request.url} {request.headers.get('cf-ray')}")
"""


@pytest.fixture
def folder(project):
    return project(files={"wrangler.toml": 'name = "logs"\nmain = "src/index.py"\n', "src/index.py": SOURCE})


def fetch(server, certificate):
    """The text of a response over TLS from a server that has to prove that it has the certificate."""
    context = ssl.create_default_context(cafile=certificate)
    connection = http.client.HTTPSConnection("localhost", server.port, timeout=TIMEOUT_S, context=context)
    try:
        connection.request("GET", "/path")
        return connection.getresponse().read().decode()
    finally:
        connection.close()


@pytest.fixture
def certificates(project, serve, folder, tmp_path):
    """Two certificates with their keys, as hognose makes them."""
    made = []
    for name in ("first", "second"):
        state = tmp_path / name
        serve(folder, "--local-protocol", "https", "--persist-to", str(state)).close()
        made.append((state / "https/certificate.pem", state / "https/key.pem"))
    return made


def test_dev_makes_a_certificate_for_this_machine_and_keeps_it(folder, serve):
    server = serve(folder, "--local-protocol", "https")
    certificate = folder / ".hognose/https/certificate.pem"
    server.output.wait_for_times(f"Ready on https://localhost:{server.port}", 1)
    assert fetch(server, certificate).startswith(f"https://localhost:{server.port}/path ")
    assert (folder / ".hognose/https/key.pem").stat().st_mode & 0o777 == 0o600
    before = certificate.read_bytes()
    server.close()
    assert fetch(serve(folder, "--local-protocol", "https"), certificate)
    assert certificate.read_bytes() == before


def test_the_configuration_can_ask_for_https(folder, serve):
    (folder / "wrangler.toml").write_text('main = "src/index.py"\ndev = { local_protocol = "https" }\n')
    server = serve(folder)
    assert fetch(server, folder / ".hognose/https/certificate.pem").startswith("https://")
    assert "Ready on http://" in serve(folder, "--local-protocol", "http", "--persist-to", str(folder / "other")).output.text


def test_a_renewed_certificate_holds_without_a_restart(certificates, folder, serve, tmp_path):
    (first, first_key), (second, second_key) = certificates
    certificate, key = shutil.copy(first, tmp_path / "c.pem"), shutil.copy(first_key, tmp_path / "k.pem")
    server = serve(folder, "--https-cert-path", str(certificate), "--https-key-path", str(key), command="serve")
    assert fetch(server, first)
    # Half of a renewal changes nothing.
    shutil.copy(second, certificate)
    assert fetch(server, first)
    shutil.copy(second_key, key)
    assert fetch(server, second)
    with pytest.raises(ssl.SSLCertVerificationError):
        fetch(server, first)


def test_a_client_without_tls_gets_nothing_and_others_go_on(folder, serve):
    server = serve(folder, "--local-protocol", "https")
    with server.socket() as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert not plain.recv(4096).startswith(b"HTTP")
    assert fetch(server, folder / ".hognose/https/certificate.pem")


def test_certificates_that_cannot_be_used_are_named(folder):
    code, output = run("serve", ".", "--https-cert-path", "c.pem", folder=folder)
    assert code == 2 and "--https-key-path" in output
    (folder / "c.pem").write_text("nonsense")
    code, output = run("serve", ".", "--https-cert-path", "c.pem", "--https-key-path", "k.pem", folder=folder)
    assert code == 1
    assert "`c.pem` cannot be used for HTTPS" in output and "hint: Give the certificate" in output


def test_a_request_has_one_number_everywhere(folder, serve):
    log = folder / "access.log"
    log.write_text("before\n")
    server = serve(folder, "--access-log", str(log), command="serve")
    answers = [server.fetch("/path?secret=1", headers={"cf-ray": "forged"}) for _ in range(2)]
    rays = [answer.headers["cf-ray"] for answer in answers]
    assert [answer.text.split()[1] for answer in answers] == rays
    assert len(set(rays)) == 2 and "forged" not in rays
    server.close()
    kept, *lines = log.read_text().splitlines()
    assert kept == "before"
    logged = [json.loads(line) for line in lines]
    assert [line["ray"] for line in logged] == rays
    assert {(line["method"], line["path"], line["status"], line["client"]) for line in logged} == {
        ("GET", "/path", 200, "127.0.0.1")
    }


def test_the_line_of_a_request_has_the_beginning_of_a_long_path(folder, serve):
    server = serve(folder)
    server.fetch("/" + "a" * 300)
    server.output.wait_for(r"GET /a{199} \.\.\. 200")


def test_logs_in_json_are_an_object_a_line(folder, serve):
    server = serve(folder, "--log-format", "json")
    server.fetch("/a")
    server.output.wait_for('"path":"/a"')
    (Path(folder) / "src/index.py").write_text("broken(")
    server.output.wait_for('"load_failed"')
    server.close()
    # Notes on the configuration are text on standard error, which the harness joins to the rest, before it is served.
    text = server.output.text
    lines = [json.loads(line) for line in text[text.index("{") :].splitlines()]
    kinds = [line["kind"] for line in lines]
    assert {"message", "loaded", "log", "request", "load_failed"} <= set(kinds)
    assert any(line["kind"] == "log" and (line["worker"], line["message"]) == ("logs", "asked") for line in lines)
    assert any(line.get("message", "").startswith("Ready on http://localhost:") for line in lines)
    assert all(line["time"] > 0 and line["level"] in {"debug", "info", "warn", "error"} for line in lines)
    [failed] = [line for line in lines if line["kind"] == "load_failed"]
    assert failed["level"] == "error" and "SyntaxError" in failed["traceback"]


def test_an_access_log_that_cannot_be_written_is_named(folder):
    code, output = run("serve", ".", "--access-log", "absent/log", folder=folder)
    assert code == 1 and "`absent/log` cannot be written" in output

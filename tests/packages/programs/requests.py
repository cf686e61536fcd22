"""Posts JSON on a connection that it keeps."""

REQUIRES = ["requests"]


def main(port):
    import requests

    with requests.Session() as session:
        answer = session.post(f"http://localhost:{port}/echo", json={"a": 1}, timeout=10)
    assert answer.status_code == 200 and answer.json() == {"a": 1}

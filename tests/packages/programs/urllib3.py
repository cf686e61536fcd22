"""Posts by its own pool."""

REQUIRES = ["urllib3"]


def main(port):
    import urllib3

    pool = urllib3.PoolManager(retries=2, timeout=10)
    assert pool.request("POST", f"http://127.0.0.1:{port}/echo", body=b"body").data == b"body"

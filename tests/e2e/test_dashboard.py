"""The dashboard in a real browser, against a live Worker: each page does what it is for."""

import os
import shutil
import subprocess

import pytest
from harness import REPOSITORY
from test_admin import FILES

DASHBOARD = REPOSITORY / "dashboard"
TIMEOUT_S = 180
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SCREENSHOTS = os.environ.get("HOGNOSE_SCREENSHOTS")


@pytest.fixture
def shop(serve, project):
    return serve(project(files=FILES))


@pytest.mark.skipif(not BROWSER, reason="there is no Chromium here: `apt install chromium`")
@pytest.mark.skipif(not shutil.which("node"), reason="there is no Node.js here")
@pytest.mark.skipif(not (DASHBOARD / "node_modules/playwright-core").exists(), reason="run `npm ci --prefix dashboard`")
@pytest.mark.skipif(not (DASHBOARD / "dist/site/index.html").exists(), reason="run `npm run build --prefix dashboard`")
def test_every_page_does_what_it_is_for(shop, tmp_path):
    worker = f"http://localhost:{shop.port}"
    program = REPOSITORY / "tests/e2e/dashboard.mjs"
    arguments = [DASHBOARD, f"{worker}/cdn-cgi/explorer/", worker, SCREENSHOTS or tmp_path, BROWSER]
    clicked = subprocess.run(["node", program, *arguments], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert clicked.returncode == 0, clicked.stdout + clicked.stderr


def test_pages_may_load_nothing_from_elsewhere(shop):
    answer = shop.fetch("/cdn-cgi/explorer/")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    if (DASHBOARD / "dist/site/index.html").exists():
        assert answer.headers["content-security-policy"].startswith("default-src 'self'")
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    else:
        assert "npm run build --prefix dashboard" in answer.text


def test_a_file_that_is_not_there_is_not_found(shop):
    assert shop.fetch("/cdn-cgi/explorer/assets/none.js").status == 404
    assert shop.fetch("/cdn-cgi/explorer").status in {303, 307, 308}

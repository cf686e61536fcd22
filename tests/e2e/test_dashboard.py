"""The dashboard in a real browser, against a live Worker: each page does what it is for."""

import pytest
from browser import DASHBOARD, click_through, needs_a_browser
from test_admin import FILES


@pytest.fixture
def shop(serve, project):
    return serve(project(files=FILES))


@needs_a_browser
def test_every_page_does_what_it_is_for(shop, tmp_path):
    click_through("dashboard.mjs", shop, tmp_path)


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

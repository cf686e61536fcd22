"""Clicking through the dashboard in a real browser: a program for Node.js that drives a headless Chromium."""

import os
import shutil
import subprocess

import pytest
from harness import REPOSITORY

DASHBOARD = REPOSITORY / "dashboard"
TIMEOUT_S = 180
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SCREENSHOTS = os.environ.get("HOGNOSE_SCREENSHOTS")

LACKING = [
    (not BROWSER, "there is no Chromium here: `apt install chromium`"),
    (not shutil.which("node"), "there is no Node.js here"),
    (not (DASHBOARD / "node_modules/playwright-core").exists(), "run `npm ci --prefix dashboard`"),
    (not (DASHBOARD / "dist/site/index.html").exists(), "run `npm run build --prefix dashboard`"),
]


def needs_a_browser(test):
    """Skips a test where something is lacking that it takes."""
    for is_lacking, reason in LACKING:
        test = pytest.mark.skipif(is_lacking, reason=reason)(test)
    return test


def click_through(program, server, folder):
    """Runs one of the programs beside this file against a server; its screenshots go to `folder`."""
    worker = f"http://localhost:{server.port}"
    arguments = [DASHBOARD, f"{worker}/cdn-cgi/explorer/", worker, SCREENSHOTS or folder, BROWSER]
    command = ["node", REPOSITORY / "tests/e2e" / program, *arguments]
    clicked = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert clicked.returncode == 0, clicked.stdout + clicked.stderr

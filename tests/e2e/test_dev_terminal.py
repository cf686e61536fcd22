"""`hognose dev` on a terminal: keys, and pages that reload in a browser."""

import contextlib
import fcntl
import http.client
import os
import pty
import re
import subprocess
import termios
import threading

import pytest
from browser import BROWSER, DASHBOARD, needs_a_browser
from harness import HOGNOSE, TIMEOUT_S

PAGE = {
    "wrangler.toml": 'name = "page"\nmain = "index.py"\n',
    "index.py": """\
from js import Headers, Response


async def on_fetch(request, env):
    kind = "text/plain" if request.url.endswith("/text") else "text/html"
    if request.url.endswith("/broken"):
        raise ValueError("broken")
    return Response.new("<p>first</p>", headers=Headers.new([["content-type", kind]]))
""",
}
HINT = "[x] quit"


class Terminal:
    """A program with a terminal of its own, in whose foreground it stands."""

    def __init__(self, arguments, folder, **environment):
        self.end, inner = pty.openpty()
        self.modes = termios.tcgetattr(self.end)
        self.text = ""
        self.process = subprocess.Popen(
            [HOGNOSE, *arguments],
            cwd=folder,
            env={**os.environ, "NO_COLOR": "1", **environment},
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(inner)

    def wait_for(self, pattern):
        while not (match := re.search(pattern, self.text)):
            self.text += os.read(self.end, 4096).decode()
        return match

    def press(self, key):
        os.write(self.end, key.encode())

    def wait_for_end(self):
        with contextlib.suppress(OSError):
            while piece := os.read(self.end, 4096):
                self.text += piece.decode()
        return self.process.wait(TIMEOUT_S)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(TIMEOUT_S)
        os.close(self.end)


@pytest.fixture
def terminal(project, tmp_path):
    folder = project(files=PAGE)
    browser = tmp_path / "browser"
    browser.write_text(f"#!/bin/sh\necho \"opened $1\" >{tmp_path}/.opened && mv {tmp_path}/.opened {tmp_path}/opened\n")
    browser.chmod(0o755)
    with contextlib.closing(Terminal(["dev", "--port", "0"], folder, BROWSER=str(browser))) as terminal:
        yield terminal


@pytest.mark.parametrize("key", ["x", "q", "\x04", "\x03"])
def test_a_key_quits_and_leaves_the_terminal_as_it_was(terminal, key):
    terminal.wait_for(re.escape(HINT))
    assert termios.tcgetattr(terminal.end) != terminal.modes
    terminal.press("z" + key)
    assert terminal.wait_for_end() == 0, terminal.text
    assert "Stopping" in terminal.text
    assert termios.tcgetattr(terminal.end) == terminal.modes


def test_keys_open_a_browser_and_clear_the_screen(terminal, tmp_path):
    port = terminal.wait_for(r"Ready on http://localhost:(\d+)")[1]
    terminal.wait_for(re.escape(HINT))
    terminal.press("e")
    opened = tmp_path / "opened"
    while not opened.exists():
        terminal.press("c")
        terminal.wait_for(r"\x1b\[2J")
    assert opened.read_text() == f"opened http://localhost:{port}/cdn-cgi/explorer/\n"
    terminal.press("q")
    assert terminal.wait_for_end() == 0


@pytest.mark.parametrize("options", [["--show-interactive-dev-session", "false"], ["--log-format", "json"]])
def test_keys_can_be_switched_off(project, options):
    with contextlib.closing(Terminal(["dev", "--port", "0", *options], project(files=PAGE))) as terminal:
        terminal.wait_for(r"Ready on ")
        assert termios.tcgetattr(terminal.end) == terminal.modes
        terminal.press("\x03")
        assert terminal.wait_for_end() == 0
        assert HINT not in terminal.text


def test_without_a_terminal_there_are_no_keys(serve, project):
    assert HINT not in serve(project(files=PAGE)).output.text


def test_only_pages_are_made_to_reload_and_only_where_wanted(serve, project):
    plain = serve(project(files=PAGE))
    assert plain.fetch("/").text == "<p>first</p>"
    plain.close()
    reloading = serve(plain.folder, "--live-reload")
    page = reloading.fetch("/")
    assert page.text.startswith("<p>first</p><script>")
    assert int(page.headers["content-length"]) == len(page.body)
    assert reloading.fetch("/text").text == "<p>first</p>"
    assert reloading.fetch("/", "HEAD").body == b""
    assert "<script>new EventSource(" in reloading.fetch("/broken", headers={"accept": "text/html"}).text


@needs_a_browser
def test_a_page_reloads_when_its_worker_does(serve, project):
    server = serve(project(files=PAGE), "--live-reload")
    program = f"""
        import {{ createRequire }} from "node:module";
        import {{ readFileSync, writeFileSync }} from "node:fs";
        const {{ chromium }} = createRequire("{DASHBOARD}/package.json")("playwright-core");
        const chrome = await chromium.launch({{ executablePath: "{BROWSER}", args: ["--no-sandbox"] }});
        const page = await chrome.newPage();
        const listens = page.waitForResponse((response) => response.url().includes("/reloads?"));
        await page.goto("http://localhost:{server.port}/");
        await page.getByText("first").waitFor();
        await listens;
        const file = "{server.folder}/index.py";
        writeFileSync(file, readFileSync(file, "utf8").replace("first", "second"));
        await page.getByText("second").waitFor();
        await chrome.close();
    """
    command = ["node", "--input-type=module", "--eval", program]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


DEBUGGED = {
    "wrangler.toml": 'name = "debugged"\nmain = "index.py"\n',
    "index.py": """\
from js import Response


def half(number):
    return number // 2


async def on_fetch(request, env):
    number = 84
    if request.url.endswith("/stop"):
        breakpoint()
    answer = half(number)
    return Response.new(f"the answer is {answer}")
""",
}


def in_background(fetch):
    """Calls `fetch` in a thread, and gives a function that waits for what it gives."""
    given = []
    thread = threading.Thread(target=lambda: given.append(fetch()))
    thread.start()

    def wait():
        thread.join(TIMEOUT_S)
        return given[0]

    return wait


def get(port, path):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", int(port), timeout=TIMEOUT_S)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()


def test_a_breakpoint_stops_on_the_terminal(project):
    with contextlib.closing(Terminal(["dev", "--port", "0"], project(files=DEBUGGED))) as terminal:
        port = terminal.wait_for(r"Ready on http://localhost:(\d+)")[1]
        keys = termios.tcgetattr(terminal.end)
        for value in (42, 21):
            answer = in_background(lambda: get(port, "/stop"))
            terminal.wait_for(r"index.py\(\d+\)on_fetch\(\)(.|\n)*\(Pdb\) ")
            assert get(port, "/") == (200, "the answer is 42"), "another isolate serves meanwhile"
            assert termios.tcgetattr(terminal.end) != keys
            terminal.text = ""
            # `q` as a key would have ended the server.
            terminal.press(f"p 'q', number\nnumber = {2 * value}\nb half\nc\n")
            terminal.wait_for(r"\('q', 84\)(.|\n)*Breakpoint 1 at (.|\n)*index.py\(\d+\)half\(\)(.|\n)*\(Pdb\) ")
            terminal.text = ""
            terminal.press("p number\ncl 1\nc\n")
            terminal.wait_for(rf"\n{2 * value}\r(.|\n)*Deleted breakpoint 1")
            assert answer() == (200, f"the answer is {value}")
        terminal.wait_for("GET /stop 200")
        terminal.press("q")
        assert terminal.wait_for_end() == 0
        assert termios.tcgetattr(terminal.end) == terminal.modes


def test_a_debugger_that_quits_ends_its_request_only(project):
    with contextlib.closing(Terminal(["dev", "--port", "0"], project(files=DEBUGGED))) as terminal:
        port = terminal.wait_for(r"Ready on http://localhost:(\d+)")[1]
        answer = in_background(lambda: get(port, "/stop"))
        terminal.wait_for(r"\(Pdb\) ")
        terminal.press("q\n")
        status, text = answer()
        assert status == 500
        assert "BdbQuit" in text
        assert get(port, "/") == (200, "the answer is 42")
        terminal.press("q")
        assert terminal.wait_for_end() == 0


def test_without_a_terminal_a_breakpoint_is_passed_over(serve, project):
    server = serve(project(files=DEBUGGED))
    assert server.fetch("/stop").text == "the answer is 42"
    server.output.wait_for(r"breakpoint\(\) at .*index.py:11 was passed over: it needs `hognose dev` on a terminal")

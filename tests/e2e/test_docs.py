"""The documentation: its links lead somewhere, its code is code, and what its guides tell to do does what they say.

A block of code with a `title` is a file: an excerpt of one in `examples/`, or one that a reader of the page writes. A block
`console` is a reader's terminal: after `$` what is typed, and below it what is printed, of which a page may leave out what
comes before and after. `EXAMPLES` stands for the folder of examples.
"""

import ast
import contextlib
import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from harness import HOGNOSE, REPOSITORY, TIMEOUT_S, Server, reap_orphans

DOCS = REPOSITORY / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *REPOSITORY.glob("*.md"), *(REPOSITORY / "bench").glob("*.md")])
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def name(page):
    return str(page.relative_to(REPOSITORY))


def blocks(page):
    return BLOCK.findall(page.read_text())


def anchors(page):
    """What the headings of a page are called in links."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    text = BLOCK.sub("", page.read_text())
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_contents_name_every_page_once():
    named = re.findall(r"\]\(([^)]+)\)", (DOCS / "SUMMARY.md").read_text())
    there = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")} - {"SUMMARY.md"}
    assert sorted(named) == sorted(there)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_code_is_code(page):
    for language, title, text in blocks(page):
        if title.startswith("examples/"):
            assert text in (REPOSITORY / title).read_text(), f"not in {title}:\n{text}"
        elif language == "python":
            ast.parse(text)
        elif language == "toml":
            tomllib.loads(text)
        elif language == "json":
            json.loads(text)


class Reader:
    """Somebody who follows a page."""

    def __init__(self, folder):
        self.folder = folder
        self.server = None
        self.servers = contextlib.ExitStack()
        path = os.pathsep.join([str(Path(HOGNOSE).parent), os.environ["PATH"]])
        self.environment = {**os.environ, "PATH": path, "NO_COLOR": "1", "HOGNOSE": HOGNOSE}

    def write(self, path, text):
        loaded = self.server and len(self.server.output.text)
        (self.folder / path).write_text(text)
        if loaded and path.startswith("src/"):
            self.server.output.wait_for("Reloaded", loaded)

    def type(self, command):
        """Types a command and gives what it prints."""
        command = command.replace("EXAMPLES", str(REPOSITORY / "examples"))
        if command.startswith("cd "):
            self.folder = self.folder / command[3:]
            return ""
        if command == "hognose dev":
            self.server = self.servers.enter_context(
                contextlib.closing(Server(["dev", "--port", "0"], self.folder)),
            )
            return self.server.output.text.replace(str(self.server.port), "8787")
        if self.server:
            command = command.replace("localhost:8787", f"localhost:{self.server.port}")
        if command.startswith("curl "):
            command = command.replace("curl ", "curl --silent --show-error --globoff ", 1)
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr


def conversation(text):
    """Pairs of what is typed and what is printed."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, printed = part.partition("\n")
        yield command, printed.splitlines()


WALKS = [page for page in PAGES if any(language == "console" for language, _, _ in blocks(page)) and page.parent != REPOSITORY]


@pytest.mark.parametrize("page", WALKS, ids=name)
def test_a_reader_who_follows_the_page_sees_what_it_says(page, tmp_path):
    reader = Reader(tmp_path)
    with reader.servers:
        for language, title, text in blocks(page):
            if title and not title.startswith("examples/") and language != "toml":
                reader.write(title, text)
            if language == "console":
                for command, expected in conversation(text):
                    printed = reader.type(command)
                    at = 0
                    for line in expected:
                        assert line in printed[at:], f"$ {command}\n{printed}\nlacks {line!r}"
                        at = printed.index(line, at) + len(line)
    reap_orphans()

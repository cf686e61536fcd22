"""Makes docs/apis.md of apis.toml, and says which API no test names.

That an API works is what its tests say: the page is only as it is while they pass. A file that is named is one of
tests/e2e; of a folder all files count.
"""

import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
TESTS = REPOSITORY / "tests/e2e"
PAGE = REPOSITORY / "docs/apis.md"
HEAD = """\
# APIs

Made of `tests/house/apis.toml` by `python tests/house/apis.py`. Of an API that *works* or *differs* a check sees to it that
the tests of its area name it, and all tests pass before a change is taken. [Compatibility](compatibility.md) has what differs in full.
"""
KINDS = ("differs", "missing", "works")


@dataclass
class Api:
    """One API of an area."""

    name: str
    kind: str
    note: str
    tested: bool
    """Whether a test names it."""


def read():
    """The areas, each with its APIs, those first that are not as on Cloudflare."""
    for area in tomllib.loads((Path(__file__).parent / "apis.toml").read_text())["area"]:
        texts = {path: path.read_text() for name in area["tests"] for path in files(TESTS / name)}
        yield area, [api_of(name, kind, note, texts) for kind in KINDS for name, note in notes(area.get(kind, {}))]


def files(path):
    """The sources at a path that has to be there."""
    if path.is_file():
        return [path]
    found = [file for file in sorted(path.rglob("*")) if file.suffix in {".py", ".js", ".mjs", ".rs", ".ts", ".toml"}]
    assert found, f"{path} has no tests"
    return found


def notes(listed):
    """Names with their notes; a plain list has none."""
    return listed.items() if isinstance(listed, dict) else ((name, "") for name in listed)


def api_of(name, kind, note, texts):
    word = name if ":" in name else re.split(r"\.(?=\w)", name.partition(" ")[0])[-1]
    named = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")
    return Api(name, kind, note, any(named.search(text) for text in texts.values()))


def untested():
    """The APIs that are said to be there, and that no test names."""
    return [f"{area['title']}: {api.name}" for area, apis in read() for api in apis if api.kind != "missing" and not api.tested]


def page():
    """The page's text."""
    lines = [HEAD]
    counts = dict.fromkeys(KINDS, 0)
    for area, apis in read():
        tests = ", ".join(f"`{Path(name).name}`" for name in area["tests"] if not name.startswith("workers/"))
        lines.append(f"## {area['title']}\n\n{area['about']}. Tested in {tests}.\n\n| API | |\n| --- | --- |")
        for api in apis:
            counts[api.kind] += 1
            lines.append(f"| `{api.name}` | {f'{api.kind}: {api.note}' if api.note else api.kind} |")
        lines.append("")
    lines.insert(1, f"{counts['works']} work, {counts['differs']} differ, {counts['missing']} are missing.\n")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.exit("No test names:\n" + "\n".join(untested()) if untested() else 0)

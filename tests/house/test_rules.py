"""Rules of the house that no compiler checks. ARCHITECTURE.md gives the reasons."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
CRATES = sorted(path.parent for path in REPOSITORY.glob("crates/*/Cargo.toml"))

# Which crate may know which. A crate exists because something must not be known across its border.
MAY_USE = {
    "engine": set(),
    "ffi": {"engine"},
    "web": {"engine"},
    "wire": set(),
    "jail": set(),
    "cell": {"engine", "ffi", "web", "wire", "jail"},
    "config": set(),
    "services": {"wire"},
    "supervisor": {"services", "wire", "config", "jail"},
    "hognose": {"engine", "ffi", "web", "wire", "jail", "cell", "config", "services", "supervisor"},
}
USES_TOKIO = {"supervisor", "hognose"}
PURE = {"wire", "config"}
MAY_BE_UNSAFE = {"engine", "ffi", "jail"}
UNSAFE_FILES_OF_CELL_MAX = 1
FUNCTION_LINES_MAX = 70


def tracked(*patterns):
    command = ["git", "ls-files", "-z", *patterns]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    paths = [REPOSITORY / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


def texts(*patterns):
    for path in tracked(*patterns):
        try:
            yield path.relative_to(REPOSITORY), path.read_text()
        except UnicodeDecodeError:
            continue


def dependencies(crate):
    return tomllib.loads((crate / "Cargo.toml").read_text()).get("dependencies", {})


@pytest.mark.parametrize("crate", CRATES, ids=lambda crate: crate.name)
def test_a_crate_uses_only_what_it_may_know(crate):
    used = {name.removeprefix("hognose-") for name in dependencies(crate) if name.startswith("hognose-")}
    assert used <= MAY_USE[crate.name]


@pytest.mark.parametrize("crate", CRATES, ids=lambda crate: crate.name)
def test_tokio_lives_in_the_supervisor(crate):
    assert crate.name in USES_TOKIO or not [name for name in dependencies(crate) if name.startswith("tokio")]


@pytest.mark.parametrize("name", sorted(PURE))
def test_pure_crates_do_no_io(name):
    outside = re.compile(r"\bstd::(fs|net|process|os)\b|\bprintln!|\brustix::|\blibc::")
    found = [path for path, text in texts(f"crates/{name}/src/*.rs") if outside.search(text)]
    assert found == []


def test_unsafe_lives_at_its_addresses():
    block = r"^(?!\s*//).*\bunsafe (\{|fn|impl|extern|trait)"
    unsafe = re.compile(block + r"|#!?\[(allow|expect)\(unsafe_code", re.MULTILINE)
    files = [path for path, text in texts("crates/*.rs") if unsafe.search(text)]
    elsewhere = [path for path in files if path.parts[1] not in MAY_BE_UNSAFE]
    assert [path for path in elsewhere if path.parts[1] != "cell"] == []
    assert len(elsewhere) <= UNSAFE_FILES_OF_CELL_MAX


def test_every_module_opens_with_a_paragraph():
    without = [path for path, text in texts("crates/*/src/*.rs") if not re.match(r"//! \S", text)]
    assert without == []


def test_no_function_is_too_long():
    function = re.compile(r"^( *)(?:pub(?:\([a-z]+\))? )?(?:const |async |unsafe |extern \"C\" )*fn (\w+)")
    long = []
    for path, text in texts("crates/*.rs"):
        lines = text.splitlines()
        for start, line in enumerate(lines):
            if (match := function.match(line)) and not line.endswith(";"):
                end = next((n for n, later in enumerate(lines[start:], start) if later == match[1] + "}"), start)
                if end - start + 1 > FUNCTION_LINES_MAX:
                    long.append(f"{path}:{start + 1} {match[2]}: {end - start + 1} lines")
    assert long == []


def test_nothing_is_left_to_be_done():
    unfinished = re.compile(r"\b(TODO|FIXME)\b|\b(todo|unimplemented)!\(|\bdbg!\(")
    here = Path(__file__).relative_to(REPOSITORY)
    found = [path for path, text in texts() if path != here and unfinished.search(text)]
    assert found == []


def test_no_file_names_a_machine():
    machine = re.compile("/(?:work|root|home/[a-z]+)/|/tmp" + "/(?:briefs|ref)|index-url *=|find-links *=")
    here = Path(__file__).relative_to(REPOSITORY)
    found = {str(path): match[0] for path, text in texts() if path != here and (match := machine.search(text))}
    assert found == {}


@pytest.mark.parametrize("path", ["README.md", "ARCHITECTURE.md", "LICENSE", "Cargo.lock", "rust-toolchain.toml"])
def test_a_newcomer_finds(path):
    assert (REPOSITORY / path).is_file()

"""What pip gets: the source distribution, and what the installed one says of itself."""

import subprocess
import tarfile
from pathlib import Path

from harness import HOGNOSE, REPOSITORY, TIMEOUT_S

SCRIPTS = Path(HOGNOSE).parent


def output_of(program, *arguments):
    command = [str(SCRIPTS / program), *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=TIMEOUT_S).stdout


def test_the_source_distribution_has_all_that_the_build_reads(tmp_path):
    output_of("maturin", "sdist", "--out", str(tmp_path))
    [archive] = tmp_path.glob("hognose-*.tar.gz")
    with tarfile.open(archive) as files:
        there = {name.partition("/")[2] for name in files.getnames()}
    read = [path for folder in ("crates", "python") for path in (REPOSITORY / folder).rglob("*") if path.is_file()]
    wanted = {str(path.relative_to(REPOSITORY)) for path in read if "__pycache__" not in path.parts}
    wanted = {path for path in wanted if not path.startswith("crates/") or "/tests/" not in path}
    wanted |= {"Cargo.lock", "Cargo.toml", "pyproject.toml", "README.md", "LICENSE", ".cargo/config.toml"}
    assert wanted - there == set()


def test_the_module_is_the_command():
    assert output_of("python", "-m", "hognose", "--version") == output_of("hognose", "--version")


def test_the_installed_distribution_names_its_command_and_its_pytest_plugin():
    code = (
        "import hognose; from importlib.metadata import distribution\n"
        "hognose_itself = distribution('hognose')\n"
        "print(hognose.__version__ == hognose_itself.version)\n"
        "print(sorted((point.group, point.name) for point in hognose_itself.entry_points))"
    )
    expected = "True\n[('console_scripts', 'hognose'), ('pytest11', 'hognose')]\n"
    assert output_of("python", "-c", code) == expected

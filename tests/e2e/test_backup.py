"""`hognose backup` and `hognose restore`, and the version of the state folder."""

import contextlib
import hashlib
import json
import signal
import subprocess
import tarfile
from pathlib import Path

import pytest
from harness import HOGNOSE, TIMEOUT_S, run
from test_crashes import Writers

CONFIGURATION = """\
name = "app"
main = "index.py"
compatibility_date = "2025-08-01"
compatibility_flags = ["python_workers"]

[[kv_namespaces]]
binding = "KV"
id = "kv"

[[secrets_store_secrets]]
binding = "STORED"
store_id = "shared"
secret_name = "token"
"""


@pytest.fixture
def folder(project):
    folder = project(files={"wrangler.toml": CONFIGURATION, "index.py": ""})
    put(folder, "one")
    return folder


def hognose(folder, *arguments, fails=False, input=None):
    """What a command prints."""
    code, output = run(*arguments, folder=folder, input=input)
    assert code == fails, output
    return output


def put(folder, value):
    hognose(folder, "kv", "key", "put", "key", value, "--namespace-id", "kv")


def get(folder, *options):
    return hognose(folder, "kv", "key", "get", "key", "--namespace-id", "kv", "--text", *options).strip()


def test_a_backup_made_while_workers_write_has_all_that_was_acknowledged_before(serve, project):
    folder = project("writes")
    server = serve(folder)
    assert server.fetch("/make").text == "made"
    writers = Writers(server, "number")
    writers.wait_for(20)
    acknowledged = list(writers.acknowledged)
    hognose(folder, "backup", "../first.tar")
    more = list(writers.acknowledged)
    hognose(folder, "backup", "../second.tar")
    server.kill_tree()
    writers.join()
    for archive, expected in [("first.tar", acknowledged), ("second.tar", more)]:
        hognose(folder, "restore", f"../{archive}", "--persist-to", f"../{archive}-state")
        server = serve(folder, "--persist-to", f"../{archive}-state")
        wrong = {number: missing for number in expected if (missing := server.fetch(f"/check/{number}").text)}
        assert wrong == {}
        assert server.fetch("/torn").text == "0"
        assert len(expected) <= int(server.fetch("/backlog/JOBS").text)
        server.close()


def test_an_alarm_is_in_a_backup(serve, project):
    folder = project("objects")
    server = serve(folder)
    set_alarm = "import js\nawait storage.setAlarm(js.Date.now() + 3600_000)\nawait storage.put('kept', 7)\n1"
    assert server.fetch("/object/a", "POST", set_alarm.encode()).text == "1"
    hognose(folder, "backup", "../made.tar")
    server.close()
    hognose(folder, "restore", "../made.tar", "--persist-to", "../restored")
    server = serve(folder, "--persist-to", "../restored")
    look = "[await storage.get('kept'), await storage.getAlarm() > 0]"
    assert server.fetch("/object/a", "POST", look.encode()).text == "[7, True]"


def test_an_archive_is_one_that_other_tools_read_and_check(folder):
    hognose(folder, "backup", "made.tar")
    with tarfile.open(folder / "made.tar") as archive:
        names = archive.getnames()
        digests = {name: hashlib.sha256(archive.extractfile(name).read()).hexdigest() for name in names}
        manifest = json.load(archive.extractfile("hognose-backup.json"))
        sums = archive.extractfile("SHA256SUMS").read().decode().splitlines()
    assert names[0] == "hognose-backup.json" and names[-1] == "SHA256SUMS"
    assert "kv/kv.sqlite" in names and "lock" not in names
    assert manifest["format"] == 1
    assert sums == [f"{digests[name]}  {name}" for name in names[:-1]]
    assert "exists already" in hognose(folder, "backup", "made.tar", fails=True)
    assert list((folder / ".hognose/scratch").iterdir()) == []


def test_a_backup_goes_through_pipes(folder):
    made = subprocess.run([HOGNOSE, "backup", "-"], cwd=folder, capture_output=True, timeout=TIMEOUT_S)
    assert made.returncode == 0, made.stderr
    put(folder, "two")
    restore = [HOGNOSE, "restore", "-", "--yes"]
    restored = subprocess.run(restore, cwd=folder, input=made.stdout, capture_output=True, timeout=TIMEOUT_S)
    assert restored.returncode == 0, restored.stderr
    assert get(folder) == "one"


def test_a_restore_asks_before_it_replaces_data_and_needs_the_folder_for_itself(folder, serve):
    hognose(folder, "backup", "made.tar")
    put(folder, "two")
    assert "Give `-y`" in hognose(folder, "restore", "made.tar", fails=True)
    (folder / "index.py").write_text("def on_fetch(request):\n    pass\n")
    with_server = serve(folder)
    assert "is in use by another hognose" in hognose(folder, "restore", "made.tar", "-y", fails=True)
    with_server.close()
    assert get(folder) == "two"
    assert "Restored" in hognose(folder, "restore", "made.tar", "-y")
    assert get(folder) == "one"
    assert "There are no data" in hognose(folder, "backup", "x.tar", "--persist-to", "nowhere", fails=True)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda archive: archive[:5000], "ends too early"),
        (lambda archive: archive[:-1024 - 512 * 4], "ends too early|ends before"),
        (lambda archive: archive.replace(b"one", b"two"), "`kv/kv.sqlite` is not as it was written"),
        (lambda archive: archive.replace(b'"format": 1', b'"format": 2'), "has data of format 2"),
        (lambda archive: b"no archive", "not a backup of hognose's"),
        (lambda archive: b"", "not a backup of hognose's"),
        (lambda archive: archive[1024:], "not a backup of hognose's"),
    ],
)
def test_a_damaged_backup_changes_nothing(folder, damage, reason):
    hognose(folder, "backup", "made.tar")
    put(folder, "two")
    (folder / "made.tar").write_bytes(damage((folder / "made.tar").read_bytes()))
    output = hognose(folder, "restore", "made.tar", "-y", fails=True)
    assert any(each in output for each in reason.split("|")), output
    assert get(folder) == "two"
    assert not (folder / ".hognose/restoring").exists()


def test_a_name_that_leads_out_of_the_folder_is_refused(folder):
    with tarfile.open(folder / "made.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        (folder / "x").write_text(json.dumps({"format": 1, "hognose": "0", "created_s": 0}))
        archive.add(folder / "x", "hognose-backup.json")
        archive.add(folder / "x", "../outside")
    assert "it has a file `../outside`" in hognose(folder, "restore", "made.tar", "-y", fails=True)
    assert not (folder / "outside").exists()


def test_a_restore_that_was_interrupted_is_ended_by_whoever_comes_next(folder):
    hognose(folder, "backup", "made.tar")
    put(folder, "two")
    with tarfile.open(folder / "made.tar") as archive:
        archive.extractall(folder / ".hognose/restored", filter="data")
    assert get(folder) == "one"
    assert not (folder / ".hognose/restored").exists()
    put(folder, "two")
    with tarfile.open(folder / "made.tar") as archive:
        archive.extractall(folder / ".hognose/restored-alone", filter="data")
    (folder / ".hognose/kv/kv.sqlite").unlink()
    (folder / ".hognose/kv").rename(folder / "moved")
    assert get(folder) == "one"


def threads(pid):
    names = set()
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            names.add((thread / "comm").read_text().strip())
    return names


def test_ctrl_c_leaves_nothing_behind(folder):
    hognose(folder, "backup", "made.tar")
    archive = (folder / "made.tar").read_bytes()
    process = subprocess.Popen([HOGNOSE, "restore", "-", "-y"], cwd=folder, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(archive[:4096])
    process.stdin.flush()
    while not (folder / ".hognose/restoring").exists():
        assert process.poll() is None
    while "signals" not in threads(process.pid):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    # The thread that waits for signals ends with the first.
    while "signals" in threads(process.pid):
        assert process.poll() is None
    process.stdin.write(archive[4096:])
    _, errors = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, b"Interrupted; nothing was changed" in errors) == (1, True), errors
    assert not (folder / ".hognose/restoring").exists()
    assert get(folder) == "one"


def test_secrets_come_back_where_their_key_does(folder):
    secret = ("secrets-store", "secret", "create", "shared", "--name", "token")
    hognose(folder, *secret, input="hidden")
    assert "need their key" in hognose(folder, "backup", "without.tar")
    hognose(folder, "backup", "with.tar", "--with-key")
    assert b"hidden" not in (folder / "with.tar").read_bytes()
    listing = ("secrets-store", "secret", "list", "shared", "--persist-to")
    assert "need their key" in hognose(folder, "restore", "without.tar", "--persist-to", "a")
    assert "need their key" not in hognose(folder, "restore", "with.tar", "--persist-to", "b")
    assert (folder / "b/secrets/key").stat().st_mode & 0o777 == 0o600
    assert "token" in hognose(folder, *listing, "b")
    # Where the folder has the key, it stays.
    assert "need their key" not in hognose(folder, "restore", "without.tar", "-y")


def test_a_damaged_database_is_named_before_it_is_relied_on(folder):
    database = folder / ".hognose/kv/kv.sqlite"
    content = bytearray(database.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    database.write_bytes(content)
    output = hognose(folder, "backup", "made.tar", fails=True)
    assert "kv.sqlite" in output and "Nothing was changed" in output
    assert not (folder / "made.tar").exists()


def test_data_of_a_later_release_are_refused_and_older_ones_taken(folder, serve):
    version = folder / ".hognose/format"
    assert version.read_text() == "1\n"
    version.unlink()
    assert get(folder) == "one"
    assert version.read_text() == "1\n"
    version.write_text("2\n")
    for command in [("kv", "key", "list", "--namespace-id", "kv"), ("dev", "--port", "0"), ("backup", "x.tar")]:
        output = hognose(folder, *command, fails=True)
        assert "are of format 2; this hognose knows format 1" in output
        assert "Use the hognose that wrote them" in output
    version.write_text("old\n")
    assert "does not hold the number of a format" in hognose(folder, "d1", "list", fails=True)

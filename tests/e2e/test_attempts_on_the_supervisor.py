"""Attempts on the supervisor and on other Workers' data, by what a cell may do: send bytes on its socket, use its own
bindings, print. The lock plays no part, so the control arm of each is the same means put to its rightful use, or the same
attempt made where nobody stands guard: it must succeed. Numbers are those of the attempts beside this file."""

import array
import contextlib
import os
import pathlib
import re
import shutil
import socket
import sqlite3

import pytest
from conftest import WORKERS
from harness import Server, wait_until

ATTACKER = """\
import os

import js
import posted
import wire
from js import Response
from pyodide.ffi import to_js


async def on_fetch(request, env):
    return await posted.answer(request, {**globals(), "env": env})
"""
VICTIM = """\
from js import Response


async def on_fetch(request, env):
    if request.method == "POST":
        await env.KV.put("secret", "kept")
        await env.DB.exec("CREATE TABLE IF NOT EXISTS t (x); DELETE FROM t; INSERT INTO t VALUES ('kept')")
    row = await env.DB.prepare("SELECT x FROM t").first("x")
    return Response.new(f"{await env.KV.get('secret')} {row}")
"""
BINDINGS = """\
kv_namespaces = [{{ binding = "KV", id = "{name}" }}]
d1_databases = [{{ binding = "DB", database_name = "{name}", database_id = "{name}" }}]
r2_buckets = [{{ binding = "BUCKET", bucket_name = "{name}" }}]
"""


def worker(name, code, more=""):
    configuration = f'name = "{name}"\nmain = "index.py"\n{more}{BINDINGS.format(name=name)}'
    return {f"{name}/wrangler.toml": configuration, f"{name}/index.py": code}


def frames():
    """The kinds of frames, by their numbers."""
    source = (pathlib.Path(__file__).parents[2] / "crates/wire/src/frame.rs").read_text()
    _, _, rest = source.partition("pub enum Frame<'a> {\n")
    return re.findall(r"^    (\w+)\b.*[{(,]", rest.partition("\n}\n")[0], re.MULTILINE)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workers")
    files = worker("attacker", ATTACKER) | worker("victim", VICTIM, 'routes = ["victim.test/*"]\n')
    files["attacker/posted.py"] = (WORKERS / "posted.py").read_text()
    files["attacker/wire.py"] = (WORKERS / "attempts/src/wire.py").read_text() + f"\n\nFRAMES = {frames()}\n"
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    arguments = ["dev", str(folder / "attacker"), str(folder / "victim"), "--port", "0"]
    with contextlib.closing(Server(arguments, folder / "attacker")) as server:
        yield server


def victim(server, method="GET"):
    return server.fetch("/", method, headers={"host": "victim.test"}).text


def post(server, code):
    """What posted code gives; where its isolate is ended for it, nothing."""
    answer = server.fetch("/", "POST", code.encode())
    return answer.text if answer.status == 200 else None


def open_files(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def test_14_descriptors_that_a_cell_sends_are_thrown_away(server):
    post(server, "1")
    before = open_files(server)
    code = "pipes = [end for _ in range(50) for end in os.pipe()]\nwire.send(wire.log('with descriptors'), pipes)"
    assert int(post(server, code)) > 0, "it was sent"
    server.output.wait_for("with descriptors")
    post(server, "1")
    assert open_files(server) - before < 50


def test_14_control_who_takes_descriptors_gets_them():
    left, right = socket.socketpair()
    with left, right:
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [left.fileno()]))
        left.sendmsg([b"x"], [rights])
        taken = socket.recv_fds(right, 1, 1)[1]
    assert len(taken) == 1
    os.close(taken[0])


SENDS_WITHOUT_END = """\
import array, socket
kept = socket.socketpair()
js.globalThis.kept = kept
rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0] * 253))
for _ in range(100):
    kept[0].sendmsg([b"x"], [rights])
"""


def test_14_descriptors_on_their_way_keep_no_other_worker_from_starting(server):
    """The kernel counts them by user, and lets nobody send one who may have fewer open: what other Workers start with
    needs one, too. That the attacker is refused more shows that the count is full."""
    assert "Too many references" in post(server, SENDS_WITHOUT_END + "1")
    printed = len(server.output.text)
    try:
        replace_folder(server.folder.parent / "victim")
        server.output.wait_for(r"\[victim\].*(Loaded|Reloaded|cannot)", printed)
        # It may have been loaded in the middle of the replacement, and is loaded again after it.
        wait_until(lambda: victim(server, "POST") == "kept kept")
    finally:
        post(server, "os._exit(1)")


def replace_folder(folder):
    """Puts another folder in its place: what is forked from a base that may read the old one cannot read it."""
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy)
    folder.rename(folder.with_name("old"))
    copy.rename(folder)
    shutil.rmtree(folder.with_name("old"))


# What is sent, and what of it is told.
FORGED = {
    "a capability that it was not given": ("wire.call(9999, 'get')", "capability 9999 is not hosted here"),
    "a negative length": r"b'\xff\xff\xff\xff'",
    "a length past the limit": r"(1 << 20 | 1).to_bytes(4, 'little')",
    "no frame that there is": r"wire.frame(99)",
    "a frame that only the supervisor sends": "wire.frame('CancelInvocation', b'\\1', wire.text('why'))",
    "the answer to an invocation of another": "wire.frame('Complete', wire.varint(77_777), b'\\2')",
    "the end of an invocation of another": "wire.frame('Settled', wire.varint(77_777), b'\\0')",
    "the answer to a call that nobody made": "wire.frame('Return', wire.varint(77_777), b'\\0\\0\\0\\0')",
    "a capability given back that it has not": "wire.frame('Release', wire.varint(9999), b'\\1')",
    "a text that is no UTF-8": r"wire.frame('Log', b'\0\1', b'\1\xff')",
    "a length in the text that is longer than the frame": r"wire.frame('Log', b'\0\1', b'\xff\xff\x03x')",
}


@pytest.mark.parametrize("what", FORGED)
def test_37_a_cell_that_forges_a_frame_ends(server, what):
    forged = FORGED[what]
    forged, told = forged if isinstance(forged, tuple) else (forged, "")
    printed = len(server.output.text)
    # It waits for an answer that does not come, for the supervisor reads meanwhile.
    assert post(server, f"wire.send({forged})\nawait js.Promise.new(lambda *_: js.setTimeout(lambda: None, 60_000))") is None
    server.output.wait_for(rf"\[attacker\] Isolate \d+ ended: it broke the protocol: .*{re.escape(told)}", printed)
    answer = server.fetch("/", "POST", b"1 + 1")
    assert (answer.status, answer.text) == (200, "2"), server.output.text[printed:]


def test_37_control_a_frame_made_by_hand_is_taken_where_it_is_rightful(server):
    assert post(server, "wire.send(wire.log('made by hand'))") is not None
    server.output.wait_for(r"\[attacker\] made by hand")


NAMES = ["../victim/secret", "victim/secret", "../../victim", "secret\0", "' OR 1=1 --", "%2e%2e/victim", "/etc/passwd"]
NOTHING = ("'None'", "'null'", "'jsnull'")


def test_38_names_lead_to_no_other_workers_data(server):
    assert victim(server, "POST") == "kept kept"
    for name in map(repr, NAMES):
        for binding in ("KV", "BUCKET"):
            assert post(server, f"str(await env.{binding}.get({name}))") in NOTHING, (binding, name)
        # The control arm: as names of its own they are as good as others.
        assert post(server, f"await env.KV.put({name}, 'mine')\nawait env.KV.get({name})") == "'mine'", name
    assert "no such table" in post(server, "await env.DB.prepare('SELECT * FROM t').all()")
    assert victim(server) == "kept kept"


SQL = [
    "ATTACH DATABASE '{path}' AS other",
    "VACUUM INTO '{path}'",
    "PRAGMA writable_schema = 1",
    "PRAGMA journal_mode = OFF",
    "PRAGMA temp_store_directory = '/tmp'",
    "PRAGMA max_page_count = 1",
    "SELECT sqlite_version()",
    "DETACH DATABASE main",
]


@pytest.mark.parametrize("sql", SQL)
def test_39_sql_reaches_nothing_but_its_database(server, tmp_path, sql):
    sql = sql.format(path=tmp_path / "stolen.sqlite")
    told = post(server, f"await env.DB.prepare({sql!r}).all()")
    assert told.startswith("Error: D1_ERROR"), told
    assert not (tmp_path / "stolen.sqlite").exists()


@pytest.mark.parametrize("sql", SQL[:-1])
def test_39_control_sqlite_alone_allows_it(tmp_path, sql):
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        database.execute(sql.format(path=tmp_path / "stolen.sqlite"))


def test_40_lines_cannot_be_passed_off_as_others(server):
    forged = "true\\n[victim] forged\\nReady on http://evil.test\\x1b[2J\\x1b]0;title\\x07\\rover"
    post(server, f'print("{forged}")')
    server.output.wait_for("over\n")
    lines = [line for line in server.output.text.splitlines() if "forged" in line or "evil" in line]
    assert lines == [
        "[attacker] [victim] forged",
        r"[attacker] Ready on http://evil.test\u{1b}[2J\u{1b}]0;title\u{7}\rover",
    ]


def test_40_control_what_a_worker_prints_is_shown(server):
    post(server, 'print("plain")')
    server.output.wait_for(r"\[attacker\] plain")

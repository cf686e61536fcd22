"""A running `hognose`, its output, and an HTTP client for it."""

import collections
import contextlib
import http.client
import http.server
import json
import os
import re
import select
import signal
import socket
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
HOGNOSE = os.environ.get("HOGNOSE", str(REPOSITORY / ".venv/bin/hognose"))
TIMEOUT_S = 60
READY = re.compile(r"Ready on https?://(\S+?):(\d+)")


def wait_until(is_so):
    """Each look takes a while, as a request does; the test's own time limit bounds them."""
    while not is_so():
        pass


@dataclass
class Answer:
    """An HTTP response, read whole."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)


class Output:
    """What a process prints, gathered by a thread, and waited for by the test."""

    def __init__(self, pipe):
        self.text = ""
        self.ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._gather, args=(pipe,), daemon=True)
        self._thread.start()

    def _gather(self, pipe):
        for line in pipe:
            with self._changed:
                self.text += line
                self._changed.notify_all()
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def wait_for(self, pattern, start=0):
        """The first match of `pattern` at or after `start`; fails when the output ends or the time is up."""
        pattern = re.compile(pattern)
        with self._changed:
            self._changed.wait_for(lambda: self.ended or pattern.search(self.text, start), TIMEOUT_S)
            match = pattern.search(self.text, start)
        assert match, f"{pattern.pattern!r} was not printed:\n{self.text}"
        return match

    def wait_for_times(self, text, times):
        """Waits until `text` was printed that often; fails when it was not, or oftener."""
        with self._changed:
            self._changed.wait_for(lambda: self.ended or self.text.count(text) >= times, TIMEOUT_S)
            found = self.text.count(text)
        assert found == times, f"{text!r} was printed {found} times, not {times}:\n{self.text}"

    def wait_for_end(self):
        self._thread.join(TIMEOUT_S)
        assert self.ended, f"the process goes on:\n{self.text}"


class Server:
    """`hognose dev` or `hognose serve`, ready to answer."""

    def __init__(self, arguments, folder, environment=None, under=()):
        self.folder = folder
        self.process = start(arguments, folder, environment, under=under)
        self.output = Output(self.process.stdout)
        try:
            self.port = int(self.output.wait_for(READY)[2])
        except AssertionError:
            self.kill_tree()
            raise

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)

    def socket(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_S)

    def fetch(self, path="/", method="GET", body=None, headers=None):
        with contextlib.closing(self.connect()) as connection:
            # What is refused is answered, and the connection closed, before all of it was sent.
            with contextlib.suppress(BrokenPipeError):
                connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def kill_tree(self):
        """Kills the supervisor and every cell, none of which gets to say a word."""
        pids = [self.process.pid, *descendants(self.process.pid)]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(TIMEOUT_S)
        reap_orphans()

    def stop(self, with_signal=signal.SIGTERM):
        """Asks for a graceful end and gives the exit code."""
        self.process.send_signal(with_signal)
        return self.process.wait(TIMEOUT_S)

    def close(self):
        """Ends the server if it still runs, and fails if it does not end well."""
        if self.process.poll() is None:
            code = self.stop()
            self.output.wait_for_end()
            assert code == 0, f"exit code {code}:\n{self.output.text}"


class Gates(http.server.ThreadingHTTPServer):
    """Answers a request when its gate is opened: what a Worker waits for outside."""

    class RequestHandlerClass(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.reached[self.path].set()
            self.server.opened[self.path].wait(TIMEOUT_S)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            """Says nothing."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.RequestHandlerClass)
        self.opened = collections.defaultdict(threading.Event)
        self.reached = collections.defaultdict(threading.Event)
        threading.Thread(target=self.serve_forever).start()

    def wait_for(self, name):
        """Waits until somebody waits at the gate."""
        assert self.reached[f"/{name}"].wait(TIMEOUT_S), f"nobody came to the gate {name!r}"

    def open(self, name):
        self.opened[f"/{name}"].set()

    def close(self):
        self.shutdown()
        self.server_close()


def start(arguments, folder, environment=None, **options):
    """Starts `hognose`, after the words of another program if need be, with standard error joined to standard output."""
    return subprocess.Popen(
        [*options.pop("under", ()), HOGNOSE, *arguments],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", **(environment or {})},
        stdin=options.pop("stdin", subprocess.DEVNULL),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        **options,
    )


def run(*arguments, folder, input=None, environment=None):
    """Runs `hognose` to its end and gives its exit code and output."""
    process = start(arguments, folder, environment, stdin=subprocess.PIPE)
    try:
        output, _ = process.communicate(input, TIMEOUT_S)
    finally:
        process.kill()
    return process.returncode, output


def stat(pid):
    """State and parent of a process, or None."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[0], int(fields[1])


def children(parent=None):
    """The living children of `parent` (this process if None)."""
    parent = parent or os.getpid()
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    states = [(pid, stat(pid)) for pid in pids]
    return [pid for pid, state in states if state and state[1] == parent and state[0] not in "ZX"]


def descendants(pid):
    """All living processes below `pid`."""
    found = []
    for child in children(pid):
        found += [child, *descendants(child)]
    return found


def reap_orphans():
    """Waits for the end of every process that came to us because its supervisor died."""
    for pid in children():
        pidfd = os.pidfd_open(pid)
        try:
            assert select.select([pidfd], [], [], TIMEOUT_S)[0], f"process {pid} outlives its supervisor"
        finally:
            os.close(pidfd)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)

"""``sys.stdout`` and ``sys.stderr`` of a cell: lines go to the supervisor, each with the invocation it belongs to."""

import io
import sys

from hognose import _hognose

# A line that does not end is sent in pieces of this many characters.
_LINE_MAX = 8192


class LogStream(io.TextIOBase):
    """A text stream that sends whole lines as log messages."""

    def __init__(self, name: str, descriptor: int):
        self._name = name
        self._descriptor = descriptor
        self._line = ""
        self._sent_part = False

    @property
    def name(self):
        return f"<{self._name}>"

    @property
    def encoding(self):
        return "utf-8"

    @property
    def errors(self):
        return "backslashreplace"

    def fileno(self):
        return self._descriptor

    def writable(self):
        return True

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        count = len(text)
        if self._sent_part and text:
            # The end of a line that was sent is no line of its own.
            text, self._sent_part = text.removeprefix("\n"), False
        self._line += text
        if "\n" in text or len(self._line) > _LINE_MAX:
            self._send_lines()
        return count

    def _send_lines(self):
        lines, newline, self._line = self._line.rpartition("\n")
        if newline:
            _log(self._name, lines)
        if len(self._line) > _LINE_MAX:
            self.flush()

    def flush(self):
        if self._line:
            line, self._line, self._sent_part = self._line, "", True
            _log(self._name, line)


def _log(name: str, text: str) -> None:
    """Sends text; from another thread by way of the loop's, which knows of the invocation by the context."""
    if _hognose.is_cell_thread():
        _hognose.log(name, text)
    else:
        _hognose.event_loop.call_soon_threadsafe(_hognose.log, name, text)


def redirect() -> None:
    """Makes both streams log streams."""
    sys.stdout = LogStream("stdout", 1)
    sys.stderr = LogStream("stderr", 2)
    sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr


def flush() -> None:
    """Sends what has no newline yet: at the end of an invocation, and before a fork."""
    sys.stdout.flush()
    sys.stderr.flush()

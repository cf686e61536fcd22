"""What the JavaScript API asks of the operating system: the functions behind `pyodide.FS`, and the standard streams.

`call` is the only thing that JavaScript uses: it answers `[errno, value]`, since the errors of files are plain numbers
there. Values go over as JavaScript's own: bytes as a `Uint8Array`, lists as arrays.
"""

import errno
import io
import os
import posixpath
import sys
from types import SimpleNamespace

from pyodide.ffi import JsException, to_js

_OPEN_FLAGS = {
    "r": os.O_RDONLY,
    "r+": os.O_RDWR,
    "w": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
    "wx": os.O_WRONLY | os.O_CREAT | os.O_EXCL,
    "w+": os.O_RDWR | os.O_CREAT | os.O_TRUNC,
    "wx+": os.O_RDWR | os.O_CREAT | os.O_EXCL,
    "a": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
    "a+": os.O_RDWR | os.O_CREAT | os.O_APPEND,
}
_STAT_FIELDS = ["dev", "ino", "mode", "nlink", "uid", "gid", "rdev", "size", "blksize", "blocks"]


def call(name, *arguments):
    """Runs the function of this name: `[0, value]`, or `[errno, message]` of the error that the system gave."""
    try:
        return to_js([0, getattr(functions, name)(*arguments)])
    except OSError as error:
        return to_js([error.errno or errno.EIO, error.strerror or str(error)])


def _open(path, flags, mode):
    if isinstance(flags, str):
        if flags not in _OPEN_FLAGS:
            raise ValueError(f"Unknown file open mode: {flags}. One of: {', '.join(_OPEN_FLAGS)}")
        flags = _OPEN_FLAGS[flags]
    return os.open(path, flags | os.O_CLOEXEC, mode)


def _read_file(path, flags, encoding):
    with open(_open(path, flags, 0), "rb") as file:
        content = file.read()
    return content.decode(errors="replace") if encoding == "utf8" else content


def _write_file(path, content, flags, mode):
    data = content.encode(errors="replace") if isinstance(content, str) else content.to_bytes()
    with open(_open(path, flags, mode), "wb") as file:
        file.write(data)


def _stat(path, follow):
    found = os.stat(path) if follow else os.lstat(path)
    fields = [getattr(found, f"st_{name}") for name in _STAT_FIELDS]
    return fields + [found.st_atime * 1000, found.st_mtime * 1000, found.st_ctime * 1000]


def _read(descriptor, buffer, position):
    size = buffer.byteLength
    data = os.read(descriptor, size) if position is None else os.pread(descriptor, size, position)
    buffer.subarray(0, len(data)).assign(data)
    return len(data)


def _write(descriptor, buffer, position):
    data = buffer.to_bytes()
    return os.write(descriptor, data) if position is None else os.pwrite(descriptor, data, position)


functions = SimpleNamespace(
    chdir=os.chdir,
    chmod=os.chmod,
    close=os.close,
    cwd=os.getcwd,
    errno_codes=lambda: [[name, number] for number, name in errno.errorcode.items()],
    lseek=os.lseek,
    mkdir=os.mkdir,
    mkdir_tree=lambda path, mode: os.makedirs(path, mode, exist_ok=True),
    normalize=posixpath.normpath,
    open=_open,
    read=_read,
    readdir=lambda path: [".", "..", *sorted(os.listdir(path))],
    read_file=_read_file,
    readlink=os.readlink,
    rename=os.rename,
    rmdir=os.rmdir,
    set_stream=lambda name, device: streams[name].use(device),
    stat=_stat,
    strerror=os.strerror,
    symlink=os.symlink,
    truncate=os.truncate,
    unlink=os.unlink,
    utime=lambda path, atime_ms, mtime_ms: os.utime(path, (atime_ms / 1000, mtime_ms / 1000)),
    write=_write,
    write_file=_write_file,
)


class Device(io.RawIOBase):
    """A standard stream whose bytes go through JavaScript; without a device of its own, through the original."""

    def __init__(self, original):
        self.original = original
        self.device = None

    def isatty(self):
        return bool(self.device.isatty) if self.device is not None else self.original.isatty()

    def readable(self):
        return self.original.readable()

    def writable(self):
        return self.original.writable()

    def readinto(self, buffer):
        if self.device is None:
            data = self.original.buffer.read1(len(buffer))
        else:
            data = _asking(self.device.read, len(buffer)).to_bytes()
        buffer[: len(data)] = data
        return len(data)

    def write(self, data):
        if self.device is None:
            self.original.write(bytes(data).decode(errors="backslashreplace"))
            return len(data)
        return _asking(self.device.write, to_js(data))

    def synchronize(self):
        """Tells the device that somebody wants to see all of the output now."""
        if self.device is None:
            self.original.flush()
        elif getattr(self.device, "fsync", None) is not None:
            self.device.fsync()


def _asking(method, argument):
    """Calls a device; the error number that it throws becomes an `OSError`."""
    try:
        return method(argument)
    except JsException as error:
        number = getattr(error, "errno", None)
        if number is None:
            raise
        raise OSError(number, os.strerror(number)) from None


class Text(io.TextIOWrapper):
    """The text layer over a device. Only an explicit flush ends a line that is not complete."""

    def flush(self):
        super().flush()
        self.buffer.raw.synchronize()


class Stream:
    """One of `sys`'s three streams, and what stands in for it while JavaScript handles it."""

    def __init__(self, name):
        self.name = name
        self.original = None
        self.text = None

    def use(self, device):
        """Hands the stream to a device, or gives it back where that is `None`."""
        if self.text is None:
            if device is None:
                return
            self._make()
        elif self.text.writable():
            self._flush()
        self.text.buffer.raw.device = device
        chosen = self.original if device is None else self.text
        setattr(sys, self.name, chosen)
        setattr(sys, f"__{self.name}__", chosen)

    def _make(self):
        self.original = getattr(sys, self.name)
        raw = Device(self.original)
        buffer = io.BufferedWriter(raw) if raw.writable() else io.BufferedReader(raw)
        errors = getattr(self.original, "errors", None)
        self.text = Text(buffer, encoding="utf-8", errors=errors, newline="\n", line_buffering=True)
        if raw.writable():
            self.original.flush()

    def _flush(self):
        try:
            self.text.flush()
        except OSError:
            # The device refuses it: what is left goes to the next one.
            pass


streams = {name: Stream(name) for name in ("stdin", "stdout", "stderr")}

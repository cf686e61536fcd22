"""What a disk holds after a power cut, worked out from a record of the system calls that wrote to it.

`strace` records every write below a folder, and every flush. From that the disk can be built as it may be when the power
goes at any moment: what was flushed is there; of what was not, nothing is, or some of it.
"""

import re
from collections import defaultdict
from pathlib import Path

CALLS = "openat,write,pwrite64,writev,pwritev,lseek,ftruncate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat"
LINE = re.compile(rb"^(\d+) +(\d+\.\d+) (.*)$")
RESUMED = re.compile(rb"^<\.\.\. \w+ resumed>(.*)$")
CALL = re.compile(rb"^(\w+)\((.*)\) += (\d+)(?:<([^>]*)>)?(?: \(flags [^)]*\))?(?: <([\d.]+)>)?$")
DESCRIPTOR = re.compile(rb"^(\d+)<([^>]*)>")
STRING = re.compile(rb'"([^"]*)"')


def recorder(trace):
    """The words that come before a command, to have it recorded."""
    options = ["-f", "--seccomp-bpf", "-qq", "-xx", "-y", "-ttt", "-T", "-s", str(8 << 20), "-e", f"trace={CALLS}"]
    return ["strace", *options, "-e", "signal=none", "-o", str(trace)]


class File:
    """One file, whatever it is called."""

    def __init__(self):
        self.content = bytearray()
        self.flushed = bytearray()
        self.unflushed = []

    def change(self, change):
        apply(self.content, change)
        self.unflushed.append(change)

    def flush(self):
        for change in self.unflushed:
            apply(self.flushed, change)
        self.unflushed = []


def apply(content, change):
    offset, data = change
    if data is None:
        del content[offset:]
        content.extend(bytes(offset - len(content)))
    else:
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(data)] = data


class Disk:
    """What is below a folder, as its processes see it, and as much of that as is on the disk."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.names = {}
        self.flushed_names = {}
        self.unflushed_names = defaultdict(list)
        self.positions = {}

    def is_data(self, path):
        inside = path.startswith(f"{self.folder}/") and not path.startswith(f"{self.folder}/scratch/")
        return inside and not path.endswith("-shm")

    def file(self, path):
        if path not in self.names:
            self.rename(path, File())
        return self.names[path]

    def rename(self, path, file):
        """Lets a name stand for a file, or for none."""
        self.names[path] = file
        if file is None:
            del self.names[path]
        self.unflushed_names[str(Path(path).parent)].append((path, file))

    def flush(self, path):
        """A flushed file has its name on the disk, as on all file systems in use; a flushed folder all its names."""
        for name, file in self.unflushed_names.pop(path, []):
            self.name_on_disk(self.flushed_names, name, file)
        if path in self.names:
            self.names[path].flush()
            self.flushed_names[path] = self.names[path]

    @staticmethod
    def name_on_disk(names, name, file):
        names[name] = file
        if file is None:
            del names[name]

    def write(self, into, survives):
        """Writes what is left after the power went. `survives` says of each change that was not flushed whether it is."""
        names = dict(self.flushed_names)
        for changes in self.unflushed_names.values():
            for name, file in changes:
                if survives() and (file is not None or name in names):
                    self.name_on_disk(names, name, file)
        for name, file in names.items():
            content = bytearray(file.flushed)
            for change in file.unflushed:
                if survives():
                    apply(content, change)
            path = into / Path(name).relative_to(self.folder)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o600)


class Record:
    """The calls of a trace, in the order in which they ended."""

    def __init__(self, trace):
        self.calls = []
        begun = {}
        for line in trace.open("rb"):
            pid, time, rest = LINE.match(line.rstrip(b"\n")).groups()
            if rest.endswith(b"<unfinished ...>"):
                begun[pid] = rest.removesuffix(b"<unfinished ...>").rstrip()
                continue
            resumed = RESUMED.match(rest)
            if resumed:
                rest = begun.pop(pid) + resumed[1]
            call = CALL.match(rest)
            # What failed changed nothing.
            if call:
                took = 0 if resumed else float(call[5] or 0)
                self.calls.append((float(time) + took, call[1].decode(), call[2], int(call[3]), call[4]))

    def disk(self, folder, until):
        """The disk under `folder` at a time."""
        disk = Disk(folder)
        for time, name, arguments, result, path in self.calls:
            if time <= until:
                getattr(self, f"do_{name}")(disk, arguments, result, path)
        return disk

    @staticmethod
    def target(disk, arguments):
        """The file that the first argument means, and its descriptor."""
        descriptor = DESCRIPTOR.match(arguments)
        path = text(descriptor[2]) if descriptor else ""
        return (path, int(descriptor[1])) if disk.is_data(path) else (None, None)

    def do_openat(self, disk, arguments, result, path):
        path = text(path)
        if not disk.is_data(path) or b"O_DIRECTORY" in arguments:
            return
        if b"O_CREAT" in arguments:
            disk.file(path)
        if b"O_TRUNC" in arguments:
            disk.file(path).change((0, None))
        disk.positions[path, result] = None if b"O_APPEND" in arguments else 0

    def do_write(self, disk, arguments, result, _):
        path, descriptor = self.target(disk, arguments)
        # Sockets and pipes have no names below the folder.
        if path is None or path not in disk.names:
            return
        position = disk.positions.get((path, descriptor))
        offset = len(disk.file(path).content) if position is None else position
        disk.file(path).change((offset, data(arguments)[:result]))
        if position is not None:
            disk.positions[path, descriptor] = offset + result

    def do_pwrite64(self, disk, arguments, result, _):
        path, _ = self.target(disk, arguments)
        if path is not None:
            disk.file(path).change((int(arguments.rpartition(b", ")[2]), data(arguments)[:result]))

    def do_writev(self, disk, arguments, result, _):
        path, _ = self.target(disk, arguments)
        assert path is None or path not in disk.names, "data are written one piece at a time"

    do_pwritev = do_writev

    def do_lseek(self, disk, arguments, result, _):
        path, descriptor = self.target(disk, arguments)
        if path is not None:
            disk.positions[path, descriptor] = result

    def do_ftruncate(self, disk, arguments, result, _):
        path, _ = self.target(disk, arguments)
        if path is not None:
            disk.file(path).change((int(arguments.rpartition(b", ")[2]), None))

    def do_fsync(self, disk, arguments, result, _):
        descriptor = DESCRIPTOR.match(arguments)
        disk.flush(text(descriptor[2]))

    do_fdatasync = do_fsync

    def do_rename(self, disk, arguments, result, _):
        old, new = (text(path) for path in STRING.findall(arguments))
        if old in disk.names:
            file = disk.names[old]
            disk.rename(old, None)
            disk.rename(new, file)

    do_renameat = do_renameat2 = do_rename

    def do_unlink(self, disk, arguments, result, _):
        path = text(STRING.findall(arguments)[0])
        if path in disk.names:
            disk.rename(path, None)

    do_unlinkat = do_unlink


def text(escaped):
    return os_bytes(escaped or b"").decode(errors="surrogateescape")


def data(arguments):
    return os_bytes(STRING.search(arguments)[1])


def os_bytes(escaped):
    """What strace writes as `\\x` and two digits each."""
    return bytes.fromhex(escaped.replace(b"\\x", b"").decode())

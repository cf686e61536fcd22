"""What a cell must not be able to do, and a few things it may. Each attempt gives what came of it, in one line; run as a
script, this tells them all."""

import inspect
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__)


def read_passwords():
    return Path("/etc/passwd").read_text()[:5]


def list_root():
    return "bin" in os.listdir("/")


def read_beside_the_project():
    return (HERE.parents[2] / "beside.txt").read_text()


def write_outside():
    path = HERE.parents[2] / "written.txt"
    path.write_text("x")
    return path.read_text()


def write_own_code():
    (HERE.parent / "more.py").write_text("x = 1")
    return "written"


def remove_own_code():
    victim = HERE.parent / "victim.txt"
    victim.unlink()
    return "removed"


def write_installed_packages():
    path = Path(os.__file__).parent / "hognose_attempt.txt"
    path.write_text("x")
    path.unlink()
    return "written"


def connect_to_loopback():
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))):
        return "connected"


def bind_a_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        return "bound"


def start_a_program():
    return subprocess.run(["/bin/true"], check=False).returncode


def start_the_interpreter():
    return subprocess.run([sys.executable, "-c", "pass"], check=False).returncode


def signal_another_process():
    os.kill(int(sys.argv[2]), 0)
    return "signalled"


def read_the_parents_memory():
    with open(f"/proc/{os.getppid()}/mem", "rb"):
        return "opened"


def foreign_environment():
    return "CANARY" in os.environ


def foreign_descriptors():
    """Those above the standard streams that are neither a socket nor the kernel's own."""
    kinds = {}
    for descriptor in range(3, 256):
        try:
            mode = os.fstat(descriptor).st_mode
        except OSError:
            continue
        kinds[descriptor] = mode & 0o170000
    return sorted(kind for kind in kinds.values() if kind not in (0, 0o140000)) != []


ATTEMPTS = {key: value for key, value in globals().items() if inspect.isfunction(value)}


def write_scratch():
    path = Path(tempfile.mkdtemp()) / "file.txt"
    path.write_text("kept")
    return path.read_text()


def write_null():
    with open("/dev/null", "w") as null:
        return null.write("nothing")


def read_own_code():
    return HERE.read_text()[:3] == '"""'


def time_zones():
    import datetime
    import zoneinfo

    return str(datetime.datetime(2026, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")).utcoffset())


PERMITTED = {function.__name__: function for function in (write_scratch, write_null, read_own_code, time_zones)}


def attempt(function):
    try:
        return repr(function())
    except OSError as error:
        return type(error).__name__


if __name__ == "__main__":
    for name, function in (ATTEMPTS | PERMITTED).items():
        print(name, attempt(function))

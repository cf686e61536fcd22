"""Runs clients of databases in a locked cell against real servers: each program in `clients/` asserts what it is answered.

    apt-get install postgresql redis-server mariadb-server
    python tests/packages/databases.py

The servers are started for it, on loopback, with their data in a temporary folder; egress policy lets the Worker reach
them and nothing else of this machine. A server that is not installed is passed over with its clients, and told of.
"""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from corpus import CLIENTS, HERE, project, run

sys.path.insert(0, str(HERE.parent / "e2e"))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def user_options(name):
    """Servers refuse to run as root: then as the user that their packages have made."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(name)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def own_folder(folder, name, options):
    made = folder / name
    made.mkdir()
    if options:
        os.chown(made, options["user"], options["group"])
    return made


def postgres(folder, port):
    """The command that serves PostgreSQL, with an account `hognose`."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        return None
    options = user_options("postgres")
    data = own_folder(folder, "postgres", options)
    password = data / "password"
    password.write_text("secret")
    if options:
        os.chown(password, options["user"], options["group"])
    made = [programs[-1] / "initdb", "-D", data / "data", "-U", "hognose", f"--pwfile={password}", "-A", "scram-sha-256"]
    subprocess.run(made, check=True, stdout=subprocess.DEVNULL, cwd=data, **options)
    command = [programs[-1] / "postgres", "-D", data / "data", "-p", str(port), "-k", data, "-h", "127.0.0.1"]
    return command, "ready to accept connections", options


def redis(folder, port):
    """The command that serves Redis."""
    program = shutil.which("redis-server")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    return (command, "Ready to accept connections", {}) if program else None


def mariadb(folder, port):
    """The command that serves MariaDB, with an account `hognose` and a database `test`."""
    program = shutil.which("mariadbd", path="/usr/sbin:/usr/local/sbin:" + os.environ["PATH"])
    if not program:
        return None
    options = user_options("mysql")
    data = own_folder(folder, "mariadb", options)
    install = ["mariadb-install-db", "--no-defaults", f"--datadir={data}/data", "--auth-root-authentication-method=normal"]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=data, **options)
    account = data / "account.sql"
    account.write_text(
        "CREATE OR REPLACE DATABASE test CHARACTER SET utf8mb4;\n"
        "CREATE USER hognose@'127.0.0.1' IDENTIFIED BY 'secret';\n"
        "GRANT ALL ON test.* TO hognose@'127.0.0.1';\n"
    )
    command = [program, "--no-defaults", f"--datadir={data}/data", f"--socket={data}/socket", f"--port={port}"]
    command += ["--bind-address=127.0.0.1", "--skip-name-resolve", f"--init-file={account}"]
    return command, "ready for connections", options


SERVERS = {"postgres": postgres, "redis": redis, "mariadb": mariadb}


@contextlib.contextmanager
def serving(folder):
    """Starts what is installed; gives the ports by name."""
    from harness import Output

    ports = {}
    with contextlib.ExitStack() as running:
        for name, prepare in SERVERS.items():
            prepared = prepare(folder, port := free_port())
            if prepared is None:
                print(f"{name} is not installed: what asks it is passed over")
                continue
            command, ready, options = prepared
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder, **options
            )
            running.callback(process.wait)
            running.callback(process.terminate)
            Output(process.stdout).wait_for(ready)
            ports[name] = port
        yield ports


def asks(name, ports):
    """Whether all that a program asks is there."""
    text = CLIENTS[name].read_text()
    return all(server in ports for server in SERVERS if f'"{server}"' in text or f"'{server}'" in text)


def main():
    from harness import Server

    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        folder.chmod(0o755)
        with serving(folder) as ports:
            names = [name for name in CLIENTS if asks(name, ports)]
            worker = project(folder / "worker", names)
            allowed = ", ".join(f'"127.0.0.1:{port}"' for port in ports.values())
            (worker / "hognose.toml").write_text(f"[egress]\nallow_private = false\nallow = [{allowed}]\n")
            with contextlib.closing(Server(["dev", str(worker), "--port", "0"], worker)) as server:
                print(server.output.wait_for(r"lock +(.*)")[1])
                for name in names:
                    wrong = run(server, name, ports)
                    failed += bool(wrong)
                    print(f"{name:18} {'failed' if wrong else 'ok'}\n{wrong.strip()[-2000:]}".strip(), flush=True)
    return failed > 0 or not names


if __name__ == "__main__":
    sys.exit(main())

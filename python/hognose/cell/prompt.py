"""Python's debugger with its prompt at the other end of a connection (see ``hognose.cell.debugger``)."""

import io
import pdb
import socket
import sys


class Prompt(pdb.Pdb):
    """Connects when it has something to ask, and hangs up when the program is let go on."""

    def __init__(self, terminal: str):
        # Without a handler of Ctrl-C, which is the supervisor's, and without a file of commands at home.
        super().__init__(stdout=io.StringIO(), nosigint=True, readrc=False)
        port, _, self._token = terminal.partition(":")
        self._address = ("127.0.0.1", int(port))
        self._connection: socket.socket | None = None

    def interaction(self, frame, traceback):
        if not self._connection and not self._connect():
            self.set_continue()
            return
        super().interaction(frame, traceback)

    def set_continue(self):
        super().set_continue()
        self._hang_up()

    def set_quit(self):
        super().set_quit()
        self._hang_up()

    def _connect(self) -> bool:
        try:
            self._connection = socket.create_connection(self._address)
        except OSError as error:
            print(f"breakpoint() was passed over: the terminal of `hognose dev` cannot be reached: {error}", file=sys.stderr)
            return False
        said = self.stdout.getvalue()
        self.stdin = self._connection.makefile("r", encoding="utf-8", errors="replace")
        self.stdout = self._connection.makefile("w", encoding="utf-8", errors="backslashreplace")
        self.stdout.write(f"{self._token}\n{said}")
        return True

    def _hang_up(self):
        if connection := self._connection:
            self._connection = None
            output, self.stdout = self.stdout, io.StringIO()
            try:
                output.close()
                self.stdin.close()
            except OSError:
                pass  # The terminal has gone already.
            connection.close()

"""The recipe of the embedded Valkey."""

import os
import signal
import socket
from pathlib import Path

from gateway.embedded.home import Home
from gateway.embedded.identity import own
from gateway.embedded.ports import LOOPBACK
from gateway.embedded.process import Command

PROBE_SECONDS_MAX = 1.0

CONFIGURATION = f"""\
bind {LOOPBACK}
port {{port}}
requirepass {{password}}
dir .
daemonize no
logfile ""
appendonly yes
appendfsync always
save ""
maxmemory-policy noeviction
"""
"""A hold that was answered must be on disk, and must never be evicted."""


class ValkeyRecipe:
    """A server with a password, on loopback only, that writes every command before it answers."""

    name = "Valkey"
    stop_signal = signal.SIGTERM
    # Reading the append-only file again: a gigabyte takes some seconds.
    start_seconds_max = 600.0

    def __init__(self, home: Home, program: Path) -> None:
        self._home = home
        self._program = program
        self._password = ""

    def prepare(self) -> None:
        """Make the folder of the append-only file."""
        self._home.data.mkdir(mode=0o700, exist_ok=True)
        own(self._home.identity, self._home.data)
        self._password = self._home.password()

    def command(self, port: int) -> Command:
        """Return the command line, with the configuration on stdin: it holds the password."""
        reading, writing = os.pipe()
        os.write(writing, CONFIGURATION.format(port=port, password=self._password).encode())
        os.close(writing)
        # Started in its folder, so that no path has to be quoted for the configuration.
        return Command(arguments=(self._program, "-"), cwd=self._home.data, stdin=reading)

    def is_ready(self, pid: int, port: int) -> bool:
        """Ask it; only ours knows the password, so no other server on this port can answer."""
        del pid
        try:
            with socket.create_connection((LOOPBACK, port), PROBE_SECONDS_MAX) as probe:
                probe.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\n") < len(("AUTH", "PING")):
                    piece = probe.recv(1024)
                    if not piece:
                        return False
                    answer += piece
        except OSError:
            return False
        # Until the append-only file is read, PING is answered by -LOADING.
        return answer == b"+OK\r\n+PONG\r\n"

    def url(self, port: int) -> str:
        """Return the URL of its first database."""
        return f"redis://:{self._password}@{LOOPBACK}:{port}/0"

"""The recipe of the embedded Postgres."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

from gateway.embedded.errors import EmbeddedError
from gateway.embedded.home import Home, write_private
from gateway.embedded.identity import own
from gateway.embedded.ports import LOOPBACK
from gateway.embedded.process import Command, clean_environment

USER = "farebox"
DATABASE = "postgres"
MAJOR_VERSION = "18"
PID_LINES = 8
"""postmaster.pid: the pid is the first line, the status the eighth."""

OPTIONS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    # Both would write a line every few minutes into a log that nobody reads in peace.
    "log_checkpoints": "off",
    "log_startup_progress_interval": "0",
    # A ledger of this size is in memory: three I/O processes would only sleep.
    "io_method": "sync",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class PostgresRecipe:
    """A cluster with one superuser, password authentication, on loopback only."""

    name = "Postgres"
    # A fast shutdown: running statements are cancelled, everything committed is on disk.
    stop_signal = signal.SIGINT
    # Reading the log again after a crash: a gigabyte takes some seconds on a slow disk.
    start_seconds_max = 600.0

    def __init__(self, home: Home, programs: Path) -> None:
        self._home = home
        self._programs = programs

    def prepare(self) -> None:
        """Make the cluster once; an interrupted try leaves nothing that counts.

        Raises:
            EmbeddedError: initdb failed, or the cluster is of another version.
        """
        data = self._home.data
        if not data.exists():
            self._make_cluster(data.with_name("data.new"), data)
        own(self._home.identity, data)
        version = (data / "PG_VERSION").read_text().strip()
        if version != MAJOR_VERSION:
            raise EmbeddedError(
                f"{data} was made by Postgres {version}, this is {MAJOR_VERSION}; "
                "move it over with pg_dump, or choose another state directory"
            )

    def command(self, port: int) -> Command:
        """Return the command line of the postmaster."""
        self._disown_pid_file()
        options = {"port": str(port), **OPTIONS}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return Command(arguments=(self._programs / "postgres", "-D", self._home.data, *settings))

    def is_ready(self, pid: int, port: int) -> bool:
        """Read postmaster.pid; after a crash the old file still says "ready", but with another pid."""
        del port
        try:
            lines = (self._home.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= PID_LINES and lines[0] == str(pid) and lines[PID_LINES - 1].strip() == "ready"

    def url(self, port: int) -> str:
        """Return the URL of the superuser's own database."""
        return f"postgresql://{USER}:{self._home.password()}@{LOOPBACK}:{port}/{DATABASE}"

    def _make_cluster(self, draft: Path, data: Path) -> None:
        if draft.exists():
            shutil.rmtree(draft)
        draft.mkdir(mode=0o700)
        own(self._home.identity, draft)
        password_file = self._home.path / "initdb-password"
        write_private(password_file, self._home.password())
        own(self._home.identity, password_file)
        try:
            self._initdb(draft, password_file)
        finally:
            password_file.unlink()
        draft.rename(data)
        _sync(data.parent)

    def _initdb(self, draft: Path, password_file: Path) -> None:
        identity = self._home.identity
        made = subprocess.run(  # noqa: S603 -- our own binary and arguments
            [
                *(self._programs / "initdb", "-D", draft, "-U", USER, "-E", "UTF8"),
                *("-A", "scram-sha-256", "--pwfile", password_file, "--no-instructions"),
                # Built in, so that the order of texts does not depend on the host's locales.
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
            ],
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env=clean_environment(),
            user=identity.uid if identity.changes else None,
            group=identity.gid if identity.changes else None,
            extra_groups=[] if identity.changes else None,
        )
        if made.returncode != 0:
            raise EmbeddedError(f"Postgres could not make its data directory: {_complaint(made.stderr)}")

    def _disown_pid_file(self) -> None:
        """Make a left pid file harmless: the number in it may be another process by now.

        We hold the lock that every process of an earlier server would hold, so it
        is stale. Postgres takes its own parent's pid for stale as well, but still
        looks at the shared memory named below, which deleting the file would skip.
        """
        path = self._home.data / "postmaster.pid"
        if path.exists():
            _, _, rest = path.read_text().partition("\n")
            path.write_text(f"{os.getpid()}\n{rest}")


def _complaint(stderr: str) -> str:
    """Return what initdb said went wrong, without its report on cleaning up."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    telling = [line for line in lines if "error" in line.lower() or "fatal" in line.lower()]
    return (telling or lines or ["initdb ended without a word"])[0]


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

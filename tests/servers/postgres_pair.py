"""A Postgres and its streaming replica, from the embedded binaries: one to be killed, one to be promoted."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gateway.embedded.binaries import find_postgres
from gateway.embedded.identity import Identity, run_identity
from gateway.embedded.ports import usable_port
from gateway.embedded.process import _tie_to_parent
from tests.waiting import eventually_now

USER = "farebox"
SECONDS_MAX = 60.0


class PostgresServer:
    """One of the two; logs are beside its data."""

    def __init__(self, programs: Path, identity: Identity, data: Path) -> None:
        self.port = usable_port(None)
        self.data = data
        self._programs = programs
        self._identity = identity
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    def run(self, program: str, *arguments: str | Path) -> None:
        """Run one of Postgres's programs."""
        command = [self._programs / program, *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=SECONDS_MAX, cwd="/", **self._user()
        )
        assert done.returncode == 0, done.stderr

    def start(self, **options: str) -> None:
        """Start it, and return when it takes connections."""
        options = {"port": str(self.port), "listen_addresses": "127.0.0.1", "unix_socket_directories": "", **options}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self.data.parent / f"{self.data.name}.log").open("wb") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.data, *settings],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                preexec_fn=_tie_to_parent(signal.SIGINT),  # noqa: PLW1509 - so that none outlives a killed run
                **self._user(),
            )
        eventually_now(self._is_ready, seconds=SECONDS_MAX)

    def kill(self) -> None:
        """End it at once, as a power cut does."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def promote(self) -> None:
        """Make the replica the primary; return when it takes writes."""
        self.run("pg_ctl", "promote", "-D", self.data, "-w")

    def _is_ready(self) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return bool(lines) and lines[-1].strip() == "ready"  # the file is empty for a moment

    def _user(self) -> dict[str, object]:
        if not self._identity.changes:
            return {}
        return {"user": self._identity.uid, "group": self._identity.gid, "extra_groups": []}


class PostgresPair:
    """The primary, and its replica."""

    def __init__(self, folder: Path) -> None:
        identity = run_identity()
        folder.chmod(0o711)
        programs = find_postgres(folder / "copies", identity)
        home = folder / "postgres"
        home.mkdir()
        os.chown(home, identity.uid, identity.gid)
        self.primary = PostgresServer(programs, identity, home / "primary")
        self.replica = PostgresServer(programs, identity, home / "replica")

    @property
    def url(self) -> str:
        """Both, of which the one is taken that takes writes."""
        hosts = f"{self.primary.address},{self.replica.address}"
        return f"postgresql://{USER}@{hosts}/postgres?target_session_attrs=read-write"

    def start(self, *, synchronous: bool) -> None:
        """Start both; ``synchronous``: nothing is committed that the replica does not have."""
        primary, replica = self.primary, self.replica
        primary.run("initdb", "-D", primary.data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        primary.start(fsync="off")
        place = ("-h", "127.0.0.1", "-p", str(primary.port), "-U", USER)
        primary.run("pg_basebackup", *place, "-D", replica.data, "-R", "-c", "fast", "--no-sync")
        replica.start(fsync="off")
        if synchronous:
            primary.run("psql", *place, "-d", "postgres", "-c", "ALTER SYSTEM SET synchronous_standby_names = '*'")
            primary.run("pg_ctl", "reload", "-D", primary.data)

    def stop(self) -> None:
        """End both."""
        self.primary.kill()
        self.replica.kill()


@contextmanager
def own_pair(*, synchronous: bool) -> Iterator[PostgresPair]:
    """A running pair."""
    folder = Path(tempfile.mkdtemp(prefix="farebox-tests-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        pair = PostgresPair(folder)
        stack.callback(pair.stop)
        pair.start(synchronous=synchronous)
        yield pair

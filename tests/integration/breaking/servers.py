"""A Postgres of the test's own: to be killed, stopped, filled and crowded."""

import asyncio
import os
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import asyncpg
import pytest

from gateway.embedded.binaries import find_postgres
from gateway.embedded.home import Home
from gateway.embedded.identity import run_identity
from gateway.embedded.postgres import PostgresRecipe
from gateway.embedded.servers import say_nothing
from gateway.embedded.supervised import Supervised
from metering.migrate import migrate
from tests.waiting import eventually


class OwnPostgres:
    """The embedded Postgres, with nobody who starts it again."""

    def __init__(self, folder: Path) -> None:
        identity = run_identity()
        self.home = Home(folder, "postgres", identity)
        self._server = Supervised(
            PostgresRecipe(self.home, find_postgres(folder / "bin", identity)), self.home, say_nothing
        )
        self.url = ""

    def start(self) -> None:
        """Start it; return when it takes connections."""
        self._server.start()
        self._server.wait_ready()
        self.url = self._server.url

    async def kill(self) -> None:
        """End it at once, as the machine's kernel would when memory is short."""
        child = self._server._child
        assert child is not None
        child.kill()
        await asyncio.to_thread(child.wait)

    def has_ended(self) -> bool:
        """Return whether it has given up by itself."""
        child = self._server._child
        return child is None or child.poll() is not None

    async def start_again(self) -> None:
        """Start what was killed, on the same port, as soon as its children are gone."""
        await eventually(self._server.tend)
        self._server.wait_ready()

    def freeze(self) -> None:
        """Stop every process of it, so that it is there and says nothing."""
        for pid in self._processes():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let all of them go on."""
        for pid in self._processes():
            os.kill(pid, signal.SIGCONT)

    def _processes(self) -> list[int]:
        child = self._server._child
        assert child is not None
        told = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(child.pid)], capture_output=True, text=True, check=False
        )
        return [child.pid, *map(int, told.stdout.split())]

    def stop(self) -> None:
        """Stop it."""
        with suppress(AssertionError, ProcessLookupError):
            self.thaw()
        self._server.ask_to_stop()
        self._server.wait_stopped()


@contextmanager
def server_folder() -> Iterator[Path]:
    """A folder into which the user may go whom servers run as when the tests run as root."""
    with tempfile.TemporaryDirectory(prefix="farebox-tests-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@asynccontextmanager
async def own_postgres(folder: Path) -> AsyncIterator[OwnPostgres]:
    """A running server with a migrated database."""
    server = OwnPostgres(folder)
    server.start()
    try:
        await migrate(server.url)
        yield server
    finally:
        server.stop()


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of so many megabytes; the test is skipped where nobody may mount one."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0711", "tmpfs", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"a small disk can't be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


class Ballast:
    """A file that takes all the room there is on a disk."""

    def __init__(self, disk: Path) -> None:
        self._path = disk / "ballast"

    def load(self) -> None:
        """Fill the disk to the last byte."""
        with self._path.open("ab", buffering=0) as file:
            for size in (1_048_576, 4096, 1):
                with suppress(OSError):
                    while file.write(bytes(size)) == size:
                        pass

    def drop(self) -> None:
        """Give all of it back."""
        self._path.unlink()


@asynccontextmanager
async def all_places(url: str) -> AsyncIterator[int]:
    """Take every connection that a Postgres gives, those for superusers too; yields how many there were."""
    taken: list[asyncpg.Connection[asyncpg.Record]] = []
    try:
        with suppress(asyncpg.TooManyConnectionsError):
            while True:
                taken.append(await asyncpg.connect(url))
        yield len(taken)
    finally:
        await asyncio.gather(*(connection.close() for connection in taken))

"""Both embedded servers of one Farebox, and the lock on its state directory."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from gateway.embedded.binaries import find_postgres, find_valkey
from gateway.embedded.errors import EmbeddedError, explained
from gateway.embedded.home import Home, make_folder, open_locked
from gateway.embedded.identity import Identity, run_identity
from gateway.embedded.postgres import PostgresRecipe
from gateway.embedded.supervised import Supervised
from gateway.embedded.valkey import ValkeyRecipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where the two stores are; the URLs hold passwords."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)


def say_nothing(text: str) -> None:
    """Take a line of progress and drop it."""


class EmbeddedServers:
    """Starts what has no URL; everything here is called from the main thread.

    ``say`` gets a line for people before each step that may take a while.
    """

    def __init__(
        self,
        *,
        state_dir: Path,
        database_url: str | None,
        redis_url: str | None,
        say: Callable[[str], None] = say_nothing,
    ) -> None:
        self._state_dir = state_dir.absolute()
        self._database_url = database_url
        self._redis_url = redis_url
        self._say = say
        self._lock: int | None = None
        self._postgres: Supervised | None = None
        self._valkey: Supervised | None = None

    def __enter__(self) -> Endpoints:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Endpoints:
        """Start what is needed, and return when all of it takes connections.

        Raises:
            EmbeddedError: it can't be; nothing is left running.
        """
        if self._database_url is None or self._redis_url is None:
            try:
                with explained(self._state_dir):
                    self._start_servers(run_identity())
            except BaseException:
                self.stop()
                raise
        return self._endpoints()

    def tend(self) -> tuple[str, ...]:
        """Start again what has died, on the same URL, and return its names; does not wait.

        To be called about every second; it looks at two child processes.
        """
        return tuple(server.name for server in self._running() if server.tend())

    def stop(self) -> None:
        """Stop both, with everything on disk, and free the state directory; harmless when nothing runs."""
        running = self._running()
        for server in running:
            server.ask_to_stop()
        for server in running:
            server.wait_stopped()
        self._postgres = self._valkey = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _running(self) -> list[Supervised]:
        return [server for server in (self._postgres, self._valkey) if server is not None]

    def _endpoints(self) -> Endpoints:
        database_url = self._database_url or (self._postgres.url if self._postgres else "")
        redis_url = self._redis_url or (self._valkey.url if self._valkey else "")
        return Endpoints(database_url=database_url, redis_url=redis_url)

    def _start_servers(self, identity: Identity) -> None:
        # The run user passes through, to the folders that are its own.
        make_folder(self._state_dir, 0o711 if identity.changes else 0o700)
        self._lock = self._locked()
        copies = self._state_dir / "bin"
        if self._redis_url is None:
            home = Home(self._state_dir, "valkey", identity)
            self._valkey = Supervised(ValkeyRecipe(home, find_valkey(copies, identity)), home, self._say)
        if self._database_url is None:
            home = Home(self._state_dir, "postgres", identity)
            if not home.data.exists():
                self._say("making the Postgres data directory")
            self._postgres = Supervised(PostgresRecipe(home, find_postgres(copies, identity)), home, self._say)
        # Valkey first: it starts while initdb works.
        servers = [server for server in (self._valkey, self._postgres) if server is not None]
        self._say(f"starting {' and '.join(server.name for server in servers)} in {self._state_dir}")
        for server in servers:
            server.start()
        for server in servers:
            server.wait_ready()

    def _locked(self) -> int:
        path = self._state_dir / "lock"
        lock = open_locked(path)
        if lock is None:
            owner = path.read_text().strip() or "unknown"
            raise EmbeddedError(
                f"another Farebox (process {owner}) uses {self._state_dir}; stop it, or give this one "
                "a directory of its own with --state-dir"
            )
        os.truncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        return lock

"""Postgres and Valkey, the embedded ones, to be killed: with fsync on, and every command on disk before its answer."""

import asyncio
import os
import shutil
import signal
import time
from collections import deque
from pathlib import Path
from urllib.parse import urlsplit

from gateway.embedded.binaries import find_postgres, find_valkey
from gateway.embedded.home import Home, make_folder
from gateway.embedded.identity import run_identity
from gateway.embedded.postgres import PostgresRecipe
from gateway.embedded.recipe import Recipe
from gateway.embedded.supervised import Supervised
from gateway.embedded.valkey import ValkeyRecipe

POLL_SECONDS = 0.02
LOST_SECONDS = 1.0  # of the append-only file: what `appendfsync everysec` may lose


class Store:
    """One server."""

    def __init__(self, name: str, home: Home, recipe: Recipe) -> None:
        self.name = name
        self.home = home
        self._recipe = recipe
        self._server = Supervised(recipe, home, lambda _: None)

    @property
    def url(self) -> str:
        """Where it is, without a proxy."""
        return self._server.url

    @property
    def port(self) -> int:
        """Its port."""
        return urlsplit(self.url).port or 0

    @property
    def pid(self) -> int:
        """Its process; Postgres' others are in the same group."""
        return int((self.home.path / "pid").read_text())

    def start(self) -> None:
        """Start it for the first time."""
        self._server.start()
        self._server.wait_ready()

    def kill(self, *, group: bool = False) -> None:
        """End it at once, alone or with all its processes."""
        (os.killpg if group else os.kill)(self.pid, signal.SIGKILL)

    def freeze(self) -> None:
        """Stop it where it is."""
        os.killpg(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.killpg(self.pid, signal.SIGCONT)

    async def gone(self) -> None:
        """Wait until all its processes have ended: each of them holds the lock."""
        while not self._server.tend():  # noqa: ASYNC110 - the kernel sends no Event
            await asyncio.sleep(POLL_SECONDS)

    async def restart(self) -> None:
        """Start it again; return when it takes connections."""
        await self.gone()
        while not await asyncio.to_thread(self._recipe.is_ready, self.pid, self.port):  # noqa: ASYNC110 - nor a server
            await asyncio.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Stop it for good."""
        self._server.ask_to_stop()
        self._server.wait_stopped()


def postgres(state_dir: Path) -> Store:
    """Return a Postgres that is not started yet."""
    identity = run_identity()
    home = Home(state_dir, "postgres", identity)
    return Store("postgres", home, PostgresRecipe(home, find_postgres(state_dir / "bin", identity)))


class Valkey(Store):
    """Valkey, which can come back with less than it had."""

    def __init__(self, state_dir: Path) -> None:
        identity = run_identity()
        home = Home(state_dir, "valkey", identity)
        super().__init__("valkey", home, ValkeyRecipe(home, find_valkey(state_dir / "bin", identity)))
        self._sizes: deque[tuple[float, Path, int]] = deque(maxlen=100)

    async def watch(self) -> None:
        """Remember how long the append-only file was."""
        while True:
            files = sorted(self.home.data.glob("appendonlydir/*.incr.aof"))
            if files:
                self._sizes.append((time.monotonic(), files[-1], files[-1].stat().st_size))
            await asyncio.sleep(LOST_SECONDS / 10)

    def forget_everything(self) -> None:
        """Delete its data; it is dead."""
        shutil.rmtree(self.home.data)
        self._recipe.prepare()

    def forget_a_second(self) -> None:
        """Cut the last second off the append-only file; it is dead."""
        now = time.monotonic()
        old = [(path, size) for at, path, size in self._sizes if at <= now - LOST_SECONDS and path.exists()]
        if old:
            path, size = old[-1]
            os.truncate(path, min(size, path.stat().st_size))
        self._sizes.clear()


def make_stores(folder: Path) -> tuple[Store, Valkey]:
    """Start both."""
    make_folder(folder, 0o711)
    both = postgres(folder), Valkey(folder)
    for store in both:
        store.start()
    return both

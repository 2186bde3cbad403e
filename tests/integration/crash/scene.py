"""A crash: a gateway in a process of its own, taps on its lines, and a strike at one point."""

import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from typing import Any
from urllib.parse import urlsplit

from config.settings import Settings
from tests.conftest import ADMIN_KEY
from tests.integration.crash import victim
from tests.integration.crash.conftest import Stores
from tests.integration.crash.tap import Tap

SECONDS_MAX = 30
# Processes forked from one that has imported everything: a gateway is there in a few milliseconds.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["__main__", "tests.integration.crash.victim"])


@dataclass
class Scene:
    """What a test has to do with."""

    settings: Settings
    stores: Stores
    taps: dict[str, Tap]  # "redis", "postgres"
    struck: asyncio.Event = field(default_factory=asyncio.Event)
    process: ForkServerProcess | None = None

    async def strike(self, target: str) -> None:
        """Kill the victim; a server is started again."""
        if target == "gateway":
            assert self.process
            self.process.kill()
            await asyncio.to_thread(self.process.join)
        else:
            await self.stores.kill(target)
        self.struck.set()

    async def start(self, life: str, account_id: str, ids: list[str]) -> None:
        """Start the gateway; it waits for the first ``go on``."""
        orders = {"environment": self._environment(), "life": life, "account_id": account_id, "ids": ids}
        self._words, theirs = PROCESSES.Pipe()
        self.process = PROCESSES.Process(target=victim.main, args=(theirs, orders), daemon=True)
        await asyncio.to_thread(self.process.start)
        theirs.close()
        assert await self.word() == "started"

    async def word(self) -> str:
        """Return what the gateway says next; nothing when it was killed."""
        try:
            word: str = await asyncio.to_thread(self._words.recv)
        except (EOFError, OSError):
            return ""
        return word

    def go_on(self) -> None:
        with suppress(OSError):  # it may be dead
            self._words.send("go on")

    async def play(self, told: Callable[[str], Awaitable[None]]) -> str:
        """Let it live on until it is over, or killed; ``told`` hears every word before it goes on. Return the last."""
        async with asyncio.timeout(SECONDS_MAX):
            self.go_on()
            while (word := await self.word()) not in {"", "over"}:
                await told(word)
                self.go_on()
            await self.struck.wait()
            return word

    async def end(self) -> None:
        """End the gateway, if it still lives: what it has not tidied up is found by its heir."""
        if self.process:
            self.process.kill()
            await asyncio.to_thread(self.process.join)
            self.process.close()
            self._words.close()

    def _environment(self) -> dict[str, str]:
        urls = {"postgres": str(self.settings.postgres.url), "redis": str(self.settings.redis.url)}
        for name, tap in self.taps.items():
            urls[name] = urls[name].replace(f":{urlsplit(urls[name]).port}", f":{tap.port}", 1)
        return {
            "FAREBOX_STATE_DIR": str(self.settings.state_dir),
            "FAREBOX_DATABASE_URL": urls["postgres"],
            "FAREBOX_REDIS_URL": urls["redis"],
            "FAREBOX_ADMIN_KEY": ADMIN_KEY,
            "FAREBOX_METER_ORPHAN": "bounded",
        }


@asynccontextmanager
async def scene_of(settings: Settings, stores: Stores) -> AsyncIterator[Scene]:
    """Set the scene; nothing of it is left."""
    where: dict[str, Any] = {
        "redis": urlsplit(str(settings.redis.url)),
        "postgres": urlsplit(str(settings.postgres.url)),
    }
    async with (
        Tap(where["redis"].hostname, where["redis"].port) as redis,
        Tap(where["postgres"].hostname, where["postgres"].port) as postgres,
    ):
        scene = Scene(settings, stores, {"redis": redis, "postgres": postgres})
        try:
            yield scene
        finally:
            await scene.end()

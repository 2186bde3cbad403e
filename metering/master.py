"""SHELL: one master of a Redis Cluster: a store of its own, that says whose memory it is."""

import asyncio
import re
from collections.abc import Callable

import structlog

from config.settings import RedisSettings
from metering.errors import RedisDownError
from metering.link import RedisLink
from metering.store import RETRY_SECONDS, RedisStore

log = structlog.get_logger()


class Master(RedisStore):
    """Connected again whenever it was lost; ``changed`` is called each time."""

    def __init__(self, url: str, settings: RedisSettings, changed: Callable[[], None]) -> None:
        super().__init__(url, settings, self._meet)
        self._changed = changed
        self._run_id = ""
        self._owner: str | None = None
        self.tried = asyncio.Event()
        """Set when the first attempt to connect has ended, either way."""

    @property
    def owner(self) -> str | None:
        """Whose memory its buckets are in, or None while it is not connected."""
        return self._owner if self.connected else None

    def follow(self) -> None:
        """Connect in the background, and again whenever the connection is lost."""
        self._task = asyncio.create_task(self._hold_on(), name=f"redis-master-{self._where()}")

    async def look(self) -> None:
        """Notice that this server was a replica meanwhile, and so may have lost what it had not passed on."""
        replication = str(await self.call(b"INFO", b"replication"))
        found = re.search(r"master_replid2:(\w+)", replication)
        if found:
            # The history that it continued at its last promotion: another one for each.
            self._owner = f"{self._run_id}.{found[1]}" if "role:master" in replication else None

    async def _meet(self, run_id: str) -> None:
        if self.weak and self._settings.durability == "strict":
            raise RedisDownError(f"{self._where()}: {self.weak}, which durability = strict refuses")
        self._run_id, self._owner = run_id, None
        await self.look()
        if self._owner is None:
            raise RedisDownError(f"{self._where()} is no master now")

    async def _hold_on(self) -> None:
        while True:
            try:
                link = await self._connect()
                break
            except Exception as error:  # noqa: BLE001 - whatever it was, the next attempt follows
                log.warning("redis_unreachable", error=str(error))
                self.tried.set()
                await asyncio.sleep(RETRY_SECONDS)
        self.tried.set()
        await self._keep(link)

    async def _connect(self) -> RedisLink:
        self._owner = None
        link = await super()._connect()
        link.lost.add_done_callback(lambda _: self._gone())
        self._changed()
        return link

    def _gone(self) -> None:
        self._owner = None
        self._changed()

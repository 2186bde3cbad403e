"""SHELL: Redis, one server or a cluster: what the meter asks of it is the same."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Protocol

from config.hosts import is_cluster
from config.settings import RedisSettings
from metering.cluster import ClusterStore
from metering.keys import BUCKETS
from metering.link import Reply
from metering.store import RedisStore

Served = Callable[[Mapping[int, str]], Awaitable[None]]
"""Told who serves buckets now: another owner is another memory."""

Parted = Callable[[Collection[int]], None]
"""Told which buckets nobody serves now."""


class Store(Protocol):
    """The scripts, callable; down means every call answers ``RedisDownError`` at once."""

    @property
    def weak(self) -> str | None:
        """Why this Redis may forget, or None."""

    @property
    def connected(self) -> bool:
        """Whether calls go through now, for every account."""

    @property
    def alive(self) -> bool:
        """Whether any call goes through now."""

    async def start(self) -> None:
        """Connect once (raises RedisDownError), then keep connected in the background."""

    async def stop(self) -> None:
        """Close what is open."""

    def script(self, name: str, keys: tuple[bytes, ...], *arguments: bytes | str | int) -> asyncio.Future[Reply]:
        """Call a script; all its keys are of one bucket."""

    def write(self, bucket: int, command: bytes) -> asyncio.Future[Reply]:
        """Send one command on a bucket's keys that is packed already (metering/packing.py)."""

    def call(self, *command: bytes | str | int) -> asyncio.Future[Reply]:
        """Send one command, to the server that has its key; one without a key goes to every server."""

    async def reload(self, reply: Reply) -> bool:
        """Make ready to call once more after this reply, if that can help."""

    async def ping(self) -> None:
        """Raise unless Redis answers, in a cluster for some accounts at least."""


def open_store(url: str, settings: RedisSettings, served: Served, parted: Parted) -> Store:
    """Return the store of a URL; nothing is connected yet."""
    if is_cluster(url):
        return ClusterStore(url, settings, served, parted)

    async def connected(run_id: str) -> None:
        await served(dict.fromkeys(range(BUCKETS), run_id))

    return RedisStore(url, settings, connected)

"""SHELL: a Redis Cluster, as one store.

All keys of an account carry one tag, so a script goes to one master, over that master's own connection. Who the
masters are is asked for twice a second, and at once when a call was misdirected or a connection was lost. A bucket
whose master is not known, or not connected, is parted: its calls answer ``RedisDownError``, all others go on.

Calls are never sent after a redirection: the owner of a slot has another memory, so its bucket gets a new epoch
first. A slot that is on its way is waited for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import suppress

import hiredis
import redis.asyncio as redis
import structlog
from redis.exceptions import RedisError

from config.hosts import Address, parse_cluster_url
from config.settings import RedisSettings
from metering.core.slots import View, masters_of, parse_view
from metering.errors import MeteringError, RedisDownError
from metering.keys import BUCKETS, bucket_of_key
from metering.link import Reply
from metering.master import Master

log = structlog.get_logger()
LOOK_SECONDS = 0.5
MOVING_SECONDS = 0.05
REDIRECTED = ("MOVED", "ASK", "TRYAGAIN")


class ClusterStore:
    """The masters of a cluster, and which of them serves each bucket."""

    def __init__(
        self,
        url: str,
        settings: RedisSettings,
        served: Callable[[Mapping[int, str]], Awaitable[None]],
        parted: Callable[[Collection[int]], None],
    ) -> None:
        """Prepare; ``served`` and ``parted`` are told whose memory a bucket is in, before calls on it go through."""
        self._url = parse_cluster_url(url)
        self._settings = settings
        self._served = served
        self._parted = parted
        self._known: set[Address] = set(self._url.seeds)
        self._masters: dict[Address, Master] = {}
        self._address_of: list[Address | None] = [None] * BUCKETS
        self._route: list[Master | None] = [None] * BUCKETS
        self._told: list[str | None] = [None] * BUCKETS
        self._wake = asyncio.Event()
        self._looked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether calls go through now, for every account."""
        return all(self._route)

    @property
    def alive(self) -> bool:
        """Whether any call goes through now."""
        return any(self._route)

    @property
    def weak(self) -> str | None:
        """Why one of the masters may forget, or None."""
        return next((f"{at}: {one.weak}" for at, one in self._masters.items() if one.connected and one.weak), None)

    async def start(self) -> None:
        """Connect to the masters (raises RedisDownError when there is none), then follow them in the background."""
        await self._look()
        if not self.alive:
            await self.stop()
            nodes = ", ".join(map(str, self._url.seeds))
            raise RedisDownError(f"no master of the Redis cluster at {nodes} can be used")
        self._task = asyncio.create_task(self._follow(), name="redis-cluster")

    async def stop(self) -> None:
        """Close all connections."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.gather(*(master.stop() for master in self._masters.values()))
        self._masters.clear()
        self._route = [None] * BUCKETS

    def script(self, name: str, keys: tuple[bytes, ...], *arguments: bytes | str | int) -> asyncio.Future[Reply]:
        """Call a script on the master of its keys, which are of one bucket."""
        master = self._route[bucket_of_key(keys[0])]
        return master.script(name, keys, *arguments) if master else self._nobody()

    def write(self, bucket: int, command: bytes) -> asyncio.Future[Reply]:
        """Send one packed command to the master of a bucket."""
        master = self._route[bucket]
        return master.write(bucket, command) if master else self._nobody()

    def call(self, *command: bytes | str | int) -> asyncio.Future[Reply]:
        """Send a command to the master of its key; one without a key to all, answering the first error if any."""
        key = command[1] if len(command) > 1 else b""
        if not (isinstance(key, bytes) and key.startswith(b"{b")):
            return asyncio.ensure_future(self._call_all(command))
        master = self._route[bucket_of_key(key)]
        return master.call(*command) if master else self._nobody()

    async def _call_all(self, command: tuple[bytes | str | int, ...]) -> Reply:
        replies = await asyncio.gather(*(one.call(*command) for one in self._masters.values() if one.connected))
        errors = (reply for reply in replies if isinstance(reply, Exception))
        return next(errors, replies[0] if replies else RedisDownError("no master of the Redis cluster is connected"))

    def _nobody(self) -> asyncio.Future[Reply]:
        self._wake.set()
        future = asyncio.get_running_loop().create_future()
        future.set_result(RedisDownError("no master of the Redis cluster serves this account now"))
        return future

    async def reload(self, reply: Reply) -> bool:
        """Load the scripts again where they are gone, or look for the master that a call belongs to."""
        if not isinstance(reply, hiredis.ReplyError):
            return False
        text = str(reply)
        if text.startswith("NOSCRIPT"):
            await asyncio.gather(*(master.reload(reply) for master in self._masters.values() if master.connected))
            return True
        if not text.startswith(REDIRECTED):
            return False
        if not text.startswith("MOVED"):
            await asyncio.sleep(MOVING_SECONDS)
        looked = self._looked
        self._wake.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.timeout_seconds):
                await looked.wait()
        return True

    async def ping(self) -> None:
        """Raise unless a master answers: with one that is away, the accounts of all others are served."""
        replies = await asyncio.gather(*(one.call(b"PING") for one in self._masters.values() if one.connected))
        if all(isinstance(reply, Exception) for reply in replies):
            raise RedisDownError(f"no master of the Redis cluster answers: {replies[:1] or 'none is connected'}")

    async def _follow(self) -> None:
        while True:
            try:
                await self._look()
            except MeteringError as error:
                log.warning("redis_cluster_waits", error=str(error))
            except Exception:
                log.exception("redis_cluster_failed")
            looked, self._looked = self._looked, asyncio.Event()
            looked.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()
            self._wake.clear()

    async def _look(self) -> None:
        """Learn who serves what, connect to new masters, and say what has changed."""
        views = await self._views()
        claims = [claim for view in views for claim in view.claims]
        self._address_of = masters_of(claims)
        if claims:
            self._known = set(self._url.seeds).union(*(view.addresses for view in views))
            await self._have({address for address in self._address_of if address})
        await self._assign()

    async def _views(self) -> list[View]:
        """Return what the masters say; when none of them does, what anybody says."""
        linked = [(address, master) for address, master in self._masters.items() if master.connected]
        views = await asyncio.gather(*(self._view(address, master) for address, master in linked))
        found = [view for view in views if view]
        if not found:
            views = await asyncio.gather(*(self._view_of_stranger(address) for address in self._known))
            found = [view for view in views if view]
        return found

    async def _view(self, address: Address, master: Master) -> View | None:
        await master.look()
        return self._parsed(address, await master.call(b"CLUSTER", b"INFO"), await master.call(b"CLUSTER", b"NODES"))

    async def _view_of_stranger(self, address: Address) -> View | None:
        seconds = self._settings.timeout_seconds
        url = self._url.of_node(address)
        client = redis.Redis.from_url(url, protocol=2, socket_timeout=seconds, socket_connect_timeout=seconds)
        try:
            info = await client.execute_command("CLUSTER", "INFO")  # type: ignore[no-untyped-call]  # redis-py
            nodes = await client.execute_command("CLUSTER", "NODES")  # type: ignore[no-untyped-call]  # redis-py
            return self._parsed(address, info, nodes)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("redis_cluster_node_unreachable", address=str(address), error=str(error))
            return None
        finally:
            await client.aclose()

    def _parsed(self, address: Address, info: Reply, nodes: Reply) -> View | None:
        # A node that says "fail" does not reach most of the others: what it knows may be old.
        if not isinstance(info, bytes) or b"cluster_state:ok" not in info or not isinstance(nodes, bytes):
            return None
        return parse_view(nodes.decode(), address, tls=self._url.tls)

    async def _have(self, addresses: set[Address]) -> None:
        """Connect to these masters, and leave all others."""
        for address in self._masters.keys() - addresses:
            await self._masters.pop(address).stop()
        for address in addresses - self._masters.keys():
            master = Master(self._url.of_node(address), self._settings, self._changed)
            self._masters[address] = master
            master.follow()
        await asyncio.gather(*(master.tried.wait() for master in self._masters.values()))

    def _changed(self) -> None:
        """Take in at once that a connection was lost or made."""
        self._part()
        self._wake.set()

    def _part(self) -> None:
        gone = [bucket for bucket, owner in enumerate(self._told) if owner and not self._owner_of(bucket)]
        for bucket in gone:
            self._route[bucket] = self._told[bucket] = None
        if gone:
            self._parted(gone)

    async def _assign(self) -> None:
        self._part()
        owners = {bucket: owner for bucket in range(BUCKETS) if (owner := self._owner_of(bucket))}
        new = {bucket: owner for bucket, owner in owners.items() if owner != self._told[bucket]}
        for bucket in new:
            address = self._address_of[bucket]
            self._route[bucket] = self._masters[address] if address else None
        if new:
            log.info("redis_cluster_served", buckets=len(new), masters=_count(new.values()))
            # Nothing is awaited between the routes and this: calls on them find their buckets shut.
            await self._served(new)
            for bucket, owner in new.items():
                self._told[bucket] = owner

    def _owner_of(self, bucket: int) -> str | None:
        address = self._address_of[bucket]
        master = self._masters.get(address) if address else None
        return master.owner if master else None


def _count(owners: Iterable[str]) -> int:
    return len(set(owners))

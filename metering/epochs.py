"""SHELL: epochs.

A Redis that may have forgotten starts a new one, and admits nothing until the owners of holds have stated them
again (DESIGN 3.1 and 3.5).

One refresh does it all, and repeats harmlessly: compare-and-set in Postgres, write the sentinels of the buckets that
this gateway renewed, announce its own holds, say so, wait for the others, open the buckets.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from typing import Any, TypeAlias

import structlog

from config.settings import MeterSettings, RedisSettings
from metering.errors import BarrierError, LedgerDownError, MeterUnavailableError, RedisDownError
from metering.keys import BUCKETS, epoch_key
from metering.ledger import Ledger
from metering.store import NAMELESS
from metering.stores import Store

log = structlog.get_logger()
POLL_SECONDS = 0.05
# A gateway that renewed a bucket needs a moment to write its sentinel; only then is a missing one a lost one.
SENTINEL_GRACE_SECONDS = 0.2

Announce: TypeAlias = Callable[[frozenset[int]], Awaitable[None]]


class Epochs:
    """The epoch of each bucket, as the scripts are told it."""

    def __init__(self, ledger: Ledger, instance_id: str, meter: MeterSettings, redis: RedisSettings) -> None:
        self._ledger = ledger
        self._instance_id = instance_id
        self._meter = meter
        self._redis = redis
        self._known: list[int] = [0] * BUCKETS
        self._tokens: list[bytes | None] = [None] * BUCKETS
        self._owners: list[str | None] = [None] * BUCKETS
        self._opened = asyncio.Event()
        self._openings: set[asyncio.Task[None]] = set()
        self._busy = asyncio.Lock()
        self._lost: dict[int, int] = {}
        self._unfinished = False  # the last refresh failed half-way: what it left shut needs another one
        self._unstated: set[int] = set()  # buckets with an epoch for which our holds are not announced yet
        self._behind_since: float | None = None
        self._doubted: set[tuple[int, int]] = set()
        self._looking: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self.store: Store | None = None
        self.announce: Announce | None = None

    def open_token(self, bucket: int) -> bytes | None:
        """Return what scripts on this bucket are given, or None while its barrier is up."""
        return self._tokens[bucket]

    @property
    def waiting(self) -> int:
        """How many buckets that are served wait for holds to be stated again."""
        return sum(token is None and owner is not None for token, owner in zip(self._tokens, self._owners, strict=True))

    @property
    def shut(self) -> int:
        """How many buckets admit nothing now: these, and those that no server is there for."""
        return self._tokens.count(None)

    def token(self, bucket: int) -> bytes:
        """Return the bucket's epoch as written in its sentinel, open or not."""
        return self._tokens[bucket] or self._text(bucket)

    async def wait_open(self, bucket: int) -> bytes:
        """Return the bucket's token, waiting a little for its barrier. Raises BarrierError, RedisDownError."""
        try:
            async with asyncio.timeout(self._redis.barrier_wait_seconds):
                while (token := self._tokens[bucket]) is None:
                    self._opened.clear()
                    await self._opened.wait()
        except TimeoutError:
            if self._owners[bucket] is None:
                raise RedisDownError("the Redis server of this account does not answer") from None
            raise BarrierError("Redis was restarted; open holds are being counted again") from None
        return token

    async def served(self, owners: Mapping[int, str]) -> None:
        """Take in who serves these buckets now: another owner is another memory.

        Where its run_id can't be read, any new connection may be one to another memory.
        """
        for bucket, owner in owners.items():
            if owner != self._owners[bucket]:
                self._owners[bucket] = owner
                self._tokens[bucket] = None
        await self._take_up()
        nameless = {bucket: self._known[bucket] for bucket, owner in owners.items() if owner.startswith(NAMELESS)}
        if nameless:
            self._lost |= nameless
            await self._take_up()

    async def _take_up(self) -> None:
        """Refresh. Where a sentinel is not there (yet), its bucket stays shut: the next beat goes on from here."""
        try:
            await self.refresh()
        except BarrierError as error:
            log.warning("epoch_waits", error=str(error))

    def parted(self, buckets: Collection[int]) -> None:
        """Shut buckets that nobody serves now: who does next is another gateway's to say, too."""
        for bucket in buckets:
            self._owners[bucket] = self._tokens[bucket] = None

    async def lost(self) -> None:
        """Handle a script that answered "another epoch": renew every bucket whose sentinel is gone or another one.

        A Redis that was emptied tells so once for each request; one look and one opening serve them all.
        """
        if self._looking is None or self._looking.done():
            self._looking = self._spawn(self._look(), "look")
        await asyncio.shield(self._looking)

    async def _look(self) -> None:
        assert self.store is not None
        seen = self._known.copy()
        await asyncio.sleep(SENTINEL_GRACE_SECONDS)
        self._looking = None  # who comes from now on may know of a later loss
        sentinels = await asyncio.gather(*(self.store.call(b"GET", epoch_key(bucket)) for bucket in range(BUCKETS)))
        if all(isinstance(found, Exception) for found in sentinels):
            raise RedisDownError(str(sentinels[0]))
        for bucket, found in enumerate(sentinels):
            is_known = isinstance(found, Exception) or found == self._text(bucket)
            if self._known[bucket] == seen[bucket] and not is_known:
                self._tokens[bucket] = None
                self._lost[bucket] = seen[bucket]
        await self.refresh()

    async def beat(self) -> None:
        """Tell Postgres that this gateway lives, and hear of epochs that others started."""
        newest = await self._ledger.beat(self._instance_id)
        if newest > max(self._known) or self._unfinished:
            await self.refresh()

    def doubt(self, bucket: int) -> None:
        """Note that a bucket's sentinel is not there yet; the second time, it never will be: it is lost."""
        doubt = bucket, self._known[bucket]
        if doubt in self._doubted:
            self._lost[bucket] = self._known[bucket]
        self._doubted ^= {doubt}

    async def refresh(self) -> None:
        """Bring this gateway to the newest epochs. Raises MeterUnavailableError: the next beat tries again.

        One that has not begun yet serves everybody who asks meanwhile.
        """
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = self._spawn(self._refresh(), "refresh")
        await asyncio.shield(self._refreshing)

    async def _refresh(self) -> None:
        async with self._busy:
            self._refreshing = None  # what is asked from now on is not known to this one
            self._unfinished = True
            owners = list(self._owners)
            await self._write_sentinels(await self._renew(owners))
            newest = stated = max(self._known)
            shut = frozenset(bucket for bucket, token in enumerate(self._tokens) if token is None)
            reached = frozenset(bucket for bucket in shut if owners[bucket])
            if shut:
                await self._announce(reached)
                await self._announce_unreached(shut - reached)
                if self._owners != owners:
                    return  # other servers have some of them by now, and the refresh that follows tells those
                stated = self._stated(newest)
                await self._ledger.announced(self._instance_id, stated)
            self._unfinished = stated < newest
        if reached:
            self._spawn(self._open(reached, newest), f"barrier-{newest}")

    async def _renew(self, owners: list[str | None]) -> list[int]:
        """Take in every bucket's epoch; return the buckets whose sentinel is ours to write."""
        lost, self._lost = self._lost, {}
        try:
            rows = await self._ledger.renew_epochs(owners, lost)
        except LedgerDownError:
            self._lost = {**lost, **self._lost}
            raise
        for bucket, epoch, _ in rows:
            if epoch != self._known[bucket]:
                self._known[bucket] = epoch
                self._tokens[bucket] = None
                self._unstated.add(bucket)
        return [bucket for bucket, _, renewed in rows if renewed]

    async def _announce(self, buckets: frozenset[int]) -> None:
        if self.announce:
            await self.announce(buckets)
        self._unstated -= buckets

    async def _announce_unreached(self, buckets: frozenset[int]) -> None:
        """Without a hold of ours there, nothing is to be said, and no server is needed to say it."""
        try:
            await self._announce(buckets & self._unstated)
        except MeterUnavailableError as error:
            log.warning("announce_waits", error=str(error))

    def _stated(self, newest: int) -> int:
        """Return the epoch up to which all our holds are announced.

        A gateway that does not reach a master is not waited for longer than one that does not live.
        """
        now = asyncio.get_running_loop().time()
        if not self._unstated:
            self._behind_since = None
            return newest
        self._behind_since = self._behind_since or now
        if now - self._behind_since > self._meter.lease_seconds:
            return newest
        return min(self._known[bucket] for bucket in self._unstated) - 1

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        task = asyncio.create_task(work, name=name)
        self._openings.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._openings.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited for it has it; perhaps nobody does any more

    async def _open(self, buckets: frozenset[int], newest: int) -> None:
        epochs = {bucket: self._known[bucket] for bucket in buckets}
        texts = {bucket: self._text(bucket) for bucket in buckets}
        for epoch in sorted(set(epochs.values())):
            shut = {bucket for bucket in buckets if epochs[bucket] == epoch}
            # One that is replaced meanwhile, by a newer epoch or another owner, never opens.
            while shut := {bucket for bucket in shut if self._text(bucket) == texts[bucket]}:
                for bucket in shut & await self._open_buckets(epoch):
                    if self._text(bucket) == texts[bucket]:
                        self._tokens[bucket] = texts[bucket]
                        shut.remove(bucket)
                if shut:
                    await asyncio.sleep(POLL_SECONDS)
            self._opened.set()
        log.info("epoch_opened", epoch=newest, buckets=len(buckets))

    async def _open_buckets(self, epoch: int) -> frozenset[int]:
        try:
            return await self._ledger.open_buckets(
                epoch, seconds=self._redis.barrier_seconds, lease_seconds=self._meter.lease_seconds
            )
        except LedgerDownError:
            return frozenset()

    async def _write_sentinels(self, buckets: list[int]) -> None:
        assert self.store is not None
        calls = [self.store.script("epoch", (epoch_key(b),), self._text(b)) for b in buckets]
        for reply in await asyncio.gather(*calls):
            if isinstance(reply, Exception):
                raise RedisDownError(str(reply))

    def _text(self, bucket: int) -> bytes:
        return f"{self._known[bucket]}:{self._owners[bucket]}".encode()

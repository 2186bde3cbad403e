"""SHELL: epochs.

A Redis that may have forgotten starts a new one, and admits nothing until the owners of holds have stated them
again (DESIGN 3.1 and 3.5).

One refresh does it all, and repeats harmlessly: compare-and-set in Postgres, write the sentinels of the buckets that
this gateway renewed, announce its own holds, say so, wait for the others, open the buckets.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeAlias

import structlog

from config.settings import MeterSettings, RedisSettings
from metering.errors import BarrierError, LedgerDownError, RedisDownError
from metering.keys import BUCKETS, epoch_key
from metering.ledger import Ledger
from metering.store import NAMELESS, RedisStore

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
        self._run_id = ""
        self._opened = asyncio.Event()
        self._openings: set[asyncio.Task[None]] = set()
        self._busy = asyncio.Lock()
        self._lost: dict[int, int] = {}
        self._unfinished = False  # the last refresh failed half-way: what it left shut needs another one
        self._doubted: set[tuple[int, int]] = set()
        self._looking: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self.store: RedisStore | None = None
        self.announce: Announce | None = None

    def open_token(self, bucket: int) -> bytes | None:
        """Return what scripts on this bucket are given, or None while its barrier is up."""
        return self._tokens[bucket]

    def token(self, bucket: int) -> bytes:
        """Return the bucket's epoch as written in its sentinel, open or not."""
        return self._tokens[bucket] or self._text(bucket)

    async def wait_open(self, bucket: int) -> bytes:
        """Return the bucket's token, waiting a little for its barrier. Raises BarrierError."""
        try:
            async with asyncio.timeout(self._redis.barrier_wait_seconds):
                while (token := self._tokens[bucket]) is None:
                    self._opened.clear()
                    await self._opened.wait()
        except TimeoutError:
            raise BarrierError("Redis was restarted; open holds are being counted again") from None
        return token

    async def connected(self, run_id: str) -> None:
        """Take a new connection to Redis: another run_id is another memory.

        Where the run_id can't be read, any new connection may be one to another memory.
        """
        if run_id != self._run_id:
            self._tokens = [None] * BUCKETS
            self._run_id = run_id
        await self.refresh()
        if run_id.startswith(NAMELESS):
            self._lost = dict(enumerate(self._known))
            await self.refresh()

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
        for bucket, found in enumerate(sentinels):
            if isinstance(found, Exception):
                raise RedisDownError(str(found))
            if self._known[bucket] == seen[bucket] and found != self._text(bucket):
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
            lost, self._lost = self._lost, {}
            try:
                rows = await self._ledger.renew_epochs(self._run_id, lost)
            except LedgerDownError:
                self._lost = {**lost, **self._lost}
                raise
            changed = {bucket: epoch for bucket, epoch, _ in rows if epoch != self._known[bucket]}
            shut = frozenset(bucket for bucket, token in enumerate(self._tokens) if token is None)
            for bucket, epoch in changed.items():
                self._tokens[bucket] = None
                self._known[bucket] = epoch
            await self._write_sentinels([bucket for bucket, _, renewed in rows if renewed])
            waiting = shut | changed.keys()
            newest = max(self._known)
            if waiting:
                if self.announce:
                    await self.announce(frozenset(waiting))
                await self._ledger.announced(self._instance_id, newest)
            self._unfinished = False
        if waiting:
            self._spawn(self._open(frozenset(waiting), newest), f"barrier-{newest}")

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
        for epoch in sorted(set(epochs.values())):
            while not await self._barrier_open(epoch):
                await asyncio.sleep(POLL_SECONDS)
                if not any(self._known[bucket] == own == epoch for bucket, own in epochs.items()):
                    break  # a newer one took its place: this barrier never ends
            for bucket, own in epochs.items():
                if own == epoch and self._known[bucket] == epoch:
                    self._tokens[bucket] = self._text(bucket)
            self._opened.set()
        log.info("epoch_opened", epoch=newest, buckets=len(buckets))

    async def _barrier_open(self, epoch: int) -> bool:
        try:
            return await self._ledger.barrier_open(
                epoch, seconds=self._redis.barrier_seconds, lease_seconds=self._meter.lease_seconds
            )
        except LedgerDownError:
            return False

    async def _write_sentinels(self, buckets: list[int]) -> None:
        assert self.store is not None
        calls = [self.store.script("epoch", (epoch_key(b),), self._text(b)) for b in buckets]
        for reply in await asyncio.gather(*calls):
            if isinstance(reply, Exception):
                raise RedisDownError(str(reply))

    def _text(self, bucket: int) -> bytes:
        return f"{self._known[bucket]}:{self._run_id}".encode()

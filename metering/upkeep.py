"""SHELL: what a gateway does beside its requests: heartbeats, sweeps, adoption, expiry, what is due, seals, roll-ups.

Each chore is a loop of its own that survives whatever goes wrong in one round.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import structlog

from config.settings import Settings
from metering.epochs import Epochs
from metering.errors import MeteringError
from metering.ledger import Ledger
from metering.meter import Meter
from metering.metrics import METRICS
from metering.migrate import MONTHS_AHEAD
from metering.recovery import Recovery
from metering.settler import Settler
from metering.stores import Store

log = structlog.get_logger()
BEAT_SECONDS = 0.5
COUNT_SECONDS = 1.0
PARTITIONS_SECONDS = 21_600.0  # four times a day, months ahead


class Chore(NamedTuple):
    """Work that is done every so many seconds."""

    name: str
    seconds: float
    work: Callable[[], Awaitable[object]]


class Upkeep:
    """The chores of one gateway process."""

    def __init__(  # noqa: PLR0913 - what the chores touch
        self,
        *,
        settings: Settings,
        ledger: Ledger,
        store: Store,
        epochs: Epochs,
        meter: Meter,
        settler: Settler,
        recovery: Recovery,
        more: Sequence[Chore] = (),
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._store = store
        self._epochs = epochs
        self._meter = meter
        self._settler = settler
        self._recovery = recovery
        self._more = more
        self._tasks: list[asyncio.Task[None]] = []
        self._recovered = False

    def start(self) -> None:
        """Start all chores."""
        meter = self._settings.meter
        for name, seconds, chore in (
            ("beat", BEAT_SECONDS, self._beat),
            ("recover", meter.sweep_seconds, self._recover),
            ("expire", meter.expiry_seconds, self._expire),
            ("partitions", PARTITIONS_SECONDS, self._partitions),
            ("count", COUNT_SECONDS, self._count),
            *self._more,
        ):
            self._tasks.append(asyncio.create_task(self._repeat(name, seconds, chore), name=name))

    async def stop(self) -> None:
        """Stop all chores."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _repeat(self, name: str, seconds: float, chore: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await chore()
            except MeteringError as error:
                log.warning("chore_waits", chore=name, error=str(error))
            except Exception:
                log.exception("chore_failed", chore=name)
            await asyncio.sleep(seconds)

    async def _beat(self) -> None:
        # A gateway that can't reach Redis can't announce its holds: it must not make a barrier wait for it.
        if self._store.alive:
            await self._epochs.beat()

    async def _recover(self) -> None:
        # Journals first: they know what a deadline does not.
        await self._recovery.adopt()
        if self._store.alive:
            whole = self._store.connected
            await self._recovery.sweep()
            self._recovered = self._recovered or whole

    async def _expire(self) -> None:
        if not self._recovered:
            return  # what was left behind may still draw on a pack that expired meanwhile
        meter = self._settings.meter
        grace = meter.request_seconds_max + 2 * meter.lease_seconds
        for state in await self._ledger.expire_packs(grace_seconds=grace):
            await self._settler.push(state)

    async def _partitions(self) -> None:
        await self._ledger.value("make_partitions", MONTHS_AHEAD)

    def judge_redis(self) -> None:
        """Have the journal on the disk before anything is forwarded, where Redis may forget what it has answered."""
        weak = self._store.weak
        METRICS.redis_weak.set(weak is not None)
        if weak and not self._meter.journal.durable:
            log.warning("redis_weak", reason=weak)
            self._meter.journal.durable = True

    async def _count(self) -> None:
        self.judge_redis()  # another one may answer at its address by now
        METRICS.holds_open.set(sum(hold.charge is None for hold in self._meter.holds.values()))
        METRICS.unsettled.set(self._settler.open)
        METRICS.sweep_lag.set(self._recovery.lag_seconds)
        METRICS.buckets_shut.set(self._epochs.shut)
        METRICS.flush()

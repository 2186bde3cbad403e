"""SHELL: what dead gateways left behind.

Their journals are adopted by whoever gets the lock: settled exactly where the usage was known, by the orphan rule
where it was not, released where the journal proves that nothing was forwarded. What no journal tells about is found
by the sweeper, when its hold's deadline has passed. Both only submit settlements: Postgres arbitrates, so any number
of gateways may recover the same request.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import structlog

from config.settings import MeterSettings
from metering.admission import Admission
from metering.core.orphan import recover
from metering.core.settlement import (
    Facts,
    Reservation,
    Settlement,
    Status,
    decode_facts,
    decode_settlement,
    nothing_used,
)
from metering.dead_journal import DeadJournal, Remains, dead_journals
from metering.epochs import Epochs
from metering.errors import MeterUnavailableError
from metering.keys import BUCKETS, deadlines_key, epoch_key, keys_of
from metering.ledger import Ledger
from metering.metrics import METRICS
from metering.settler import Pending, Settler
from metering.stores import Store
from metering.use import ttl_ms_of

log = structlog.get_logger()
SWEEP_MAX = 100  # claims of one call
SWEEP_CHUNK = 64  # buckets asked in one turn of the loop: well under a millisecond
STATE, AMOUNT, AT, INSTANCE, SPLIT, PROGRESS, FACTS = 0, 1, 2, 3, 7, 9, 10


class ReservedHold(NamedTuple):
    """The hold of a reservation; ``row`` is its settlement when a gateway had been told it and died with it."""

    account_id: str
    request_id: str
    row: bytes | None


class Recovery:
    """Adopt journals, sweep deadlines."""

    def __init__(  # noqa: PLR0913 - what a recovery touches
        self,
        *,
        ledger: Ledger,
        store: Store,
        epochs: Epochs,
        admission: Admission,
        settler: Settler,
        settings: MeterSettings,
        journals: Path,
        instance_id: str,
        owns: Callable[[str], bool] | None = None,
    ) -> None:
        """``owns`` tells which holds of this very instance it knows of; without it they are recovered like any."""
        self._ledger = ledger
        self._store = store
        self._epochs = epochs
        self._admission = admission
        self._settler = settler
        self._settings = settings
        self._journals = journals
        self._instance_id = instance_id
        self._owns = owns
        # Told of holds past their deadline that belong to reservations: those have an owner in Postgres.
        self.reserved: Callable[[list[ReservedHold]], Awaitable[None]] | None = None
        self._late_seconds = 0.0  # the oldest hold that the last sweep found
        self._swept_at = time.monotonic()

    @property
    def lag_seconds(self) -> float:
        """How late the oldest hold is that may be claimed, at most: what the last sweep found, and time since then."""
        overdue = time.monotonic() - self._swept_at - self._settings.sweep_seconds
        return self._late_seconds + max(0.0, overdue)

    async def adopt(self) -> int:
        """Settle what the journals of dead gateways on this disk hold; return how many requests."""
        recovered = 0
        for journal in await asyncio.to_thread(lambda: list(dead_journals(self._journals))):
            try:
                recovered += await self._adopt_one(journal)
            finally:
                journal.close()
        return recovered

    async def _adopt_one(self, journal: DeadJournal) -> int:
        proves = journal.proves_silence
        todo = list(journal.remains.values())
        await asyncio.gather(*(self._settle_remains(remains, proves_silence=proves) for remains in todo))
        # While the journal is there, whatever fails is tried again.
        await self._ledger.forget_instance(journal.instance_id)
        journal.remove()
        if todo:
            log.warning("journal_adopted", instance_id=journal.instance_id, requests=len(todo), whole=journal.whole)
        return len(todo)

    async def _settle_remains(self, remains: Remains, *, proves_silence: bool) -> None:
        if remains.settlement is not None:
            await self._settle(remains.settlement)
        elif remains.facts is not None and remains.given_up:
            await self._release(remains.facts)
        elif remains.facts is not None and remains.reservation is not None:
            estimate = recover(
                remains.facts,
                remains.reservation,
                progress=remains.progress,
                now_ms=_now_ms(),
                status=Status.ADOPTED,
            )
            await self._settle(estimate)
        elif remains.facts is not None and proves_silence:
            await self._release(remains.facts)
        # Else it proves nothing: if there is a hold, its deadline tells.

    async def _settle(self, settlement: Settlement) -> None:
        if settlement.source == "recovered":
            METRICS.recovered.inc()
        await self._settler.settle(
            Pending(
                settlement.account_id,
                settlement.request_id,
                settlement.charge,
                settlement.row,
                asyncio.get_running_loop().time(),
            )
        )

    async def _release(self, facts: Facts) -> None:
        while True:
            try:
                await self._admission.release(facts.account_id, facts.request_id)
            except MeterUnavailableError:
                await asyncio.sleep(0.25)
            else:
                break
        # A journal that turns up after the lease may prove what no sweeper could know: its charge is taken back.
        now_ms = _now_ms()
        if now_ms - facts.started_at_ms >= self._settings.lease_seconds * 1000:
            await self._settle(decode_settlement(nothing_used(facts, now_ms=now_ms)))

    async def sweep(self) -> int:
        """Recover every hold whose deadline has passed, in all buckets; return how many were claimed."""
        claimed, late_ms, reserved = 0, 0, list[ReservedHold]()
        claim_ms = int(self._settings.lease_seconds * 1000)
        for start in range(0, BUCKETS, SWEEP_CHUNK):
            calls = [
                self._store.script(
                    "sweep", (epoch_key(b), deadlines_key(b)), self._epochs.token(b), SWEEP_MAX, claim_ms
                )
                for b in range(start, start + SWEEP_CHUNK)
            ]
            for reply in await asyncio.gather(*calls):
                if isinstance(reply, list) and reply[0] == 1:
                    late_ms = max(late_ms, reply[1])
                    claims = [member.decode().rpartition(":") for member in reply[2:]]
                    found = await asyncio.gather(
                        *(self._recover_hold(account, request) for account, _, request in claims)
                    )
                    reserved += filter(None, found)
                    claimed += len(claims)
                else:
                    await self._store.reload(reply)
        self._late_seconds, self._swept_at = late_ms / 1000, time.monotonic()
        if reserved and self.reserved is not None:
            await self.reserved(reserved)
        return claimed

    async def _recover_hold(self, account_id: str, request_id: str) -> ReservedHold | None:
        """Recover one hold; return it instead where a reservation owns it."""
        keys = keys_of(account_id)
        packed = await self._store.call(b"HGET", keys.holds, request_id)
        if isinstance(packed, Exception):
            return None
        if packed is None:  # a deadline without a hold: nothing to recover, and nothing to keep
            await self._store.call(b"ZREM", keys.deadlines, f"{account_id}:{request_id}")
            return None
        hold: list[Any] = msgspec.msgpack.decode(packed)
        if hold[STATE] == "T":
            await self._store.call(b"HDEL", keys.holds, request_id)
            await self._store.call(b"ZREM", keys.deadlines, f"{account_id}:{request_id}")
            return None
        if ttl_ms_of(hold[FACTS]):  # before whose it is: a reservation is no gateway's own. The claim has prolonged it
            settlement = settlement_of_hold(hold) if hold[STATE] == "S" else None
            return ReservedHold(account_id, request_id, settlement.row if settlement else None)
        if self._owns and hold[STATE] == "R" and hold[INSTANCE] == self._instance_id:
            await self._keep_own(account_id, request_id)
            return None
        log.warning("hold_recovered", request_id=request_id, account_id=account_id, state=hold[STATE])
        await self._settle(settlement_of_hold(hold))
        return None

    async def _keep_own(self, account_id: str, request_id: str) -> None:
        """Leave an open hold of our own alone: the claim has prolonged it. One that nobody here knows is disowned.

        A reserve whose reply was lost, and whose release was lost with Redis's memory, leaves such a hold.
        """
        assert self._owns
        if not self._owns(request_id):
            log.warning("hold_disowned", request_id=request_id, account_id=account_id)
            with suppress(MeterUnavailableError):  # the claim ends: then it is looked at again
                await self._admission.release(account_id, request_id)


def settlement_of_hold(hold: list[Any]) -> Settlement:
    """Return how a hold found past its deadline is settled: exactly in state S, else by the orphan rule."""
    facts = hold[FACTS].encode() if isinstance(hold[FACTS], str) else hold[FACTS]
    if hold[STATE] == "S":
        return decode_settlement(facts)
    split = hold[SPLIT] if isinstance(hold[SPLIT], list) else []
    reservation = Reservation(hold[AMOUNT], hold[AT], split)
    return recover(decode_facts(facts), reservation, progress=hold[PROGRESS], now_ms=_now_ms())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

"""The meter: a hold around each request, resolved exactly once."""

import asyncio
import math
import time
from collections.abc import Coroutine
from typing import Any

import structlog

from config.settings import MeterSettings
from metering.admission import Admission
from metering.ask import Ask
from metering.core.settlement import Facts, Outcome, Source, decode_facts
from metering.errors import BacklogError, MeterUnavailableError, RefusedError, RepeatedError
from metering.facts import facts_json_of
from metering.hold import Hold
from metering.journal import Journal
from metering.keys import bucket_of
from metering.leases import Leases
from metering.metrics import METRICS
from metering.order import Order
from metering.releaser import Releaser
from metering.settler import Pending, Settler

log = structlog.get_logger()


class Meter:
    """Holds, and what keeps them alive: one for each gateway process."""

    def __init__(self, admission: Admission, settler: Settler, journal: Journal, settings: MeterSettings) -> None:
        self.admission = admission
        self.journal = journal
        self.settings = settings
        self._settler = settler
        settler.booked = self._booked
        self._releaser = Releaser(admission, settler, journal)
        self._holds: dict[str, Hold] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self.leases = Leases(self)

    def start(self) -> None:
        """Start to prolong the leases of open holds."""
        self.leases.start()

    async def drain(self, seconds: float) -> None:
        """Wait until every hold is resolved and every settlement booked, at most so long."""
        try:
            async with asyncio.timeout(seconds):
                while self._tasks or self._settler.open:
                    await asyncio.gather(*self._tasks, return_exceptions=True)
                    await self._settler.drain()
        except TimeoutError:
            log.warning("drain_incomplete", open=self._settler.open + len(self._tasks))

    async def stop(self) -> None:
        """Stop the background work; what is open stays in the journal."""
        await self.leases.stop()
        for task in tuple(self._tasks):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> "asyncio.Task[Any]":
        """Run work that must not be lost when a client hangs up."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    @property
    def holds(self) -> dict[str, Hold]:
        """The holds that this gateway owns, by request id, until they are released or booked."""
        return self._holds

    def owns(self, request_id: str) -> bool:
        """Return whether a hold is this gateway's own."""
        return request_id in self._holds

    def hold(self, order: Order) -> "HoldContext":
        """Hold what a request may cost; on leaving, whatever happens, it is settled or released.

        Entering raises:
            RefusedError: the account may not spend it.
            MeterUnavailableError: the meter can't decide now.
        """
        return HoldContext(self, order)

    async def enter(self, order: Order) -> Hold:
        """Take the hold; see ``hold``."""
        if self._settler.unsettled_amount > self.settings.unsettled_total_max:
            raise BacklogError("too much is waiting to be booked")
        started_at_ms = time.time_ns() // 1_000_000
        facts_json = facts_json_of(order, started_at_ms=started_at_ms)
        terms = order.terms()
        self.journal.begin(order.request_id, facts_json)
        ask = Ask(
            request_id=order.request_id,
            account_id=order.account_id,
            resource=order.resource,
            user_id=order.user_id or "",
            model=order.model,
            want=terms.want,
            least=terms.least,
            facts=facts_json,
            claim=order.claim,
        )
        started = time.perf_counter()
        leased_until = time.monotonic() + self.settings.lease_seconds
        try:
            granted = await self.admission.reserve(ask)
        except (RefusedError, RepeatedError) as refused:
            METRICS.denied.labels(refused.reason).inc()
            self.journal.done(order.request_id)
            raise
        except BaseException:
            # The reserve may have been applied, or may still arrive: it is refused by the tombstone then.
            METRICS.denied.labels("meter_unavailable").inc()
            self._release(decode_facts(facts_json), leased_until, held=False)
            raise
        METRICS.buffer.reserve.append(time.perf_counter() - started)
        hold = Hold(self, order, terms, started_at_ms, facts_json, granted.reservation, granted.available)
        hold.leased_until = leased_until
        self._holds[order.request_id] = hold
        return hold

    def leave(self, hold: Hold) -> None:
        """Release a hold that was not charged. A charged one is kept until it is booked: Redis may have to be told."""
        if hold.charge is None:
            self._holds.pop(hold.request_id, None)  # a lease that ran out may have been settled by our own sweep
            self._release(hold.facts, 0.0 if hold.lost else hold.leased_until, held=True)

    def _release(self, facts: Facts, leased_until: float, *, held: bool) -> None:
        """Give a hold back; see Releaser.release."""
        self._releaser.give_up(facts.request_id)
        self.spawn(self._releaser.release(facts, leased_until, held=held), "release")

    def give_back(self, account_id: str, request_id: str) -> None:
        """Release what no journal knows of and the ledger decides about, in the background."""
        self.spawn(self._releaser.give_back(account_id, request_id), "give-back")

    def _booked(self, request_id: str) -> None:
        """Forget a request: it is in the ledger, and its hold is gone.

        One that still runs here was charged as an orphan meanwhile: it goes on, and its total corrects that.
        """
        hold = self._holds.get(request_id)
        if hold is None or hold.charge is not None:
            self._holds.pop(request_id, None)
            self.journal.done(request_id)

    def settle(self, hold: Hold, charge: int, row: bytes, outcome: Outcome) -> None:
        """Write the settlement down, then send it to Redis and to Postgres; nothing waits for either."""
        order = hold.order
        try:
            self.journal.settle(row)
        except MeterUnavailableError as error:
            # Redis and Postgres are told all the same; only a death in the next moments would need the journal.
            log.error("journal_failed", request_id=hold.request_id, error=str(error))  # noqa: TRY400 - one line
        self._count(hold, outcome)
        pending = hold.pending()
        finished = self.admission.finish(order.account_id, order.request_id, charge=charge, settlement=row)
        if charge > hold.reservation.amount:
            # Redis must hear of it first, or it would be more optimistic than the ledger for a moment.
            self.spawn(self._submit_after(finished, pending), "submit")
        else:
            self._settler.submit(pending)

    async def _submit_after(self, finished: "asyncio.Future[Any]", pending: Pending) -> None:
        await finished
        self._settler.submit(pending)

    def _count(self, hold: Hold, outcome: Outcome) -> None:
        model = hold.spec.label
        METRICS.buffer.count(model, hold.spec.provider, outcome)
        if outcome.source == Source.UPSTREAM and outcome.counted_completion_tokens is not None:
            reported = outcome.prompt_tokens + outcome.completion_tokens
            counted = hold.order.prompt_tokens + outcome.counted_completion_tokens
            METRICS.buffer.drift.append((model, counted / max(1, reported)))
        elif outcome.source == Source.POLICY:
            METRICS.distrusted.labels(model).inc()
            log.warning("usage_distrusted", request_id=hold.request_id, model=model)

    def note_progress(self, request_id: str, charge: int) -> None:
        """Write down how far a stream has come. A journal that fails now does not end the stream."""
        try:
            self.journal.progress(request_id, charge)
        except MeterUnavailableError as error:
            log.error("journal_failed", request_id=request_id, error=str(error))  # noqa: TRY400 - one line

    async def announce(self, buckets: frozenset[int]) -> None:
        """State the open holds of these buckets again, and everything finished that is not booked yet."""
        for hold in list(self._holds.values()):
            if bucket_of(hold.order.account_id) in buckets and self.owns(hold.request_id):
                await self.admission.announce(
                    hold.ask(hold.reservation.amount), hold.reservation, **hold.announcement()
                )
                await self.admission.claims.state_again(hold.order)
                if not self.owns(hold.request_id):
                    self._retract(hold)

    def _retract(self, hold: Hold) -> None:
        """Drop a hold again that was announced just after it was booked or released."""
        if hold.settlement_json is None:
            self._release(hold.facts, math.inf, held=False)
        else:  # the ledger takes it once, and its apply drops the hold
            self._settler.submit(hold.pending())


class HoldContext:
    """``async with meter.hold(order) as hold``. A class, since a generator would cost the line five microseconds."""

    __slots__ = ("_hold", "_meter", "_order")

    def __init__(self, meter: Meter, order: Order) -> None:
        self._meter = meter
        self._order = order

    async def __aenter__(self) -> Hold:
        self._hold = await self._meter.enter(self._order)
        return self._hold

    async def __aexit__(self, *_: object) -> None:
        self._meter.leave(self._hold)

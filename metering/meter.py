"""The meter: a hold around each request, resolved exactly once."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import structlog

from config.settings import MeterSettings
from metering.admission import RENEW_MAX, Admission
from metering.ask import Ask
from metering.core.settlement import Facts, Outcome, Source, encode_facts
from metering.errors import BacklogError, MeterUnavailableError, RefusedError, RepeatedError
from metering.hold import Hold, HoldContext
from metering.journal import Journal
from metering.keys import bucket_of
from metering.metrics import METRICS
from metering.order import Order
from metering.settler import Pending, Settler

log = structlog.get_logger()
RETRY_SECONDS = 0.25


class Meter:
    """Holds, and what keeps them alive: one for each gateway process."""

    def __init__(self, admission: Admission, settler: Settler, journal: Journal, settings: MeterSettings) -> None:
        self.admission = admission
        self.journal = journal
        self.settings = settings
        self._settler = settler
        settler.booked = self._booked
        self._holds: dict[str, Hold] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._renewing: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start to prolong the leases of open holds."""
        self._renewing = asyncio.create_task(self._renew_all(), name="renew")

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
        for task in (*self._tasks, *([self._renewing] if self._renewing else [])):
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

    def hold(self, order: Order) -> HoldContext:
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
        facts = _facts_of(order)
        facts_json = encode_facts(facts)
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
        try:
            granted = await self.admission.reserve(ask)
        except (RefusedError, RepeatedError) as refused:
            METRICS.denied.labels(refused.reason).inc()
            self.journal.done(order.request_id)
            raise
        except BaseException:
            # The reserve may have been applied, or may still arrive: it is refused by the tombstone then.
            METRICS.denied.labels("meter_unavailable").inc()
            self._release(order)
            raise
        METRICS.buffer.reserve.append(time.perf_counter() - started)
        hold = Hold(self, order, terms, facts, facts_json, granted.reservation, granted.available)
        self._holds[order.request_id] = hold
        return hold

    def leave(self, hold: Hold) -> None:
        """Release a hold that was not charged. A charged one is kept until it is booked: Redis may have to be told."""
        if hold.charge is None:
            self._holds.pop(hold.request_id, None)  # a lease that ran out may have been settled by our own sweep
            self._release(hold.order)

    def _release(self, order: Order) -> None:
        self.spawn(self._release_until_done(order.account_id, order.request_id), "release")

    async def _release_until_done(self, account_id: str, request_id: str) -> None:
        while True:
            try:
                await self.admission.release(account_id, request_id)
            except MeterUnavailableError:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            self.journal.done(request_id)
            return

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
        pending = self._pending(hold, charge, row)
        finished = self.admission.finish(order.account_id, order.request_id, charge=charge, settlement=row)
        if charge > hold.reservation.amount:
            # Redis must hear of it first, or it would be more optimistic than the ledger for a moment.
            self.spawn(self._submit_after(finished, pending), "submit")
        else:
            self._settler.submit(pending)

    def _pending(self, hold: Hold, charge: int, row: bytes) -> Pending:
        order = hold.order
        return Pending(order.account_id, order.request_id, charge, row, asyncio.get_running_loop().time())

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

    def renew_one(self, hold: Hold) -> None:
        """Prolong one hold and note its progress."""
        order = hold.order
        self.admission.renew(bucket_of(order.account_id), [(order.account_id, hold.request_id, hold.progress_charge)])

    async def _renew_all(self) -> None:
        while True:
            await asyncio.sleep(self.settings.renew_seconds)
            by_bucket: dict[int, list[tuple[str, str, int]]] = {}
            for hold in self._holds.values():
                if hold.charge is None:
                    account = hold.order.account_id
                    by_bucket.setdefault(bucket_of(account), []).append(
                        (account, hold.request_id, hold.progress_charge)
                    )
            for bucket, holds in by_bucket.items():
                for start in range(0, len(holds), RENEW_MAX):
                    await self._renew(bucket, holds[start : start + RENEW_MAX])

    async def _renew(self, bucket: int, holds: list[tuple[str, str, int]]) -> None:
        reply = await self.admission.renew(bucket, holds)
        if not isinstance(reply, list) or reply[0] != 1:
            log.warning("renew_failed", bucket=bucket, reply=str(reply))
            return
        for place in reply[1:]:
            hold = self._holds.get(holds[place - 1][1])
            if hold and hold.charge is None:
                self.spawn(self._succeed(hold), "succeed")

    async def _succeed(self, hold: Hold) -> None:
        """Take another hold for a request whose own is gone: this gateway slept, and somebody has charged it.

        It is for what is not charged yet, under the same id; when it is refused, the stream is ended properly.
        """
        log.warning("hold_gone", request_id=hold.request_id)
        rest = max(1, hold.reservation.amount - hold.progress_charge)
        try:
            granted = await self.admission.reserve(_ask_of(hold, rest))
        except (RefusedError, MeterUnavailableError) as error:
            log.warning("successor_refused", request_id=hold.request_id, error=str(error))
            hold.withdraw()
            return
        if hold.charge is not None:
            self._release(hold.order)  # it was settled meanwhile: nothing needs this one
        else:
            hold.succeed(granted.reservation)

    async def announce(self, buckets: frozenset[int]) -> None:
        """State the open holds of these buckets again, and everything finished that is not booked yet."""
        for hold in list(self._holds.values()):
            if bucket_of(hold.order.account_id) not in buckets or self._holds.get(hold.request_id) is not hold:
                continue  # or it was released or booked while others were stated
            await self.admission.announce(
                _ask_of(hold, hold.reservation.amount), hold.reservation, **hold.announcement()
            )
            await self.admission.claims.state_again(hold.order)
            if hold.charge is not None and hold.settlement_json and self._holds.get(hold.request_id) is not hold:
                # Its apply overtook us, so it is held again: settling it once more drops it and changes nothing.
                self._settler.submit(self._pending(hold, hold.charge, hold.settlement_json))


def _ask_of(hold: Hold, amount: int) -> Ask:
    order = hold.order
    return Ask(
        request_id=order.request_id,
        account_id=order.account_id,
        resource=order.resource,
        user_id=order.user_id or "",
        model=order.model,
        want=amount,
        least=amount,
        facts=hold.facts_json,
    )


def _facts_of(order: Order) -> Facts:
    rates = order.dearest.rates
    return Facts(
        request_id=order.request_id,
        account_id=order.account_id,
        user_id=order.user_id,
        key_id=order.key_id,
        endpoint=order.endpoint,
        model=order.model,
        provider=order.spec.provider,
        resource=order.resource,
        stream=order.stream,
        counted_prompt_tokens=order.prompt_tokens,
        rates=(rates.prompt, rates.cached, rates.completion),
        rate_version=order.dearest.rate_version,
        session_id=order.session_id,
        reason=order.reason,
        feature=order.feature,
        orphan=order.orphan,
        started_at_ms=time.time_ns() // 1_000_000,
        idempotency_key=order.claim.key if order.claim else None,
        body_digest=order.claim.digest if order.claim else None,
    )

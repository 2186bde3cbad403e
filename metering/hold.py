"""One request's hold, from reserve to settle.

    reserved -> forwarded -> recorded      settled with what was really used
    reserved -> (left)                     released: nothing was used

``record`` is the only way to charge and happens at most once; leaving the context without it releases. Recording
is synchronous: the journal has the usage before the client gets its last byte, and nothing waits for Redis or
Postgres.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog

from metering.ask import Ask
from metering.bills import bill_of, settled_row
from metering.core.orphan import PROGRESS_TOKENS
from metering.core.rates import charge_of
from metering.core.settlement import Facts, Outcome, Reservation, decode_facts, result_of, row_of
from metering.errors import MeterUnavailableError
from metering.order import Order, Terms
from metering.settler import Pending

if TYPE_CHECKING:
    from metering.meter import Meter

log = structlog.get_logger()
EXTEND_STEPS = 2  # an extension doubles what was held, up to the bound
# Progress is noted so early that whoever recovers a stream is never further behind than PROGRESS_TOKENS: a look that
# finds less than this unnoted leaves a quarter of them to be produced, and relayed, before the next look.
NOTE_TOKENS = PROGRESS_TOKENS * 3 // 4


class Hold:
    """Tokens set aside for one request."""

    __slots__ = (
        "_extension",
        "_meter",
        "_noted",
        "_told_tokens",
        "attempts",
        "available_after_reserve",
        "bound",
        "charge",
        "facts_json",
        "forwarded",
        "forwarded_at",
        "leased_until",
        "limit",
        "lost",
        "note_at",
        "order",
        "progress_charge",
        "reservation",
        "settlement_json",
        "spec",
        "started_at_ms",
        "withdrawn",
    )

    def __init__(  # noqa: PLR0913, PLR0917 - made in one place, by the meter
        self,
        meter: "Meter",
        order: Order,
        terms: Terms,
        started_at_ms: int,
        facts_json: bytes,
        reservation: Reservation,
        available: int,
    ) -> None:
        self._meter = meter
        self.order = order
        self.spec = order.spec  # the model that answers: a fallback takes its place
        self.attempts: list[dict[str, str]] = []
        self.started_at_ms = started_at_ms  # since 1970
        self.facts_json = facts_json
        self.reservation = reservation
        self.available_after_reserve = available
        clamped = order.limit_for(reservation.amount) if reservation.amount < terms.want else None
        # The limit to forward, when it is not the client's own: lowered to what is held, never above it.
        self.limit = clamped
        self.bound = reservation.amount if clamped is not None else terms.bound
        self.forwarded = False
        self.forwarded_at = 0.0  # time.perf_counter
        self.charge: int | None = None
        self.settlement_json: bytes | None = None
        self.progress_charge = 0
        self.withdrawn = False
        self.leased_until = 0.0  # time.monotonic: nobody else may settle it before
        self.lost = False  # it was gone once: somebody may have charged it
        self._noted = False
        self._told_tokens = 0  # of these Redis was told
        self.note_at = 0.0  # when the next progress is due, however little it is (time.monotonic)
        self._extension: asyncio.Task[None] | None = None

    @property
    def facts(self) -> Facts:
        """What was known of the request before it was forwarded."""
        return decode_facts(self.facts_json)

    @property
    def request_id(self) -> str:
        """The request's id, which names the hold, the journal record and the charge."""
        return self.order.request_id

    @property
    def available(self) -> int:
        """What the account has available now that this request is charged: reserve's answer, corrected."""
        return self.available_after_reserve + self.reservation.amount - (self.charge or 0)

    @property
    def syncs(self) -> bool:
        """Whether ``durable()`` is to be awaited: before the first byte goes upstream, and before the client's last."""
        return self._meter.journal.durable or (not self.forwarded and time.perf_counter() > self.relay_until)

    async def durable(self) -> None:
        """Wait until the journal is on the disk, where the settings ask for it: before the first byte and the last.

        Before the first one, also make sure after a pause that the hold is still there. Raises MeterUnavailableError.
        """
        if not self.forwarded and time.perf_counter() > self.relay_until:
            await self.wake()
            if self.withdrawn:
                raise MeterUnavailableError("this gateway was stopped for so long that its hold is gone")
        if self._meter.journal.durable:
            self._note_forwarding()
            await self._meter.journal.sync()

    def _note_forwarding(self) -> None:
        if not self._noted:
            self._noted = True
            self._meter.journal.forward(self.request_id, self.reservation)

    def forwarding(self) -> None:
        """Note that the first byte goes upstream next."""
        self._note_forwarding()
        self.forwarded = True
        self.forwarded_at = time.perf_counter()
        self.note_at = time.monotonic() + self._meter.settings.progress_seconds

    def charge_for(self, completion_tokens: int) -> int:
        """Return what the request would be charged with so many completion tokens, all counted here.

        With another base than tokens, here and below they are words, characters or units: what the tally runs at.
        """
        return charge_of(self.spec.rates, prompt=self.order.prompt_tokens, cached=0, completion=completion_tokens)

    @property
    def at_bound(self) -> bool:
        """Whether everything that the request can use is held: nothing is left to extend or to cut off."""
        return self.reservation.amount >= self.bound

    def note(self, completion_tokens: int) -> None:
        """Note how far a stream has come, and ask for more when three quarters of the hold are used.

        It goes to the journal and the hold within 256 tokens, and to the journal every second: what a dead gateway
        leaves is known.
        """
        charge = self.charge_for(completion_tokens)
        now = time.monotonic()
        step = completion_tokens - self._told_tokens >= NOTE_TOKENS
        if step or now >= self.note_at:
            self.note_at = now + self._meter.settings.progress_seconds
            self.progress_charge = charge
            self._meter.note_progress(self.request_id, charge)
            if step:
                self._told_tokens = completion_tokens
                self._meter.leases.renew_one(self)
        if not self.at_bound and charge * 100 >= self.reservation.amount * self._meter.settings.extend_at_percent:
            self._extend()

    def tokens_to_note(self, completion_tokens: int) -> int:
        """Return how many more tokens may be relayed before progress has to be noted; above 0 right after a note."""
        return PROGRESS_TOKENS - (completion_tokens - self._told_tokens)

    def tokens_left(self, completion_tokens: int) -> int:
        """Return how many more tokens until an extension is due, or the hold is used up; at least 0."""
        charge, amount = self.charge_for(completion_tokens), self.reservation.amount
        due = amount * self._meter.settings.extend_at_percent // 100
        left = (due if charge < due else amount) - charge
        return max(0, left * 1_000_000 // max(1, self.spec.rates.completion))

    async def covers(self, completion_tokens: int) -> bool:
        """Return whether the hold still covers the use, waiting for an extension under way."""
        if self.withdrawn:
            return False
        while not self.at_bound and self.charge_for(completion_tokens) >= self.reservation.amount:
            if self._extension is None or self._extension.done():
                self._extend()
            assert self._extension is not None
            before = self.reservation.amount
            await asyncio.shield(self._extension)
            self._extension = None
            if self.reservation.amount == before:
                return False
        return True

    @property
    def relay_until(self) -> float:
        """When this gateway must have slept (time.perf_counter), so that ``wake`` comes before anything is relayed."""
        return self._meter.leases.relay_until

    async def wake(self) -> None:
        """Prolong the hold after a pause, or take another one in its place; without one the stream ends next."""
        await self._meter.leases.prolong()

    def withdraw(self) -> None:
        """Note that nothing is held any more: the stream ends at its next check, which is due now."""
        self.withdrawn = True
        self.note_at = 0.0

    def succeed(self, reservation: Reservation) -> None:
        """Take another hold's place in Redis; what is covered in all stays the same."""
        self.reservation = Reservation(self.reservation.amount, reservation.reserved_at, reservation.split)
        self._meter.journal.extend(self.request_id, self.reservation)

    def _extend(self) -> None:
        if self._extension is None or (self._extension.done() and not self._extension.cancelled()):
            self._extension = self._meter.spawn(self._grow(), "extend")

    async def _grow(self) -> None:
        want = min(self.bound, self.reservation.amount * EXTEND_STEPS)
        try:
            grown = await self._meter.admission.extend(
                self.order.account_id, self.request_id, want=want, least=self.reservation.amount + 1
            )
        except MeterUnavailableError as error:
            log.warning("extension_failed", request_id=self.request_id, error=str(error))
            return
        if grown is None or self.charge is not None:
            return
        more = grown.amount - self.reservation.amount
        self.available_after_reserve -= more
        self.reservation = Reservation(grown.amount, self.reservation.reserved_at, grown.split)
        self._meter.journal.extend(self.request_id, self.reservation)

    def record(self, outcome: Outcome) -> int:
        """Charge the request; return the charge. Only the first call counts."""
        if self.charge is not None:
            return self.charge
        order, spec = self.order, self.spec
        bill = None
        if spec.card is None and order.prices is None and spec.rates.base == "token":
            charge = charge_of(
                spec.rates,
                prompt=outcome.prompt_tokens,
                cached=outcome.cached_tokens,
                completion=outcome.completion_tokens,
            )
        else:
            bill = bill_of(order, spec, outcome)
            charge = bill.charge
        now_ms = time.time_ns() // 1_000_000
        duration_ms = max(0, now_ms - self.started_at_ms)
        answered = None if len(order.candidates) == 1 else spec
        row = settled_row(self, outcome, bill, answered, charge=charge, duration_ms=duration_ms)
        self.settlement_json = row
        self.charge = charge
        self._meter.settle(self, charge, row, outcome)
        return charge

    def ask(self, amount: int) -> Ask:
        """Return what asks for a hold of so much for this request."""
        return self.order.ask(self.facts_json, amount)

    def pending(self) -> Pending:
        """Return the settlement of a charged request, for the lanes."""
        assert self.charge is not None
        assert self.settlement_json is not None
        now = asyncio.get_running_loop().time()
        return Pending(self.order.account_id, self.request_id, self.charge, self.settlement_json, now)

    def record_use(self, charge: int, outcome: Outcome, details: Callable[[bytes], bytes]) -> int:
        """Charge what is no model call, of which the charge is known; ``details`` are put into its row. Once, too."""
        if self.charge is None:
            duration_ms = max(0, time.time_ns() // 1_000_000 - self.started_at_ms)
            result = result_of(self.reservation, outcome, charge=charge, duration_ms=duration_ms)
            self.settlement_json = details(row_of(self.facts_json, result))
            self.charge = charge
            self._meter.settle(self, charge, self.settlement_json, outcome)
        return self.charge

    def announcement(self) -> dict[str, Any]:
        """Return what states this hold again after Redis lost its memory."""
        if self.charge is not None and self.settlement_json is not None:
            return {"state": "S", "amount": self.charge, "progress": 0, "facts": self.settlement_json}
        return {
            "state": "R",
            "amount": self.reservation.amount,
            "progress": self.progress_charge,
            "facts": self.facts_json,
        }

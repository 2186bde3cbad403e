"""SHELL: holds that outlive the request that took them: reserved now, settled or released later, by any gateway.

The owner of such a hold is a row in Postgres and no process: so it needs no journal, and no gateway is missed when it
dies. It is taken in Redis first, for one lease, and then written down; what Redis holds and no row tells of was never
answered, and is given back under a tombstone that keeps the row out for good. From then on every sweep that finds the
hold past its lease looks at the row: as long as that is open the claim of the sweep has prolonged it.

How it ends is decided in Postgres alone, under the account's lock, together with the booking (close_reservation):
settled, released, or at its deadline what its client chose. Redis hears of it afterwards. Until then it holds what was
reserved; when more was used than that, Redis is told before Postgres.
"""

import asyncio
import time
from collections.abc import Sequence

import msgspec
import structlog

from config.settings import MeterSettings
from metering.admission import Admission
from metering.core.orphan import recover
from metering.core.rates import charge_of_units
from metering.core.settlement import Facts, Reservation, decode_facts, encode_facts, result_of, row_of
from metering.core.units import Base
from metering.epochs import Epochs
from metering.errors import BarrierError, LedgerDownError, MeterUnavailableError, RefusedError, RepeatedError
from metering.keys import bucket_of
from metering.ledger import AccountState, Ledger
from metering.meter import Meter
from metering.metrics import METRICS
from metering.recovery import ReservedHold
from metering.reserved import DueReservation, ReservationRecord, Viewer, order_of, record_of, reservation_of
from metering.settler import Settler
from metering.use import UseOrder, cost_of, facts_for, outcome_of, with_units

log = structlog.get_logger()
DUE_MAX = 100  # ended in one round
RETRY_SECONDS = 0.25


class Reservations:
    """Open, read, settle, release, and end at the deadline."""

    def __init__(  # noqa: PLR0913 - what reservations rest on
        self,
        *,
        ledger: Ledger,
        admission: Admission,
        settler: Settler,
        epochs: Epochs,
        meter: Meter,
        settings: MeterSettings,
    ) -> None:
        self._ledger = ledger
        self._admission = admission
        self._settler = settler
        self._epochs = epochs
        self._meter = meter
        self._settings = settings

    async def open(self, order: UseOrder, *, ttl_seconds: int, on_expiry: str) -> ReservationRecord:
        """Hold an amount until it is settled, released, or ``ttl_seconds`` have passed.

        Raises RefusedError, RepeatedError, MeterUnavailableError: nothing is held then, or not for long.
        """
        bucket = bucket_of(order.account_id)
        token = self._epochs.token(bucket)
        facts = facts_for(order, started_at_ms=_now_ms(), ttl_seconds=ttl_seconds)
        facts_json = encode_facts(facts)
        reservation = await self._hold(order, facts_json)
        try:
            written = await self._ledger.rows(
                "reservation_open",
                order.request_id,
                order.account_id,
                bucket,
                on_expiry,
                float(ttl_seconds),
                order.user_id,
                order.base.value,
                order.units,
                reservation.amount,
                reservation.reserved_at,
                msgspec.json.encode(reservation.split).decode(),
                facts_json.decode(),
            )
        except BaseException:
            # It may be written all the same. Nobody was told of it, so nobody would end it; but who comes again under
            # an Idempotency-Key is told: that one waits for its retry, for the next sweep, or for its deadline.
            if order.claim is None:
                self._meter.spawn(self._void(order.account_id, order.request_id), "void-reservation")
            raise
        if not written:
            raise MeterUnavailableError("the reservation took too long and was given back")
        if self._epochs.token(bucket) != token:
            await self._state_again(facts, facts_json, reservation)  # Redis may have forgotten it meanwhile
        found = await self.get(order.request_id, Viewer(order.account_id, member=False, user_id=None))
        assert found
        return found

    async def get(self, reservation_id: str, viewer: Viewer) -> ReservationRecord | None:
        """Return a reservation that this caller may see, or None."""
        rows = await self._ledger.rows("reservation_get", reservation_id, *viewer)
        return record_of(rows[0]) if rows else None

    async def settle(
        self, reservation_id: str, viewer: Viewer, *, units: int, base: Base, counted_here: bool
    ) -> tuple[bool, ReservationRecord] | None:
        """Charge what was used; return whether this is how it has ended, now or before, and the reservation.

        None: there is no such reservation. Raises OverflowError; MeterUnavailableError: call again.
        """
        rows = await self._ledger.rows("reservation_get", reservation_id, *viewer)
        if not rows:
            return None
        facts, reservation = decode_facts(rows[0]["facts"].encode()), reservation_of(rows[0])
        charge = charge_of_units(units, rate=facts.rates[0])
        duration_ms = max(0, _now_ms() - facts.started_at_ms)
        outcome = outcome_of(units, base, counted_here=counted_here)
        result = result_of(reservation, outcome, charge=charge, duration_ms=duration_ms)
        row = with_units(row_of(rows[0]["facts"].encode(), result), units, base, cost=cost_of(facts.resource, charge))
        if rows[0]["status"] == "open" and charge > reservation.amount:
            await self._admission.finish(facts.account_id, reservation_id, charge=charge, settlement=row)
        ended = await self._close(reservation_id, "settle", row)
        if ended == "done":
            METRICS.buffer.count(facts.model, facts.provider, outcome)
            METRICS.settled.inc()
        return await self._ended(reservation_id, viewer, ended)

    async def release(self, reservation_id: str, viewer: Viewer) -> tuple[bool, ReservationRecord] | None:
        """Give everything back; returns as ``settle`` does."""
        if await self.get(reservation_id, viewer) is None:
            return None
        return await self._ended(reservation_id, viewer, await self._close(reservation_id, "release", None))

    async def end_due(self) -> int:
        """End the reservations whose time is over, as each was asked to end; return how many were looked at."""
        seconds = self._settings.reservation_grace_seconds
        due = [DueReservation.of(row) for row in await self._ledger.rows("reservations_due", seconds, DUE_MAX)]
        for one in due:
            ended = await self._close(one.id, "deadline", self._row_at_deadline(one))
            if ended == "done":
                METRICS.reservations_expired.labels(one.on_expiry).inc()
                log.warning("reservation_expired", request_id=one.id, on_expiry=one.on_expiry)
        return len(due)

    async def announce(self, buckets: frozenset[int]) -> None:
        """State the holds of these buckets again, after Redis lost its memory. Raises MeterUnavailableError.

        Every gateway does it. A reservation that ends meanwhile may be stated too late: the next sweep drops it.
        """
        waits: BarrierError | None = None
        for row in await self._ledger.rows("reservations_open_in", list(buckets)):
            facts_json = row["facts"].encode()
            try:
                await self._state_again(decode_facts(facts_json), facts_json, reservation_of(row))
            except BarrierError as error:
                waits = error  # all others are tried: what their buckets lack is found in one round
        if waits is not None:
            raise waits

    async def look_after(self, holds: Sequence[ReservedHold]) -> None:
        """Deal with holds past their lease: an open one stays, what is over or was never written down is dropped."""
        rows = await self._ledger.rows("reservations_status", [hold.request_id for hold in holds])
        status = {row["reservation_id"]: row["status"] for row in rows}
        for hold in holds:
            known = status.get(hold.request_id)
            if known is None:
                bucket = bucket_of(hold.account_id)
                if await self._ledger.rows("reservation_void", hold.request_id, hold.account_id, bucket):
                    self._meter.give_back(hold.account_id, hold.request_id)
            elif known != "open":
                await self._drop(hold.account_id, hold.request_id)
            elif hold.row is not None:
                await self._close(hold.request_id, "settle", hold.row)

    async def _hold(self, order: UseOrder, facts_json: bytes) -> Reservation:
        started = time.perf_counter()
        try:
            granted = await self._admission.reserve(order.ask(facts_json, order.amount, order.claim))
        except (RefusedError, RepeatedError) as refused:
            METRICS.denied.labels(refused.reason).inc()
            raise
        except BaseException:
            METRICS.denied.labels("meter_unavailable").inc()
            self._meter.give_back(order.account_id, order.request_id)
            raise
        METRICS.buffer.reserve.append(time.perf_counter() - started)
        return granted.reservation

    async def _close(self, reservation_id: str, how: str, row: bytes | None) -> str:
        text = None if row is None else row.decode()
        seconds = self._settings.reservation_grace_seconds
        ((ended, *state),) = await self._ledger.rows("reservation_close", reservation_id, how, text, seconds)
        await self._settler.push(
            AccountState(*state), [reservation_id] if ended != "again" or how != "deadline" else []
        )
        return str(ended)

    async def _ended(self, reservation_id: str, viewer: Viewer, ended: str) -> tuple[bool, ReservationRecord]:
        found = await self.get(reservation_id, viewer)
        assert found
        return ended != "taken", found

    async def _void(self, account_id: str, reservation_id: str) -> None:
        """Give back what nobody was told of, however long Postgres is away."""
        while True:
            try:
                await self._ledger.rows("reservation_void", reservation_id, account_id, bucket_of(account_id))
                await self._close(reservation_id, "release", None)
            except LedgerDownError:
                await asyncio.sleep(RETRY_SECONDS)
            else:
                # The reserve may still be on its way: a tombstone refuses it.
                self._meter.give_back(account_id, reservation_id)
                return

    async def _drop(self, account_id: str, reservation_id: str) -> None:
        state = await self._ledger.state(account_id)
        if state is not None:
            await self._settler.push(state, [reservation_id])

    def _row_at_deadline(self, due: DueReservation) -> bytes | None:
        """Return the settlement of one that is charged when nobody said what was used: everything that was held."""
        if due.on_expiry != "settle":
            return None
        found = recover(due.facts, due.reservation, progress=0, now_ms=_now_ms())
        return with_units(found.row, due.units, due.base, cost=cost_of(due.facts.resource, found.charge))

    async def _state_again(self, facts: Facts, facts_json: bytes, reservation: Reservation) -> None:
        order = order_of(facts, reservation)
        await self._admission.announce(
            order.ask(facts_json, reservation.amount),
            reservation,
            state="R",
            amount=reservation.amount,
            progress=0,
            facts=facts_json,
        )
        await self._admission.claims.state_again(order)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

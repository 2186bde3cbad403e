"""What a reservation is, to its client and to whoever ends it."""

from typing import Any, NamedTuple

import msgspec
from asyncpg import Record

from metering.ask import Claim
from metering.core.allocations import NO_MODEL
from metering.core.settlement import Facts, Reservation, decode_facts
from metering.core.units import Base
from metering.use import UseOrder, no_model


class Viewer(NamedTuple):
    """Who may see a reservation: anybody in its account, or of a ``member`` only their own."""

    account_id: str
    member: bool
    user_id: str | None


class ReservationRecord(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A reservation; ``units`` and ``used_units`` in ``base``, ``reserved`` and ``charge`` in ``resource``.

    ``status``: open; settled; released; expired (released at its deadline). ``by_deadline``: it was charged all that
    was held, since nobody had said what was used.
    """

    id: str
    account_id: str
    status: str
    resource: str
    base: str
    units: int
    reserved: int
    used_units: int | None
    charge: int | None
    on_expiry: str
    by_deadline: bool
    user_id: str | None
    model: str | None
    feature: str | None
    reason: str
    session_id: str | None
    created_at: str
    expires_at: str
    closed_at: str | None


class DueReservation(NamedTuple):
    """A reservation whose time is over."""

    id: str
    facts: Facts
    reservation: Reservation
    on_expiry: str
    units: int
    base: Base

    @classmethod
    def of(cls, row: Record) -> "DueReservation":
        """Return the one in a row of reservations_due."""
        facts = decode_facts(row["facts"].encode())
        base = Base(row["base"])
        return cls(row["reservation_id"], facts, reservation_of(row), row["on_expiry"], row["units"], base)


def reservation_of(row: Record) -> Reservation:
    """Return the hold in a row."""
    split = msgspec.json.decode(row["split"], type=list[str | int])
    return Reservation(row["reserved"], row["reserved_at"], split)


def record_of(row: Record) -> ReservationRecord:
    """Return the record in a row of reservation_get."""
    facts = decode_facts(row["facts"].encode())
    told = {name: getattr(facts, name) for name in ("resource", "feature", "reason", "session_id")}
    own: dict[str, Any] = {name: row[name] for name in ReservationRecord.__struct_fields__ if name in row}
    own["model"] = None if facts.model == NO_MODEL else facts.model
    return ReservationRecord(**own, **told)


def order_of(facts: Facts, reservation: Reservation) -> UseOrder:
    """Return the order of a reservation again, from its facts."""
    claim = None
    if facts.idempotency_key and facts.body_digest:
        claim = Claim(key=facts.idempotency_key, digest=facts.body_digest, key_id=facts.key_id)
    return UseOrder(
        request_id=facts.request_id,
        account_id=facts.account_id,
        user_id=facts.user_id,
        key_id=facts.key_id,
        resource=facts.resource,
        endpoint=facts.endpoint,
        model=facts.model,
        candidates=(no_model(facts.rates[0], facts.rate_version),),
        stream=False,
        prompt_tokens=facts.counted_prompt_tokens,
        limit=0,
        choices=1,
        clamp="never",
        min_completion_tokens=0,
        orphan=facts.orphan,
        session_id=facts.session_id,
        reason=facts.reason,
        feature=facts.feature,
        claim=claim,
        base=Base.UNIT,
        units=0,
        amount=reservation.amount,
        rate=facts.rates[0],
    )

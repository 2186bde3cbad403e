"""/api/v1/reservations and /api/v1/usage: metering of what is no model call."""

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import TypeVar

import msgspec
from aiohttp import web

from gateway.account.forms import NewReservation, NewUse, Settlement
from gateway.admin.forms import read_form
from gateway.admin.paging import path_id
from gateway.admin.serving import ADMIN, answered, member
from gateway.auth import Principal
from gateway.deps import Deps
from gateway.errors import invalid, not_found
from gateway.idempotency import REPLAYED
from gateway.openapi.operation import operation
from gateway.uses import Measured, already_used, claim_on, measure, order_for, too_much
from metering.core.units import Base
from metering.errors import Repeat, RepeatedError
from metering.reserved import ReservationRecord, Viewer
from metering.use import cost_of, outcome_of, with_units

USAGE, RESERVATIONS = "usage", "reservations"  # the endpoints of events
WHAT = "Reservation"
SOME_WORDS = {"amount": 5, "reason": "training", "session_id": "s-1"}
T = TypeVar("T")


class Used(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A use that is charged; ``units`` in ``base``, ``charge`` and ``available`` in ``resource``."""

    request_id: str
    resource: str
    base: str
    units: int
    charge: int
    available: int


@operation(
    "recordUsage",
    "Charge what is no model call, in one step",
    body=NewUse,
    answer=Used,
    status=201,
    refuses=(402, 409, 429),
    repeatable=True,
    example=SOME_WORDS,
)
async def post_usage(request: web.Request, deps: Deps, principal: Principal) -> web.Response:
    """Serve POST /api/v1/usage: held and charged in one step."""
    claim = await claim_on(request, deps, principal, USAGE)
    form = await read_form(request, NewUse)
    order, measured = await order_for(request, deps, principal, form, USAGE, claim)
    async with deps.meter.hold(order) as hold:
        outcome = outcome_of(measured.units, measured.base, counted_here=measured.counted_here)
        cost = cost_of(order.resource, order.amount)
        hold.record_use(order.amount, outcome, partial(with_units, units=measured.units, base=measured.base, cost=cost))
        if hold.syncs:
            await hold.durable()
        used = Used(
            request_id=order.request_id,
            resource=order.resource,
            base=measured.base.value,
            units=measured.units,
            charge=order.amount,
            available=hold.available,
        )
    response = answered(used, status=201)
    response.headers["x-farebox-available"] = str(used.available)
    response.headers["x-farebox-charged"] = str(used.charge)
    return response


@operation(
    "openReservation",
    "Hold an amount until it is settled or released",
    body=NewReservation,
    answer=ReservationRecord,
    status=201,
    status_again=200,
    refuses=(402, 409, 429),
    repeatable=True,
    example=SOME_WORDS,
)
async def post_reservation(request: web.Request, deps: Deps, principal: Principal) -> web.Response:
    """Serve POST /api/v1/reservations; repeated under its Idempotency-Key it is the same reservation."""
    claim = await claim_on(request, deps, principal, RESERVATIONS)
    form = await read_form(request, NewReservation)
    settings = deps.settings.meter
    ttl_seconds = settings.reservation_seconds if form.ttl_seconds is None else form.ttl_seconds
    if ttl_seconds > settings.reservation_seconds_max:
        most = settings.reservation_seconds_max
        raise invalid(f"ttl_seconds is too long; write at most {most}.", "ttl_seconds")
    order, _ = await order_for(request, deps, principal, form, RESERVATIONS, claim)
    try:
        opened = await deps.reservations.open(order, ttl_seconds=ttl_seconds, on_expiry=form.on_expiry)
    except RepeatedError as repeated:
        return await _again(deps, principal, repeated)
    return answered(opened, status=201)


@operation("getReservation", "Read a reservation", answer=ReservationRecord)
async def get_reservation(request: web.Request, deps: Deps, principal: Principal) -> web.Response:
    """Serve GET /api/v1/reservations/{id}."""
    return answered(await _seen(deps, principal, path_id(request, WHAT)))


@operation(
    "settleReservation",
    "Charge what was used of a reservation",
    body=Settlement,
    answer=ReservationRecord,
    refuses=(409,),
    example={"amount": 3},
)
async def settle_reservation(request: web.Request, deps: Deps, principal: Principal) -> web.Response:
    """Serve POST /api/v1/reservations/{id}/settle."""
    reservation_id = path_id(request, WHAT)
    form = await read_form(request, Settlement)
    seen = await _seen(deps, principal, reservation_id)
    measured = await _measured(deps, form, Base(seen.base))
    viewer, here = viewer_of(principal), measured.counted_here
    work = deps.reservations.settle(reservation_id, viewer, units=measured.units, base=measured.base, counted_here=here)
    try:
        return _ended(await _to_the_end(deps, work))
    except OverflowError as error:
        raise too_much() from error


@operation("releaseReservation", "Give a reservation back", answer=ReservationRecord, refuses=(409,))
async def release_reservation(request: web.Request, deps: Deps, principal: Principal) -> web.Response:
    """Serve POST /api/v1/reservations/{id}/release."""
    reservation_id = path_id(request, WHAT)
    return _ended(await _to_the_end(deps, deps.reservations.release(reservation_id, viewer_of(principal))))


def viewer_of(principal: Principal) -> Viewer:
    """Return what reservations a caller may see: an account's admin all of it, a member their own."""
    return Viewer(principal.account_id, principal.role != ADMIN, principal.user_id)


async def _seen(deps: Deps, principal: Principal, reservation_id: str) -> ReservationRecord:
    found = await deps.reservations.get(reservation_id, viewer_of(principal))
    if found is None:
        raise not_found(WHAT)
    return found


async def _measured(deps: Deps, form: Settlement, base: Base) -> Measured:
    if form.text is not None and base == Base.UNIT:
        raise invalid("This reservation counts units and no text; write amount.", "text")
    return await measure(deps, amount=form.amount, text=form.text, base=base)


async def _again(deps: Deps, principal: Principal, repeated: RepeatedError) -> web.Response:
    """Answer the reservation that was opened under this key, as it is now."""
    if repeated.repeat is Repeat.MISMATCH:
        raise repeated
    found = await deps.reservations.get(repeated.request_id, viewer_of(principal))
    if found is None:
        raise repeated
    response = answered(found)
    response.headers.update(REPLAYED)
    return response


def _ended(found: tuple[bool, ReservationRecord] | None) -> web.Response:
    if found is None:
        raise not_found(WHAT)
    agreed, record = found
    if not agreed:
        how = f"charged {record.charge}" if record.charge is not None else record.status
        raise already_used(f"This reservation was {how} before; that stays as it is.")
    return answered(record)


async def _to_the_end(deps: Deps, work: Coroutine[None, None, T]) -> T:
    """Do it, also when the client hangs up: what Postgres has booked, Redis must hear of."""
    task = deps.meter.spawn(work, "reservation")
    task.add_done_callback(lambda done: done.cancelled() or done.exception())  # perhaps nobody waits for it any more
    found: T = await asyncio.shield(task)
    return found


def routes() -> list[web.RouteDef]:
    """Return the routes of metering."""
    return [
        web.post("/api/v1/usage", member(post_usage)),
        web.post("/api/v1/reservations", member(post_reservation)),
        web.get("/api/v1/reservations/{id}", member(get_reservation), allow_head=False),
        web.post("/api/v1/reservations/{id}/settle", member(settle_reservation)),
        web.post("/api/v1/reservations/{id}/release", member(release_reservation)),
    ]

"""Metering of what is no model call: what a client says or sends, as an order to the meter."""

from dataclasses import dataclass

from aiohttp import web

from gateway.account.forms import NewUse
from gateway.admin.serving import ADMIN
from gateway.auth import Principal
from gateway.body import BODY, read_body
from gateway.deps import Deps
from gateway.errors import ApiError, forbidden, invalid
from gateway.idempotency import HEADER, claim_of
from gateway.middleware import REQUEST_ID
from gateway.resources import require_resource
from metering.ask import Claim
from metering.core.allocations import NO_MODEL
from metering.core.rates import AMOUNT_MAX, MICRO
from metering.core.settlement import Orphan
from metering.core.units import Base, charge_of_units, count_words
from metering.use import RATE_VERSION, UseOrder, no_model

ENCODING = "o200k_base"  # of texts that are metered in tokens and go to no model


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """So many units of a base, counted here or told."""

    units: int
    base: Base
    counted_here: bool


async def measure(deps: Deps, *, amount: int | None, text: str | None, base: Base | None) -> Measured:
    """Return what a client used: the amount that it names, or its text, counted. Raises ApiError (400)."""
    if (amount is None) is (text is None):
        raise invalid("amount and text are two ways to say the same; write one of them.", "amount")
    if text is None:
        return Measured(units=amount or 0, base=base or Base.UNIT, counted_here=False)
    base = base or Base.TOKEN
    if base == Base.UNIT:
        raise invalid('A text is counted by "word", "character" or "token"; write one of them.', "base")
    count = {Base.WORD: count_words, Base.CHARACTER: len, Base.TOKEN: deps.counter.encoder(ENCODING)}[base]
    return Measured(units=await deps.counter.count_with(count, text), base=base, counted_here=True)


async def claim_on(request: web.Request, deps: Deps, principal: Principal, endpoint: str) -> Claim | None:
    """Return the claim of a request on its Idempotency-Key, if it has one; its body is read for that."""
    if HEADER not in request.headers:
        return None
    request[BODY] = await read_body(request, seconds_max=deps.settings.server.body_seconds_max)
    claim = await claim_of(request.headers, principal, endpoint, request[BODY])
    return claim and Claim(key=claim.key, digest=claim.digest, key_id=claim.key_id)


def rate_of(deps: Deps, *, feature: str | None, resource: str, base: Base) -> tuple[int, str]:
    """Return the rate of one unit, in millionths of the resource, and the name of its version.

    The one place where a feature's rate comes in: everything behind it carries what is returned here.
    """
    del deps, feature, resource, base
    return MICRO, RATE_VERSION


def too_much() -> ApiError:
    """Return a 400: more than amounts can count."""
    return invalid(f"So much is more than an account can hold; write at most {AMOUNT_MAX}.", "amount")


async def order_for(  # noqa: PLR0913, PLR0917 - an order is put together here
    request: web.Request, deps: Deps, principal: Principal, form: NewUse, endpoint: str, claim: Claim | None
) -> tuple[UseOrder, Measured]:
    """Return what a use asks of the meter. Raises ApiError (400, 403)."""
    resource = form.resource or principal.unit
    require_resource(deps.settings, resource, unit=principal.unit)
    user_id = principal.user_id
    if form.user_id is not None and form.user_id != user_id:
        if principal.role != ADMIN:
            raise forbidden("Only an admin of the account may meter for another member; leave user_id out.")
        user_id = form.user_id
    measured = await measure(deps, amount=form.amount, text=form.text, base=form.base)
    if measured.units == 0:
        raise invalid("There is nothing to meter; write an amount or a text that is not empty.", "amount")
    rate, version = rate_of(deps, feature=form.feature, resource=resource, base=measured.base)
    try:
        amount = charge_of_units(measured.units, rate=rate)
    except OverflowError as error:
        raise too_much() from error
    order = UseOrder(
        request_id=request[REQUEST_ID],
        account_id=principal.account_id,
        user_id=user_id,
        key_id=principal.key_id,
        resource=resource,
        endpoint=endpoint,
        model=NO_MODEL,
        candidates=(no_model(rate, version),),
        stream=False,
        prompt_tokens=measured.units if measured.base == Base.TOKEN else 0,
        limit=0,
        choices=1,
        clamp="never",
        min_completion_tokens=0,
        orphan=Orphan.UPPER_BOUND.value,  # its hold is its charge
        session_id=form.session_id,
        reason=form.reason or endpoint,
        feature=form.feature,
        claim=claim,
        base=measured.base,
        units=measured.units,
        amount=amount,
        rate=rate,
        limits=await deps.auth.limits_for(principal, user_id),
    )
    return order, measured


def already_used(message: str) -> ApiError:
    """Return a 409: it has ended otherwise."""
    return ApiError(409, message, code="already_used", headers={"x-should-retry": "false"})

"""Metering of what is no model call: what a client says or sends, as an order to the meter."""

from dataclasses import dataclass
from functools import partial

from aiohttp import web

from gateway.account.forms import NewUse
from gateway.admin.serving import ADMIN
from gateway.auth import Principal, require_model
from gateway.body import BODY, read_body
from gateway.deps import Deps
from gateway.errors import ApiError, forbidden, invalid
from gateway.idempotency import HEADER, claim_of
from gateway.middleware import REQUEST_ID
from gateway.resources import require_resource
from metering.ask import Claim
from metering.core.allocations import NO_MODEL
from metering.core.rates import AMOUNT_MAX, MICRO, charge_of_units
from metering.core.settlement import CREDITS, Orphan
from metering.core.tariffs import UnitRate
from metering.core.units import Base
from metering.core.words import count_units
from metering.errors import UnpricedModelError
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
    count = deps.counter.encoder(ENCODING) if base == Base.TOKEN else partial(count_units, base.value)
    return Measured(units=await deps.counter.count_with(count, text), base=base, counted_here=True)


async def claim_on(request: web.Request, deps: Deps, principal: Principal, endpoint: str) -> Claim | None:
    """Return the claim of a request on its Idempotency-Key, if it has one; its body is read for that."""
    if HEADER not in request.headers:
        return None
    request[BODY] = await read_body(request, seconds_max=deps.settings.server.body_seconds_max)
    claim = await claim_of(request.headers, principal, endpoint, request[BODY])
    return claim and Claim(key=claim.key, digest=claim.digest, key_id=claim.key_id)


def rate_of(deps: Deps, principal: Principal, form: NewUse, resource: str) -> UnitRate:
    """Return what one unit is charged: by the rate of its feature, else by the price of the model's images, else one.

    Everything behind it carries what is returned here. Raises ApiError (400, 403), UnknownFeatureError,
    UnpricedModelError: what has no price in credits is never charged one micro-dollar instead.
    """
    if form.model is not None:
        require_model(principal, form.model)
    found = deps.tariff.now.unit_rate(feature=feature_of(principal, form), model=form.model, unit=resource)
    if found is None and resource == CREDITS and form.model is not None:
        raise UnpricedModelError(form.model)
    if found is None:
        return UnitRate(MICRO, (form.base or _base_without_rate(form)).value, RATE_VERSION)
    if form.base not in {None, found.base}:
        raise invalid(f"This is charged by the {found.base}; write that as its base, or leave base out.", "base")
    return found


def feature_of(principal: Principal, form: NewUse) -> str | None:
    """Return what a use is made for: what it says, else what its key says."""
    return form.feature or principal.feature


def _base_without_rate(form: NewUse) -> Base:
    return Base.UNIT if form.text is None else Base.TOKEN


def require_priced(resource: str, base: Base, rate: UnitRate) -> None:
    """Raise ApiError (400) for what would be charged a micro-dollar a word: an amount in credits is one of credits."""
    if resource == CREDITS and rate.version == RATE_VERSION and base != Base.UNIT:
        raise invalid(
            f"A {base} has no price in credits; name a feature that has a rate in credits, or write an amount of them.",
            "feature",
        )


def too_much() -> ApiError:
    """Return a 400: more than amounts can count."""
    return invalid(f"So much is more than an account can hold; write at most {AMOUNT_MAX}.", "amount")


async def order_for(  # noqa: PLR0913, PLR0917 - an order is put together here
    request: web.Request, deps: Deps, principal: Principal, form: NewUse, endpoint: str, claim: Claim | None
) -> tuple[UseOrder, Measured]:
    """Return what a use asks of the meter. Raises ApiError (400, 403), and as ``rate_of`` does."""
    resource = form.resource or principal.unit
    require_resource(deps.settings, resource, unit=principal.unit)
    user_id = principal.user_id
    if form.user_id is not None and form.user_id != user_id:
        if principal.role != ADMIN:
            raise forbidden("Only an admin of the account may meter for another member; leave user_id out.")
        user_id = form.user_id
    rate = rate_of(deps, principal, form, resource)
    require_priced(resource, Base(rate.base), rate)
    measured = await measure(deps, amount=form.amount, text=form.text, base=Base(rate.base))
    if measured.units == 0:
        raise invalid("There is nothing to meter; write an amount or a text that is not empty.", "amount")
    try:
        amount = charge_of_units(measured.units, rate=rate.rate)
    except OverflowError as error:
        raise too_much() from error
    order = UseOrder(
        request_id=request[REQUEST_ID],
        account_id=principal.account_id,
        user_id=user_id,
        key_id=principal.key_id,
        resource=resource,
        endpoint=endpoint,
        model=form.model or NO_MODEL,
        candidates=(no_model(rate.rate, rate.version),),
        stream=False,
        prompt_tokens=measured.units if measured.base == Base.TOKEN else 0,
        limit=0,
        choices=1,
        clamp="never",
        min_completion_tokens=0,
        orphan=Orphan.UPPER_BOUND.value,  # its hold is its charge
        session_id=form.session_id,
        reason=form.reason or endpoint,
        feature=feature_of(principal, form),
        claim=claim,
        base=measured.base,
        units=measured.units,
        amount=amount,
        rate=rate.rate,
        limits=await deps.auth.limits_for(principal, user_id),
    )
    return order, measured


def already_used(message: str) -> ApiError:
    """Return a 409: it has ended otherwise."""
    return ApiError(409, message, code="already_used", headers={"x-should-retry": "false"})

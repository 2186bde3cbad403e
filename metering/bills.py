"""What a request is charged, and at which price, where more than three rates decide it."""

from collections.abc import Mapping
from typing import Protocol

import msgspec
from msgspec import structs

from config.cards import ALSO_DEFAULT, DEFAULT_TIER, Price, PriceCard
from config.catalog import ModelSpec
from metering.core.rates import charge_of, charge_of_kinds
from metering.core.settlement import (
    CREDITS,
    Details,
    Outcome,
    Reservation,
    Result,
    answered_by,
    priced_at,
    result_of,
    row_of,
    usual_row,
)
from metering.order import Order


class Bill(msgspec.Struct, frozen=True, gc=False):
    """``charge`` in the account's unit; ``cost`` in micro-dollars by the price table, None where it has no price."""

    charge: int
    price: Price | None
    cost: int | None
    details: Details | None

    def stamped_on(self, result: Result) -> Result:
        """Return a result that says how its charge came about."""
        if self.price is not None:
            result = priced_at(result, self.price)
        return structs.replace(result, cost=self.cost, details=self.details)


def card_of(prices: Mapping[str, PriceCard] | None, spec: ModelSpec) -> PriceCard | None:
    """Return the prices of a model: by the name that clients ask for, else by its name at the provider."""
    return None if prices is None else prices.get(spec.name) or prices.get(spec.upstream_model)


def bill_of(order: Order, spec: ModelSpec, outcome: Outcome) -> Bill:
    """Return the bill of a usage; ``spec`` is the model that answered."""
    tier = tier_of(outcome.service_tier) or tier_of(order.service_tier)
    tokens = outcome.prompt_tokens
    price = spec.card.price_of(service_tier=tier, prompt_tokens=tokens) if spec.card is not None else None
    if price is not None:
        charge = charge_of_kinds(price.rates, outcome)
    else:
        completion = outcome.completion_tokens if outcome.units is None else outcome.units
        charge = charge_of(spec.rates, prompt=tokens, cached=outcome.cached_tokens, completion=completion)
    card = card_of(order.prices, spec)
    cost = charge if order.resource == CREDITS else None
    if card is not None:
        cost = charge_of_kinds(card.price_of(service_tier=tier, prompt_tokens=tokens).rates, outcome)
    return Bill(charge, price, cost, _details(spec, outcome, tier))


class Settled(Protocol):
    """A hold whose request has ended."""

    facts_json: bytes
    reservation: Reservation
    attempts: list[dict[str, str]]


def settled_row(  # noqa: PLR0913 - what a row says
    hold: Settled, outcome: Outcome, bill: Bill | None, answered: ModelSpec | None, *, charge: int, duration_ms: int
) -> bytes:
    """Return the row that the ledger books; ``answered``: the model that did, where others might have."""
    held, attempts = hold.reservation, hold.attempts
    if bill is None and answered is None and not attempts:
        return usual_row(hold.facts_json, held, outcome, charge=charge, duration_ms=duration_ms)
    result = result_of(held, outcome, charge=charge, duration_ms=duration_ms, attempts=attempts)
    if answered is not None:
        result = answered_by(result, answered)
    return row_of(hold.facts_json, result if bill is None else bill.stamped_on(result))


def tier_of(named: str | None) -> str | None:
    """Return a service tier by the name that prices know; None leaves it to the provider."""
    if named is None or named == "auto":
        return None
    return DEFAULT_TIER if named in ALSO_DEFAULT else named


def _details(spec: ModelSpec, outcome: Outcome, tier: str | None) -> Details | None:
    parts = outcome.parts
    tier = None if tier == DEFAULT_TIER else tier
    if parts is None and outcome.units is None and tier is None:
        return None
    return Details(
        base=spec.rates.base,
        units=outcome.units,
        service_tier=tier,
        cache_write_tokens=parts.cache_write if parts else 0,
        image_tokens=parts.image if parts else 0,
        audio_tokens=parts.audio if parts else 0,
        image_completion_tokens=parts.image_completion if parts else 0,
        audio_completion_tokens=parts.audio_completion if parts else 0,
    )

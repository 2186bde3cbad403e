"""Orders for what is no model call: images, pages, words, bytes. The amount is known; no model answers."""

import msgspec
from msgspec import structs

from config.catalog import ModelSpec, Rates
from metering.core.allocations import NO_MODEL
from metering.core.settlement import CREDITS, Facts, Outcome, Source, Status, decode_facts
from metering.core.units import Base
from metering.facts import facts_json_of
from metering.order import Order, Terms

RATE_VERSION = "unit"


class UseOrder(Order, frozen=True, kw_only=True):
    """One use: ``units`` of ``base`` at ``rate`` (millionths) are ``amount`` of the resource, all of which is held."""

    base: Base
    units: int
    amount: int
    rate: int

    def terms(self) -> Terms:
        """Return how much to hold: the amount, no more and no less."""
        return Terms(self.amount, self.amount, self.amount)


def no_model(rate: int, version: str = RATE_VERSION) -> ModelSpec:
    """Return what stands for the model. Nothing is charged by completion tokens, so an orphan shows none."""
    return ModelSpec(
        name=NO_MODEL,
        provider=NO_MODEL,
        upstream_model=NO_MODEL,
        encoding="o200k_base",
        reply_primer=0,
        stop_token=False,
        context_tokens=0,
        max_completion_tokens=0,
        default_hold_tokens=0,
        safety_factor=1_000_000,
        rates=Rates(prompt=rate, cached=rate, completion=0),
        rate_version=version,
        fallbacks=(),
        label=NO_MODEL,
    )


def outcome_of(units: int, base: Base, *, counted_here: bool) -> Outcome:
    """Return the usage of a use. Only what was counted in tokens has any: nothing else may show as tokens."""
    return Outcome(
        prompt_tokens=units if base == Base.TOKEN else 0,
        completion_tokens=0,
        source=Source.TOKENIZER if counted_here else Source.UPSTREAM,
        status=Status.COMPLETED,
        counted_completion_tokens=None,
    )


def with_units(row: bytes, units: int, base: Base, *, cost: int | None) -> bytes:
    """Return a settlement's row that says of how many units its charge is made, and what it costs in micro-dollars."""
    said = b',"units":%d,"details":{"base":"%s","units":%d}' % (units, base.value.encode(), units)
    return row[:-1] + said + (b"}" if cost is None else b',"cost":%d}' % cost)


def cost_of(resource: str, charge: int) -> int | None:
    """Return the cost of a use in micro-dollars: its charge in credits; in another resource nobody knows it."""
    return charge if resource == CREDITS else None


class _Life(msgspec.Struct, frozen=True, gc=False):
    ttl_ms: int = 0


_decode_life = msgspec.json.Decoder(_Life).decode


def ttl_ms_of(facts: bytes | str) -> int:
    """Return for how long the reservation that these facts are of may stay open; 0: they are of no reservation."""
    try:
        return _decode_life(facts).ttl_ms
    except msgspec.DecodeError:
        return 0


def facts_for(order: Order, *, started_at_ms: int, ttl_seconds: int) -> Facts:
    """Return the facts of a reservation."""
    facts = decode_facts(facts_json_of(order, started_at_ms=started_at_ms))
    return structs.replace(facts, ttl_ms=ttl_seconds * 1000)

"""The facts of an order as JSON: what is remembered of others changes nothing in them."""

from msgspec import structs

from config.catalog import Rates
from metering import facts as shared
from metering.ask import Claim
from metering.core.settlement import Facts, decode_facts
from metering.facts import facts_json_of
from metering.order import Order
from tests.unit.metering.test_order import order, spec


def expected(order: Order) -> Facts:
    """The same, field by field."""
    card = order.dearest.rates
    named = {name: getattr(order, name) for name in Facts.__struct_fields__ if hasattr(order, name)}
    return Facts(
        **named,
        provider=order.spec.provider,
        counted_prompt_tokens=order.prompt_tokens,
        rates=(card.prompt, card.cached, card.completion),
        rate_version=order.dearest.rate_version,
        started_at_ms=7,
        base=card.base,
        idempotency_key=order.claim.key if order.claim else None,
        body_digest=order.claim.digest if order.claim else None,
    )


def test_each_order_has_its_own_facts() -> None:
    plain = order()
    odd = 'say "hi",\n\u2028 {%d} \\'
    changes: dict[str, object] = {
        "request_id": "r2",
        "account_id": "a2",
        "user_id": odd,
        "key_id": "k2",
        "endpoint": "e2",
        "model": odd,
        "resource": "credits",
        "stream": True,
        "prompt_tokens": 12_345,
        "orphan": "checkpoint",
        "session_id": odd,
        "reason": odd,
        "feature": "f2",
        "claim": Claim(key=odd, digest="d"),
        "candidates": (spec(Rates(prompt=1, cached=2, completion=3)),),
    }
    orders = [plain, *(structs.replace(plain, **{name: value}) for name, value in changes.items())]
    orders += [structs.replace(plain, candidates=(spec(Rates(**rates)),)) for rates in cards()]
    orders += [structs.replace(plain, candidates=(spec(Rates(prompt=1, cached=1, completion=1, base="word")),))]
    for _ in range(2):  # the second time, everything is remembered
        for one in orders:
            assert decode_facts(facts_json_of(one, started_at_ms=7)) == expected(one)


def cards() -> list[dict[str, int]]:
    """Rates that differ in one number each, under one version."""
    return [{"prompt": 1, "cached": 1, "completion": 1} | {name: 2} for name in ("prompt", "cached", "completion")]


def test_so_many_are_remembered_and_no_more() -> None:
    shared._shared.clear()
    for number in range(shared.SHARED_MAX + 10):
        facts_json_of(structs.replace(order(), session_id=f"s{number}"), started_at_ms=7)
    assert len(shared._shared) == 10

"""Price cards: which price a request has, and the dearest that it can have."""

import pytest

from config.cards import KindRates, Price, PriceCard, Rates, dearest_of

PLAIN = KindRates.of({"prompt": 2, "cached": 1, "completion": 8})
LONG = KindRates.of({"prompt": 4, "cached": 2, "completion": 12})
PRIORITY = KindRates.of({"prompt": 5, "cached": 5, "completion": 10, "reasoning": 20})
CARD = PriceCard(
    "m",
    (
        Price(rates=PLAIN, version="plain"),
        Price(rates=LONG, version="long", above_prompt_tokens=200_000),
        Price(rates=PRIORITY, version="priority", service_tier="priority"),
    ),
)


def test_a_kind_without_a_rate_costs_what_its_whole_costs() -> None:
    assert PLAIN.as_tuple() == (2, 1, 8, 2, 8, 2, 2, 8, 8)
    assert PLAIN.is_plain
    assert not PRIORITY.is_plain


@pytest.mark.parametrize(
    ("tier", "prompt", "version"),
    [
        (None, 0, "plain"),
        (None, 200_000, "plain"),  # above, not from
        (None, 200_001, "long"),
        ("default", 200_001, "long"),
        ("priority", 10, "priority"),
        ("priority", 300_000, "priority"),  # it has no threshold
        ("flex", 10, "plain"),  # no price of its own
    ],
)
def test_the_price_is_that_of_tier_and_prompt(tier: str | None, prompt: int, version: str) -> None:
    assert CARD.price_of(service_tier=tier, prompt_tokens=prompt).version == version


@pytest.mark.parametrize(
    ("tiers", "prompt", "versions"),
    [
        (("default",), 10, {"plain"}),
        (("default",), 200_001, {"plain", "long"}),
        (("priority", "default"), 10, {"plain", "priority"}),
        (("flex", "default"), 200_001, {"plain", "long"}),
    ],
)
def test_every_price_that_can_apply_is_held_for(tiers: tuple[str, ...], prompt: int, versions: set[str]) -> None:
    found = CARD.applicable(service_tiers=tiers, prompt_tokens=prompt)
    assert {price.version for price in found} == versions


def test_the_dearest_rates_are_those_of_the_dearest_kinds() -> None:
    assert dearest_of(CARD.prices) == Rates(prompt=5, cached=5, completion=20)
    cached = KindRates.of({"prompt": 1, "cached": 9, "completion": 2, "audio": 7, "image_completion": 30})
    assert cached.dearest() == Rates(prompt=9, cached=9, completion=30)


def test_a_version_changes_with_every_rate_and_with_the_base() -> None:
    rates = Rates(prompt=1, cached=1, completion=1)
    others = [
        Rates(prompt=2, cached=1, completion=1),
        Rates(prompt=1, cached=2, completion=1),
        Rates(prompt=1, cached=1, completion=2),
        Rates(prompt=1, cached=1, completion=1, base="word"),
    ]
    assert len({rates.version, *(other.version for other in others)}) == len(others) + 1
    assert PLAIN.version != PRIORITY.version

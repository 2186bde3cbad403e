"""How far a balance goes."""

import pytest

from config.cards import KindRates, Price
from metering.core.estimate import ByPrice, Empty, Left, Mix, by_price, empty_of, left_of, total_of

DAY = 86_400


def mix(model: str | None = "m", charge: int = 1000) -> Mix:
    return Mix(model=model, requests=10, charge=charge, prompt_tokens=700, cached_tokens=100, completion_tokens=300)


def test_what_is_left_goes_on_as_it_was() -> None:
    left = Left(model="m", requests=5, prompt_tokens=385, cached_tokens=55, completion_tokens=165)
    assert left_of(550, mix()) == left
    assert left_of(-5, mix()) == Left(model="m", requests=0, prompt_tokens=0, cached_tokens=0, completion_tokens=0)


def test_what_was_free_says_nothing() -> None:
    assert left_of(550, mix(charge=0)) is None
    assert left_of(550, total_of([])) is None


def test_a_mix_of_models_is_their_sum() -> None:
    total = total_of([mix("a"), mix("b")])
    assert (total.model, total.requests, total.charge, total.completion_tokens) == (None, 20, 2000, 600)


def test_a_balance_pays_for_so_many_of_one_kind() -> None:
    price = Price(
        rates=KindRates.of({"prompt": 2_500_000, "cached": 0, "completion": 10_000_000}), version="1", images=50_000_000
    )
    assert by_price(5_000_000, "m", price) == ByPrice(
        model="m", input_tokens=2_000_000, cached_tokens=None, completion_tokens=500_000, images=1000
    )


@pytest.mark.parametrize(
    ("day", "week", "age", "empty"),
    [
        (0, 0, None, None),
        (100, 900, 7 * DAY, Empty(window="24h", spent=100, over_seconds=DAY, seconds=5 * DAY)),
        (0, 700, 7 * DAY, Empty(window="7d", spent=700, over_seconds=7 * DAY, seconds=5 * DAY)),
        (100, 100, 7200, Empty(window="24h", spent=100, over_seconds=7200, seconds=5 * 7200)),  # an account of today
        (100, 100, 8, Empty(window="24h", spent=100, over_seconds=3600, seconds=5 * 3600)),  # of this minute
    ],
)
def test_time_to_empty_says_by_which_time_it_was_reckoned(
    day: int, week: int, age: int | None, empty: Empty | None
) -> None:
    assert empty_of(500, last_day=day, last_week=week, age_seconds=age) == empty

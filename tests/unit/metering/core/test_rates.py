"""Charges and worst cases: integers, rounded up once."""

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.cards import KINDS as KIND_NAMES
from config.cards import KindRates
from config.catalog import Rates
from metering.core.rates import (
    AMOUNT_MAX,
    charge_of,
    charge_of_kinds,
    charge_of_units,
    completion_for,
    completion_within,
    hold_of,
)
from metering.core.settlement import Outcome, Source, Status
from providers.wire.answers import Parts

ONE = Rates(prompt=1_000_000, cached=1_000_000, completion=1_000_000)
# $2.50 and $10.00 a million tokens in micro-dollars, cached prompts at half price.
PRICED = Rates(prompt=2_500_000, cached=1_250_000, completion=10_000_000)
CHEAP = Rates(prompt=1, cached=1, completion=1)
FREE_REPLY = Rates(prompt=1_000_000, cached=0, completion=0)
DEAR_CACHE = Rates(prompt=1_000_000, cached=3_000_000, completion=1_000_000)

micro = st.integers(0, 100_000_000)
rate_cards = st.builds(Rates, prompt=micro, cached=micro, completion=micro)
tokens = st.integers(0, 2_000_000)
safety = st.integers(1_000_000, 3_000_000)


@pytest.mark.parametrize(
    ("rates", "prompt", "cached", "completion", "charge"),
    [
        (ONE, 0, 0, 0, 0),
        (ONE, 10, 0, 5, 15),
        (ONE, 10, 10, 5, 15),
        (PRICED, 1, 0, 0, 3),  # 2.5 micro-dollars, rounded up
        (PRICED, 2, 0, 0, 5),
        (PRICED, 1000, 400, 100, 1500 + 500 + 1000),
        (CHEAP, 1, 0, 0, 1),  # a millionth of a unit is a unit: nothing is free by rounding
        (CHEAP, 500_000, 0, 500_000, 1),
        (CHEAP, 500_000, 0, 500_001, 2),
        (FREE_REPLY, 7, 7, 1000, 0),
        (FREE_REPLY, 7, 0, 1000, 7),
    ],
)
def test_charge_is_the_sum_of_counts_times_rates_rounded_up_once(
    rates: Rates, prompt: int, cached: int, completion: int, charge: int
) -> None:
    assert charge_of(rates, prompt=prompt, cached=cached, completion=completion) == charge


@given(rate_cards, tokens, tokens, tokens)
def test_charge_is_exact_to_the_fraction(rates: Rates, prompt: int, cached: int, completion: int) -> None:
    cached = min(cached, prompt)
    exact = Fraction(
        (prompt - cached) * rates.prompt + cached * rates.cached + completion * rates.completion, 1_000_000
    )
    assert charge_of(rates, prompt=prompt, cached=cached, completion=completion) == ceil(exact)


@pytest.mark.parametrize(
    ("rates", "prompt", "safety_factor", "completion", "amount"),
    [
        (ONE, 100, 1_000_000, 50, 150),
        (ONE, 100, 1_100_000, 50, 160),
        (ONE, 3, 1_100_000, 0, 4),  # 3.3 tokens are 4
        (PRICED, 100, 1_000_000, 50, 750),
        (DEAR_CACHE, 100, 1_000_000, 50, 350),
        (FREE_REPLY, 100, 1_000_000, 1_000_000, 100),
        (ONE, 0, 1_000_000, 0, 0),
    ],
)
def test_worst_case_is_the_scaled_prompt_at_its_dearest_rate_and_the_whole_reply(
    rates: Rates, prompt: int, safety_factor: int, completion: int, amount: int
) -> None:
    assert hold_of(rates, prompt=prompt, safety_factor=safety_factor, completion=completion) == amount


@given(rate_cards, tokens, tokens, tokens, safety)
def test_no_charge_within_the_limits_is_above_the_hold(
    rates: Rates, prompt: int, cached: int, completion: int, safety_factor: int
) -> None:
    hold = hold_of(rates, prompt=prompt, safety_factor=safety_factor, completion=completion)
    assert charge_of(rates, prompt=prompt, cached=min(cached, prompt), completion=completion) <= hold


@given(rate_cards.filter(lambda rates: rates.completion > 0), tokens, safety, st.integers(1, 8), st.integers(0, 10**9))
def test_limit_for_an_amount_is_the_largest_whose_worst_case_it_pays(
    rates: Rates, prompt: int, safety_factor: int, choices: int, amount: int
) -> None:
    def worst(limit: int) -> int:
        return hold_of(rates, prompt=prompt, safety_factor=safety_factor, completion=choices * limit)

    limit = completion_for(rates, amount=amount, prompt=prompt, safety_factor=safety_factor, choices=choices)
    assert worst(limit + 1) > amount
    if limit >= 0:
        assert worst(limit) <= amount


def test_limit_is_negative_where_not_even_the_prompt_is_paid() -> None:
    assert completion_for(ONE, amount=9, prompt=10, safety_factor=1_000_000, choices=1) == -1


def test_limit_has_no_bound_where_replies_are_free() -> None:
    assert completion_for(FREE_REPLY, amount=0, prompt=10, safety_factor=1_000_000, choices=4) == AMOUNT_MAX


@pytest.mark.parametrize(
    ("rates", "charge", "prompt", "completion"),
    [(ONE, 150, 100, 50), (ONE, 90, 100, 0), (PRICED, 1250, 100, 100), (FREE_REPLY, 1000, 1, 0)],
)
def test_completion_within_a_charge_is_what_the_prompt_leaves(
    rates: Rates, charge: int, prompt: int, completion: int
) -> None:
    assert completion_within(rates, charge=charge, prompt=prompt) == completion


@given(rate_cards.filter(lambda rates: rates.completion > 0), tokens, st.integers(0, 10**9))
def test_completion_within_a_charge_never_costs_more_than_it(rates: Rates, prompt: int, charge: int) -> None:
    completion = completion_within(rates, charge=charge, prompt=prompt)
    alone = charge_of(rates, prompt=prompt, cached=0, completion=0)
    assert charge_of(rates, prompt=prompt, cached=0, completion=completion) <= max(charge, alone)


WORDS = Rates(prompt=0, cached=0, completion=2_500_000, base="word")
CHARACTERS = Rates(prompt=0, cached=0, completion=10_000, base="character")
UNITS = Rates(prompt=0, cached=0, completion=7_500_000, base="unit")


@pytest.mark.parametrize(
    ("rates", "units", "charge"),
    [(WORDS, 100, 250), (WORDS, 1, 3), (WORDS, 0, 0), (CHARACTERS, 101, 2), (UNITS, 1, 8), (UNITS, 4, 30)],
)
def test_units_are_charged_by_their_rate_rounded_up_once(rates: Rates, units: int, charge: int) -> None:
    assert charge_of_units(units, rate=rates.completion) == charge


def test_units_that_amounts_can_not_count_are_refused() -> None:
    assert charge_of_units(AMOUNT_MAX, rate=1_000_000) == AMOUNT_MAX
    with pytest.raises(OverflowError):
        charge_of_units(AMOUNT_MAX, rate=1_000_001)


@pytest.mark.parametrize(
    ("rates", "completion", "amount"),
    [
        (WORDS, 100, 250),  # a word is held as a token
        (CHARACTERS, 100, 16),  # 16 characters a token
        (UNITS, 100, 8),
        (UNITS, 100_000, 8),
    ],
)
def test_worst_case_of_a_reply_by_its_base(rates: Rates, completion: int, amount: int) -> None:
    assert hold_of(rates, prompt=1000, safety_factor=1_000_000, completion=completion) == amount


@given(st.sampled_from([WORDS, CHARACTERS]), st.integers(0, 10**6), st.integers(1, 4))
def test_limit_for_an_amount_is_the_largest_for_words_and_characters_too(
    rates: Rates, amount: int, choices: int
) -> None:
    limit = completion_for(rates, amount=amount, prompt=10, safety_factor=1_000_000, choices=choices)
    assert hold_of(rates, prompt=10, safety_factor=1_000_000, completion=choices * limit) <= amount
    assert hold_of(rates, prompt=10, safety_factor=1_000_000, completion=choices * (limit + 1)) > amount


def test_a_reply_by_the_unit_has_no_limit_once_the_unit_is_paid() -> None:
    assert completion_for(UNITS, amount=8, prompt=0, safety_factor=1_000_000, choices=1) == AMOUNT_MAX
    assert completion_for(UNITS, amount=7, prompt=0, safety_factor=1_000_000, choices=1) < 0


KINDS = KindRates(
    prompt=10,
    cached=1,
    completion=100,
    cache_write=12,
    reasoning=90,
    image=20,
    audio=40,
    image_completion=200,
    audio_completion=300,
)


def used(prompt: int, completion: int, *, cached: int = 0, reasoning: int = 0, **parts: int) -> Outcome:
    return Outcome(
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=cached,
        reasoning_tokens=reasoning,
        parts=Parts(**parts) if parts else None,
        source=Source.UPSTREAM,
        status=Status.COMPLETED,
        counted_completion_tokens=completion,
    )


@pytest.mark.parametrize(
    ("outcome", "micro"),
    [
        (used(100, 0), 1000),
        (used(100, 0, cached=60), 400 + 60),
        (used(100, 0, cached=60, cache_write=10), 300 + 60 + 120),
        (used(100, 0, image=30, audio=20), 500 + 600 + 800),
        (used(100, 0, audio=80, cached=60), 20 * 1 + 80 * 40),  # cached audio counts as audio, and nothing twice
        (used(0, 50), 5000),
        (used(0, 50, reasoning=20), 3000 + 1800),
        (used(0, 50, reasoning=80), 50 * 90),  # reported beside the completion: not charged again
        (used(0, 50, image_completion=10, audio_completion=10), 3000 + 2000 + 3000),
    ],
)
def test_every_kind_of_token_is_charged_at_its_own_rate_once(outcome: Outcome, micro: int) -> None:
    assert charge_of_kinds(KINDS, outcome) == ceil(Fraction(micro, 1_000_000))
    million = KindRates(**{name: rate * 1_000_000 for name, rate in zip(KIND_NAMES, KINDS.as_tuple(), strict=True)})
    assert charge_of_kinds(million, outcome) == micro


counts = st.integers(0, 1000)
outcomes = st.builds(
    used,
    st.integers(0, 1000),
    st.integers(0, 1000),
    cached=counts,
    reasoning=counts,
    cache_write=counts,
    image=counts,
    audio=counts,
    image_completion=counts,
    audio_completion=counts,
)
kind_rates = st.builds(KindRates, **dict.fromkeys(KIND_NAMES, st.integers(0, 10_000_000)))


@given(kind_rates, outcomes)
def test_no_usage_is_charged_above_the_dearest_rates_nor_below_the_cheapest(rates: KindRates, outcome: Outcome) -> None:
    charge = charge_of_kinds(rates, outcome)
    prompt, completion = outcome.prompt_tokens, outcome.completion_tokens
    assert charge <= charge_of(rates.dearest(), prompt=prompt, cached=0, completion=completion)
    cheapest = min(rates.as_tuple())
    assert charge >= (prompt + completion) * cheapest // 1_000_000

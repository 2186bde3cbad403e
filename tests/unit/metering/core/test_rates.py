"""Charges and worst cases: integers, rounded up once."""

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.catalog import Rates
from metering.core.rates import AMOUNT_MAX, charge_of, completion_for, completion_within, hold_of

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

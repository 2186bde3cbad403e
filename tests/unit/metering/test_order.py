"""How much a request holds, and what limit is forwarded."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.catalog import ModelSpec, Rates
from metering.core.rates import AMOUNT_MAX
from metering.order import Order

ONE = Rates(prompt=1_000_000, cached=1_000_000, completion=1_000_000)
DEAR = Rates(prompt=2_000_000, cached=2_000_000, completion=4_000_000)
FREE = Rates(prompt=0, cached=0, completion=0)


def spec(rates: Rates = ONE, *, maximum: int = 1000, context: int = 8000, safety: int = 1_000_000) -> ModelSpec:
    values = {field.name: "" for field in fields(ModelSpec)} | {
        "name": "m",
        "rates": rates,
        "card": None,
        "max_completion_tokens": maximum,
        "context_tokens": context,
        "default_hold_tokens": 200,
        "safety_factor": safety,
    }
    return ModelSpec(**values)


def order(
    *candidates: ModelSpec,
    prompt: int = 100,
    limit: int | None = None,
    stream: bool = False,
    choices: int = 1,
    clamp: str = "unset",
) -> Order:
    return Order(
        request_id="r",
        account_id="a",
        user_id=None,
        key_id=None,
        resource="tokens",
        endpoint="chat.completions",
        model="m",
        candidates=candidates or (spec(),),
        stream=stream,
        prompt_tokens=prompt,
        limit=limit,
        choices=choices,
        clamp=clamp,
        min_completion_tokens=16,
        orphan="bounded",
        session_id=None,
        reason="",
        feature=None,
    )


@pytest.mark.parametrize(
    ("asked", "want", "least", "bound"),
    [
        # a limit that the client named is held in full
        (order(limit=50), 150, 150, 150),
        (order(limit=50, stream=True), 150, 150, 150),
        (order(limit=50, clamp="never"), 150, 150, 150),
        (order(limit=50, clamp="always"), 150, 116, 150),
        (order(limit=5, clamp="always"), 105, 105, 105),  # never raised to the least completion
        # with none, a whole answer holds the model's maximum, down to the least completion
        (order(), 1100, 116, 1100),
        (order(clamp="never"), 1100, 1100, 1100),
        # with none, a stream starts with the default hold and grows
        (order(stream=True), 300, 116, 1100),
        (order(stream=True, clamp="never"), 300, 300, 1100),
        # what the context leaves bounds the reply
        (order(prompt=7900), 8000, 7916, 8000),
        (order(prompt=7990), 8000, 8000, 8000),
        (order(prompt=7990, stream=True), 8000, 8000, 8000),
        (order(prompt=9000), 9001, 9001, 9001),  # no room: the upstream will say so
        # every choice may use its whole limit
        (order(limit=50, choices=3), 250, 250, 250),
        (order(stream=True, choices=2), 500, 132, 2100),
        # the safety factor is on the prompt only
        (order(spec(safety=1_500_000), limit=50), 200, 200, 200),
        # a fallback may answer: the dearest candidate is held
        (order(spec(), spec(DEAR), limit=50), 400, 400, 400),
        (order(spec(DEAR), spec(), limit=50), 400, 400, 400),
        (order(spec(FREE), limit=50), 0, 0, 0),
    ],
)
def test_terms_are_the_worst_case_and_what_would_do(asked: Order, want: int, least: int, bound: int) -> None:
    terms = asked.terms()
    assert (terms.want, terms.least, terms.bound) == (want, least, bound)


def test_hold_never_exceeds_what_lua_counts_exactly() -> None:
    terms = order(spec(Rates(prompt=10**9, cached=10**9, completion=10**9)), limit=2**52).terms()
    assert terms.want == terms.bound == AMOUNT_MAX


@pytest.mark.parametrize(
    ("candidates", "name"),
    [
        ((spec(),), 0),
        ((spec(), spec(DEAR)), 1),
        ((spec(DEAR), spec()), 0),
        ((spec(), spec(Rates(prompt=3_000_000, cached=0, completion=1_000_000))), 1),
    ],
)
def test_orphan_is_charged_by_the_dearest_candidate(candidates: tuple[ModelSpec, ...], name: int) -> None:
    assert order(*candidates).dearest is candidates[name]


rates = st.builds(
    Rates,
    *[st.just(0)] * 0,
    prompt=st.integers(0, 10**7),
    cached=st.integers(0, 10**7),
    completion=st.integers(1, 10**7),
)
specs = st.builds(spec, rates, safety=st.integers(1_000_000, 2_000_000))
orders = st.builds(
    order,
    specs,
    specs,
    prompt=st.integers(0, 7000),
    limit=st.none() | st.integers(1, 20_000),
    stream=st.booleans(),
    choices=st.integers(1, 4),
    clamp=st.sampled_from(["never", "unset", "always"]),
)


@given(orders, st.integers(0, 10**9))
def test_forwarded_limit_never_promises_more_than_is_held(asked: Order, more: int) -> None:
    terms = asked.terms()
    assert terms.least <= terms.want <= terms.bound
    held = min(terms.want, terms.least + more)
    if held < terms.want:
        limit = asked.limit_for(held)
        assert asked.worst(limit) <= held
        assert asked.worst(limit + 1) > held
        assert limit >= min(asked.min_completion_tokens, asked.completion_max)

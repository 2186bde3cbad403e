"""What an import of prices adds."""

from metering.core.quotes import Change, Quote, cards_of, changes_of


def quote(model: str = "m", tier: str = "default", above: int = 0, **amounts: int) -> Quote:
    return Quote(model=model, service_tier=tier, above_prompt_tokens=above, **{"input": 1, "completion": 2, **amounts})


def test_what_is_the_same_is_no_change() -> None:
    assert changes_of([quote()], [quote()], ["m"]) == []


def test_what_differs_is_new_and_what_is_gone_ends() -> None:
    now = [quote(), quote(tier="flex"), quote(above=1000)]
    then = [quote(input=3), quote(above=1000), quote(tier="priority", input=9)]
    ended = Quote(model="m", service_tier="flex", ended=True)
    assert changes_of(now, then, ["m"]) == [
        Change(quote(), quote(input=3)),
        Change(quote(tier="flex"), ended),
        Change(None, quote(tier="priority", input=9)),
    ]


def test_models_that_were_not_asked_for_or_are_not_known_keep_their_prices() -> None:
    now = [quote("a"), quote("b"), quote("c")]
    assert changes_of(now, [quote("a")], ["a", "b"]) == []


def test_a_card_has_the_rows_of_its_model_and_needs_a_default() -> None:
    rows = [("1", quote(cached_input=0)), ("2", quote(above=10)), ("3", quote("x", tier="flex"))]
    cards = cards_of(rows)
    assert list(cards) == ["m"]
    first, second = cards["m"].prices
    assert (first.version, first.rates.cached, second.rates.cached) == ("price:1", 0, 1)
    assert second.above_prompt_tokens == 10

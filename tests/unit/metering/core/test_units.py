"""Units of what is no model call."""

import pytest

from metering.core.rates import AMOUNT_MAX
from metering.core.units import charge_of_units, count_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("  \n", 0),
        ("hello, world!", 2),
        ("can't", 1),
        ("3.14 and 1,000", 3),
        ("snake_case _leading", 2),
        ("你好 世界", 4),
        ("e\u0301a", 1),
        ("👍 ok", 1),
        ("don't-stop", 2),
    ],
)
def test_words_are_those_of_unicode(text: str, words: int) -> None:
    assert count_words(text) == words


def test_a_charge_is_rounded_up_once() -> None:
    assert charge_of_units(100, rate=2_500_000) == 250
    assert charge_of_units(3, rate=333_334) == 2
    assert charge_of_units(0, rate=2_500_000) == 0
    assert charge_of_units(AMOUNT_MAX, rate=1_000_000) == AMOUNT_MAX


def test_what_amounts_can_not_count_is_refused() -> None:
    with pytest.raises(OverflowError):
        charge_of_units(AMOUNT_MAX, rate=1_000_001)

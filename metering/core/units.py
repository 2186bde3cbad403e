"""What is no model call, in units: single things, words, characters or tokens, and what they are charged.

Words are those of UAX #29: the segments between word boundaries that have a letter or a digit in them; every ideograph
is one. Characters are Unicode code points.
"""

from enum import StrEnum

import regex

from metering.core.rates import AMOUNT_MAX, MICRO


class Base(StrEnum):
    """What an amount counts."""

    UNIT = "unit"
    WORD = "word"
    CHARACTER = "character"
    TOKEN = "token"  # noqa: S105 - a word of ours


_WORD = regex.compile(r"(?w)\b(?=\p{Pc}*[\p{L}\p{N}])")


def count_words(text: str) -> int:
    """Return the words of a text."""
    return sum(1 for _ in _WORD.finditer(text))


def charge_of_units(units: int, *, rate: int) -> int:
    """Return what so many units cost, in the resource: ``rate`` is millionths for each, rounded up once.

    Raises OverflowError: more than amounts can count.
    """
    charge = -(-units * rate // MICRO)
    if charge > AMOUNT_MAX:
        raise OverflowError(charge)
    return charge

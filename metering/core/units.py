"""What is no model call is counted in units: single things, words, characters or tokens."""

from enum import StrEnum


class Base(StrEnum):
    """What an amount counts."""

    UNIT = "unit"
    WORD = "word"
    CHARACTER = "character"
    TOKEN = "token"  # noqa: S105 - a word of ours
